"""The training recipe: one frozen tree, unknown keys refused, everything that shapes a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from holocine_core.sampling import Attention, FrameSize, Frozen, ProfileName
from holocine_core.script.screenplay import Seed, Text
from holocine_core.script.timeline import latent_frames, on_grid
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.recipe_start import Count, Start

Share = Annotated[float, Field(ge=0, le=1)]
Part = Literal["transformer", "text_encoder"]
Precision = Literal["auto", "bf16", "float32"]

GROUP = 8
"""Scenes of the stage that share one layout of shots, so that they can stand in one batch."""


class Lora(Frozen):
    """Low-rank matrices that are trained instead of the weights."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rows of the matrices: more can learn more."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """Scale of the change is alpha / rank; the rank where absent."""
    targets: Annotated[tuple[Text, ...], Field(min_length=1)] = (
        "to_q",
        "to_k",
        "to_v",
        "to_out.0",
        "ffn.net.0.proj",
        "ffn.net.2",
    )
    """Ends of the names of the linear layers that get matrices."""


class Mechanism(Frozen):
    """Switches of the two attentions, for comparisons."""

    summaries: bool = True
    """Whether shots see each other's first latent frames in sparse attention."""
    windows: bool = True
    """Whether each shot reads only the global caption and its own text."""


class Optimizer(Frozen):
    """How the weights move."""

    kind: Literal["muon", "adamw", "adamw-8bit"] = "muon"
    """muon: Muon for the matrices inside blocks, AdamW for the rest; adamw: AdamW for all;
    adamw-8bit: the same, with what it remembers in 8 bits (extra `torchao`)."""
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Highest learning rate; the same for both kinds (Muon's update is scaled to AdamW's)."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Decoupled; matrices only."""
    betas: tuple[Share, Share] = (0.9, 0.99)
    """AdamW's."""
    momentum: Share = 0.95
    """Muon's."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of the gradient."""


class Schedule(Frozen):
    """The learning rate over all phases: it rises, holds, and falls to zero."""

    warm_up: Annotated[int, Field(ge=0)] = 200
    """Steps of the rise."""
    decay: Share = 0.2
    """Share of all steps in which it falls, at the end."""


def _grid(frames: tuple[int, int]) -> tuple[int, int]:
    if not all(map(on_grid, frames)) or frames[0] > frames[1]:
        raise ValueError(
            f"`frames` is {frames[0]} to {frames[1]}; both are of the form 4t+1, the smaller first"
        )
    return frames


class Phase(Frozen):
    """A stretch of training on one size of picture."""

    size: FrameSize | None = None
    """Width x height of the clips; with `data` clips of every size, in buckets, where absent."""
    steps: Count
    """Optimizer steps."""
    batch: Count = GROUP
    """Most samples in one pass; they have one size and length."""
    tokens: Count | None = None
    """Most video tokens in one pass: long clips then come in fewer samples, one at least."""
    accumulate: Count = 1
    """Passes, each with a layout of its own, that one step sums up."""
    scenes: Annotated[int, Field(ge=GROUP)] | None = None
    """Scenes of the stage to draw."""
    first_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the first of them."""
    frames: tuple[int, int] = (29, 181)
    """Shortest and longest scene of the stage to draw, in frames."""
    shots: tuple[Count, Count] = (3, 10)
    """Shortest and longest shot of the stage to draw, in latent frames, at most 10. Shots of one
    show most for the work: what things look like is learned before how they move."""
    world: Any = None
    """What the stage's scenes are made of: `sets`, `times`, `weathers`, `sizes`, `angles`,
    `movements`, `actions` and `casts`, each a list; all where absent. A smaller world is learned
    sooner, and a later phase can widen it. None for a phase with `data`."""
    data: Text | None = None
    """Instead of `scenes`: a folder of samples, each a screenplay beside its clip."""

    @field_validator("frames")
    @classmethod
    def _on_grid(cls, frames: tuple[int, int]) -> tuple[int, int]:
        return _grid(frames)

    @field_validator("world")
    @classmethod
    def _is_drawn(cls, world: Any) -> Any:
        return None if world is None else drawn_world().within(world)

    @model_validator(mode="after")
    def _one_source(self) -> Phase:
        if (self.scenes is None) == (self.data is None):
            raise ValueError("a phase takes `scenes` or `data`; give one of them")
        if self.scenes is not None:
            if self.size is None:
                raise ValueError("the stage draws one size of picture; add `size:`")
            if self.world is None:
                object.__setattr__(self, "world", drawn_world().within({}))
            drawn_world().check(self)
            if self.tokens is not None:
                raise ValueError("`tokens` is for `data`; scenes of the stage take `batch`")
        elif self.world is not None:
            raise ValueError("`world` is what `scenes` are made of; drop it")
        return self

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height; None where clips of every size come."""
        if self.size is None:
            return None
        width, height = map(int, self.size.split("x"))
        return width, height

    @property
    def width(self) -> int:
        """Of a phase that has one size."""
        assert self.pixels is not None
        return self.pixels[0]

    @property
    def height(self) -> int:
        """Of a phase that has one size."""
        assert self.pixels is not None
        return self.pixels[1]

    @property
    def group(self) -> int:
        """Scenes of the stage that share one layout of shots: at least those of a pass."""
        return max(GROUP, self.batch)

    @property
    def latent_frames(self) -> tuple[int, int]:
        """Shortest and longest scene in latent frames."""
        return latent_frames(self.frames[0]), latent_frames(self.frames[1])


class HeldOut(Frozen):
    """The loss on samples that are never trained on, with fixed noise."""

    every: Annotated[int, Field(ge=1)] = 500
    """Steps from one measurement to the next."""
    scenes: Annotated[int, Field(ge=GROUP)] = 16
    """Held-out scenes of the stage, for phases with `scenes`."""
    data: Text | None = None
    """A folder of samples, for phases with `data`; without it those phases measure nothing."""
    bins: Annotated[int, Field(ge=1, le=50)] = 5
    """Noise levels at which each sample is measured, spread as those of training (``shift``)."""

    @field_validator("scenes")
    @classmethod
    def _whole_groups(cls, scenes: int) -> int:
        if scenes % GROUP:
            raise ValueError(f"`scenes` is {scenes}; it is a multiple of {GROUP}")
        return scenes


class Films(Frozen):
    """Films rendered by the averaged weights while training goes on."""

    every: Count = 2000
    """Steps from one showing to the next; the end is always shown."""
    screenplays: Annotated[tuple[Text, ...], Field(min_length=1)]
    """YAML files, or templates of `holocine new` by name."""
    profile: ProfileName = "standard"
    """Quality of the films."""


class Checkpoints(Frozen):
    """What is kept to go on from."""

    every: Count = 500
    """Steps from one to the next, at most."""
    minutes: Annotated[float, Field(gt=0)] | None = 5
    """Minutes from one to the next, at most: so much is lost where a machine fails."""
    keep: Annotated[int, Field(ge=1)] = 2
    """How many of the latest stay."""
    best: bool = True
    """Whether the one with the lowest held-out loss stays too, for `--export --best`."""
    export: bool = False
    """Whether those that `every` asks for also write the complete model, not only the end."""


class Expert(Frozen):
    """What is other for one of two experts."""

    lr: Annotated[float, Field(gt=0, le=1)] | None = None
    """Highest learning rate; `optimizer.lr` where absent. High noise usually wants a lower one."""


class Experts(Frozen):
    """What is other for each of two experts."""

    high: Expert = Expert()
    """The one for high noise: layout and movement."""
    low: Expert = Expert()
    """The one for low noise: detail."""


class Recipe(Frozen):
    """A whole training run. Paths are relative to the folder that the command is called in; a name
    (`nano`, `a-b-a`) is what ships under it."""

    out: Text
    """Folder of the run: checkpoints, metrics, films and, in the end, the model."""
    seed: Seed = 0
    """Decides order, noise and captions."""
    model: Start
    train: Literal["full", "lora"] = "full"
    """Whether the weights themselves move or low-rank matrices beside them."""
    lora: Lora = Lora()
    """With `train: lora`."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)] = ("transformer",)
    """What is trained."""
    words: bool = False
    """Whether the text encoder's word vectors move too."""
    expert: Literal["high", "low", "both"] | None = None
    """Which expert is trained, for models that have two: both, one after the other, or one."""
    experts: Experts = Experts()
    """What is other for each of both."""
    attention: Attention | None = None
    """Self-attention between shots; the model's own where absent."""
    full_share: Share = 0.0
    """Share of passes that see full self-attention although the model is sparse."""
    mechanism: Mechanism = Mechanism()
    shift: Annotated[float, Field(gt=0, le=50)] = 5.0
    """Timestep shift of training: higher trains more at high noise."""
    loss_weight: Literal["flat", "bell"] = "flat"
    """Weight of a timestep's loss: flat, or Wan's bell around the middle."""
    facts: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of a second loss: what each shot shows, told from the tokens inside the network.
    Only phases with `scenes` know the facts."""
    drop_caption: Share = 0.1
    """Share of samples that are trained without their text, for guidance."""
    clean_shots: Share = 0.0
    """Share of passes in which shots, or a shot's first latent frame, are given without noise."""
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the averaged weights, which are the ones exported; shorter at first."""
    precision: Precision = "auto"
    """Of the passes; weights and optimizer are float32. auto: bf16 where the device multiplies it,
    else float32."""
    ulysses: Count = 1
    """Ranks that share the tokens of a clip, for clips too long for one device; the others have
    clips of their own."""
    compile: bool = False
    """Whether blocks are compiled: a minute at first, then faster steps on a GPU."""
    checkpoint_activations: bool = False
    """Whether blocks run twice instead of keeping what the backward pass needs: much less memory,
    a third more time."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    """One after another."""
    held_out: HeldOut = HeldOut()
    films: Films | None = None
    checkpoints: Checkpoints = Checkpoints()
    tensorboard: bool = False
    """Whether metrics are also written for TensorBoard (extra `train`)."""
    tracker: Literal["trackio", "wandb"] | None = None
    """A package that metrics are also told to, as it is set up on this machine."""
    cache: Text | None = None
    """Folder of the encoded clips; several runs may share one. Inside `out` where absent."""

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        if self.train == "lora" and self.parts != ("transformer",):
            raise ValueError("`train: lora` trains the transformer only; drop `parts`")
        if self.train == "lora" and self.model.new is not None:
            raise ValueError("a new model has nothing to adapt; use `train: full`")
        if self.held_out.data is not None:
            kept = Path(self.held_out.data).resolve()
            if any(phase.data and Path(phase.data).resolve() == kept for phase in self.phases):
                raise ValueError(
                    "`held_out.data` is a folder that is trained on; give samples that no phase "
                    "trains on"
                )
        if self.schedule.warm_up > self.steps:
            raise ValueError(
                f"`schedule.warm_up` is {self.schedule.warm_up} of {self.steps} steps; make it "
                "shorter"
            )
        return self

    @property
    def steps(self) -> int:
        """Of all phases, for one expert."""
        return sum(phase.steps for phase in self.phases)

    @property
    def steps_of_all(self) -> int:
        """Of all phases and experts."""
        return self.steps * (2 if self.expert == "both" else 1)

    def by_expert(self) -> tuple[Recipe, ...]:
        """The runs that this one is made of: one, or one for each expert, high noise first. Each
        has a folder of its own below `out`; what is encoded they share."""
        if self.expert != "both":
            return (self,)
        return tuple(self._for(name) for name in ("high", "low"))

    def _for(self, expert: Literal["high", "low"]) -> Recipe:
        lr = (self.experts.high if expert == "high" else self.experts.low).lr
        return self.model_copy(
            update={
                "expert": expert,
                "experts": Experts(),
                "out": str(Path(self.out) / expert),
                "cache": self.cache or str(Path(self.out) / "latents"),
                "optimizer": self.optimizer.model_copy(update={"lr": lr or self.optimizer.lr}),
            }
        )
