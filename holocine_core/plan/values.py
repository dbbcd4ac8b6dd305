"""What a plan is made of: frozen values that planning, rendering and the command line share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import Problem
from holocine_core.model.components import LocatedModel
from holocine_core.model.lora.file import Expert, LoraFile, ShotLora
from holocine_core.model.placement import Placement
from holocine_core.sampling import OwnProfile, Profile, ProfileName, Sampling
from holocine_core.script.edits import Extend, Reshoot
from holocine_core.script.prompt import ScenePrompt
from holocine_core.script.screenplay import Screenplay, Sound
from holocine_core.script.shot_names import shot_name
from holocine_core.script.timeline import LatentSpan, Timeline
from holocine_core.script.timing import Timing

State = Literal["new", "changed", "reuse"]
Passing = tuple[Literal["cut", "fade", "crossfade"], int]
"""A transition and its length in frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a film that is there, or begun, was made with, whatever the model is today."""

    sampling: Mapping[str, Sampling] = field(default_factory=dict)
    """By profile, how it was sampled."""
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """The model's profiles at the time; those of its card where empty."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """Content hash of the model's parts at the time; today's where empty."""
    experts: Mapping[str, Expert] = field(default_factory=dict)
    """SHA-256 of a LoRA file -> the expert that took it; one that stood on two in different lines
    is left out."""


NO_PAST = Past()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChoice:
    """The profile that a film is made by, and what of the call lies over it."""

    name: str
    """As it is called: one of the three, or the user's own."""
    base: ProfileName
    """What it is a kind of."""
    own: OwnProfile | None = None
    """The user's own, where it is one."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Settings that were asked for by themselves: ``Request.settings``."""

    def changes(self) -> dict[str, Any]:
        """Settings over those of model and screenplay, by name; ``size`` as text."""
        return {**({} if self.own is None else self.own.changes()), **self.given}

    def source(self, setting: str) -> str:
        """Who said so: ``--steps``, or the name of the user's own profile; empty where it is the
        model's or the screenplay's."""
        if setting in self.given:
            return f"--{setting}"
        return self.name if self.own is not None and setting in self.own.changes() else ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A prompt's length. ``count`` is a lower bound where the tokenizer is not at hand."""

    count: int
    limit: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeCost:
    """What a take asks of the machine, estimated by ``model.cost``."""

    flops: int
    """Denoising all steps and decoding."""
    activation_bytes: int
    """Most memory beside the weights while denoising, what a cache remembers included."""
    decode_bytes: int
    """Most memory beside the weights while decoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFrames:
    """What a take takes over from an earlier one, frame by frame."""

    base: Take
    """It is made first where the work folder lacks it."""
    spans: tuple[LatentSpan, ...]
    """Latent frames of the take; see :attr:`Take.kept` for where the earlier one has them."""
    method: Literal["clean", "renoised"]
    """How they enter the network; see ``sample.known_latents``."""
    shots: tuple[int, ...] | None = None
    """Numbers of the shots that the pass sees, from 0, where the scene is longer than the model was
    trained for; all where None. See ``plan.passes``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaledStart:
    """The draft that a take is made from."""

    base: Take
    """It is made first where the work folder lacks it."""
    step: int
    """The first step that is made; the draft stands for those before."""
    own_networks: bool = True
    """Whether the take's networks make the draft too; else its profile has other LoRAs, and it must
    be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPicture:
    """A picture that one latent frame of a take is held to."""

    path: Path
    content: str
    """Its SHA-256."""
    latent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One scene to shoot: everything that decides its picture, and whether it is there already."""

    index: int
    scene: str
    prompt: ScenePrompt
    negative: str
    timing: Timing
    sampling: Sampling
    seed: int
    tokens: Tokens
    latents_key: str
    progress_key: str
    """``latents_key`` and how numbers are computed: a stopped take goes on as it began, or its
    film would not be the one an uninterrupted render makes."""
    clip_key: str
    sound_hash: str
    """Content hash of the scene's sound; empty where it has none."""
    ingredients: Mapping[str, Any]
    """What the fingerprint of its latents is made of."""
    state: State = "new"
    reason: str = ""
    step: int = 0
    """Denoising steps already saved."""
    high_key: str = ""
    """As ``progress_key``, of what the high-noise expert's steps use alone: they are kept where
    only the other expert or its LoRAs are others. Empty where one network makes all steps."""
    cost: TakeCost
    sound: Sound | None = None
    transition: Passing = ("cut", 0)
    """How it passes into the next scene, with its length in frames."""
    known: KnownFrames | None = None
    """What of it is there already."""
    pictures: tuple[KnownPicture, ...] = ()
    """What some of its frames show."""
    upscaled: UpscaledStart | None = None
    """What it starts from in place of noise."""
    loras: tuple[ShotLora, ...] = ()
    """LoRAs of single shots; the plan has those of the film."""

    @property
    def timeline(self) -> Timeline:
        return self.timing.timeline

    @property
    def base(self) -> Take | None:
        """The take that this one is made from."""
        of = self.known or self.upscaled
        return None if of is None else of.base

    def chain(self) -> Iterator[Take]:
        """The take, the one that it is made from, and so on."""
        at: Take | None = self
        while at is not None:
            yield at
            at = at.base

    @property
    def kept(self) -> dict[int, int]:
        """Latent frames that it takes over -> where the earlier take has them: they go with their
        shots, which may begin elsewhere now. Those of a whole take, not of a pass."""
        if self.known is None:
            return {}
        there = {frame for span in self.known.spans for frame in span}
        shots = zip(
            self.timeline.latent_spans, self.known.base.timeline.latent_spans, strict=False
        )  # Shots that are added have no place in the earlier take.
        return {
            now: now - new.start + old.start for new, old in shots for now in new if now in there
        }

    def maker_of(self, shot: int) -> Take:
        """The take in which a shot was made, from 0: an edit takes over the others."""
        take = self
        while take.known is not None:
            begin = take.timeline.latent_spans[shot].start
            if not any(span.start <= begin < span.stop for span in take.known.spans):
                break
            take = take.known.base
        return take


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The finished film's form."""

    width: int
    height: int
    fps: Fraction
    motion: Literal["plain", "interpolate"]
    fit: Literal["pad", "crop"]
    codec: Literal["h264", "h265", "av1", "prores"]
    quality: int | None
    loudness: float | None = None
    """LUFS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A film to make."""

    screenplay_path: Path
    screenplay_text: str
    screenplay: Screenplay
    title: str
    choice: ProfileChoice
    model: LocatedModel
    identity: Mapping[str, str]
    """Content hash of every part of the model."""
    revisions: Mapping[str, str]
    """Commit of every repository the model was fetched from."""
    loras: tuple[LoraFile, ...]
    device: str
    placement: Placement
    fps: Fraction
    takes: tuple[Take, ...]
    delivery: Delivery
    out: Path
    work: Path
    obstacles: tuple[Problem, ...] = ()
    """What keeps this machine from rendering the plan: missing files, too little memory."""
    warnings: tuple[Problem, ...] = field(default=())
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings given with the call, which went before the screenplay's: profile, steps, guidance,
    size, model and its experts' files, seed, lora."""
    music_hash: str = ""
    """Content hash of the film's music; empty where it has none."""
    gpus: int = 1
    """GPUs that make each take together."""
    told_by: Mapping[str, str] = field(default_factory=dict)
    """By field of the request, the file's line or the variable that said it."""
    edits: tuple[Reshoot | Extend, ...] = ()
    """What was changed since the screenplay was filmed; ``screenplay`` has them, its text not."""

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self.choice.name

    @property
    def is_draft(self) -> bool:
        """Whether it is made by the draft profile, or one of that kind."""
        return self.choice.base == "draft"

    @property
    def to_shoot(self) -> int:
        return sum(take.state != "reuse" for take in self.takes)

    def shot_name(self, take: Take, shot: int) -> str:
        """The name of a shot of one of its takes, numbered from 0."""
        return shot_name(take.scene, shot + 1, len(self.takes))

    def shots_named(self, take: Take, shots: Iterable[int]) -> str:
        """Shots of one take by name, in a row; numbered likewise."""
        return ", ".join(self.shot_name(take, shot) for shot in shots)
