"""How fast a recipe trains on the device that is there: a few steps on clips of noise.

Nothing is written and nothing is kept: the networks are opened as training opens them, and moved.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from holocine_core.errors import MachineError
from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.model.cost import Geometry
from holocine_core.model.devices import free_memory
from holocine_core.model.failures import device_errors
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.screenplay import Screenplay
from holocine_core.train.data.batches import Batch, KeptText, Layout
from holocine_core.train.data.loader import Batches
from holocine_core.train.dry_run import Outline, PhaseOutline
from holocine_core.train.fresh import write_start
from holocine_core.train.gradient import chunks_of, go_back
from holocine_core.train.networks import TrainingModel, assemble, find_source, open_device
from holocine_core.train.optim import EMA, Optimization
from holocine_core.train.order import Chunk, generator, steps
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import tokens_of
from holocine_core.train.work import held_bytes, highest_rate
from holocine_core.units import memory

STEPS = 3
PATIENCE = 60.0
"""Seconds of a step that nobody waits for."""
_GUESSED = 0.1
"""Share of its highest rate that a device reaches at least."""
_LESS = "lower `batch` or `tokens`, or use more GPUs"
_WORDS = 24
"""Of every shot, and of the whole scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPace:
    """What a phase's steps took.

    Attributes:
        seconds: Of one, mean.
        rate_share: Share of the device's peak.
        peak_bytes: Most memory, of the longest clips too.
    """

    seconds: float
    rate_share: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class _Noise:
    """Clips of one size and length that show nothing.

    Args:
        scene: Their latents.
        channels: Of these.
        count: How many there are.
        rows: Width of a row of text; 0 where prompts are encoded in every pass.
        padded: Rows of text with padding, 0 without.
    """

    scene: Geometry
    channels: int
    count: int
    rows: int
    padded: int

    @property
    def sizes(self) -> Sequence[int]:
        return (self.count,)

    def batch(self, group: int, members: Sequence[int], epoch: int) -> Batch:
        shape = (
            len(members),
            self.channels,
            self.scene.frames,
            self.scene.rows,
            self.scene.columns,
        )
        latents = torch.randn(shape, generator=generator("noise", *members))
        shots = len(self.scene.shots)
        told = _told(shots)
        return Batch(
            latents_BCFHW=latents,
            shots=(self.scene.shots,),
            prompts=() if self.rows else (told,) * len(members),
            texts=(self._text(shots),) * len(members) if self.rows else (),
        )

    def _text(self, shots: int) -> KeptText:
        rows = _WORDS * (shots + 1)
        padding = tuple(range(rows, self.padded))
        windows = tuple(
            (*range(_WORDS), *range(_WORDS * (i + 1), _WORDS * (i + 2)), *padding)
            for i in range(shots)
        )
        return KeptText(rows_LD=torch.zeros(rows, self.rows), windows=windows)

    def layouts(self, group: int, members: Sequence[int]) -> tuple[Layout, ...]:
        return (self.scene.shots,) * len(members)

    def names(self, group: int, members: Sequence[int]) -> list[str]:
        return [f"noise {number}" for number in members]


def _told(shots: int) -> ScenePrompt:
    """A prompt of so many shots."""
    words = "word " * (_WORDS // 2)
    told = {"global": words, "shots": [words] * shots}
    screenplay = Screenplay.model_validate_json(json.dumps({"scenes": [told]}))
    return compose(screenplay, screenplay.scenes[0])


def measure(found: Outline, device: str) -> list[StepPace | str]:
    """Measure every phase of a recipe; where that can't be, why: a machine's fault too is told
    there, the outline is worth having without.

    Args:
        found: The recipe's dry run.
        device: ``auto``, ``cpu``, ``cuda`` ...

    Raises:
        InputError: The recipe does not fit its networks, or there is no such device.
    """
    if found.gpus > 1:
        return [f"not measured: that takes all {found.gpus} devices"] * len(found.phases)
    # A text that is lost costs as much as one that is read, and would have to be encoded.
    recipe = found.recipe.by_expert()[0].model_copy(update={"drop_caption": 0.0})
    hindered = [""] * len(found.phases)
    try:
        with device_errors("measuring", _LESS):
            place = open_device(device)
            rate = highest_rate(place, bf16=computes_bf16(recipe.precision, place))
            free = free_memory(str(place))
            hindered = [_hindrance(one, rate, free) for one in found.phases]
            if all(hindered):
                return list(hindered)
            with _start(recipe) as folder:
                model = assemble(recipe, find_source(recipe, folder, place))
                measured = _Measure(recipe, model, rate)
                both = zip(found.phases, hindered, strict=True)
                return [why or _measured(measured, one) for one, why in both]
    except MachineError as failed:
        return [why or _why(failed) for why in hindered]


def _measured(measured: _Measure, one: PhaseOutline) -> StepPace | str:
    """A phase's pace; why not, where the machine failed: a smaller phase may still go well."""
    try:
        with device_errors("measuring", _LESS):
            return measured.phase(one)
    except MachineError as failed:
        return _why(failed)


def _why(failed: MachineError) -> str:
    return f"not measured: {failed.message}" + (f"; {failed.hint}" if failed.hint else "")


def _hindrance(one: PhaseOutline, rate: float, free: int | None) -> str:
    """Why a phase is not measured; empty where it is."""
    if free is not None and one.peak_bytes > free:
        return f"not measured: {memory(free)} are free here"
    if one.flops / (rate * _GUESSED) > PATIENCE:
        return "not measured: a step takes too long here"
    return ""


@contextlib.contextmanager
def _start(recipe: Recipe) -> Iterator[Path]:
    """The pipeline that a run begins with; a new one is written aside."""
    if recipe.model.new is None:
        yield Path(recipe.model.folder or "").expanduser()
        return
    with tempfile.TemporaryDirectory() as home:
        write_start(recipe.model.new, Path(home) / "start", recipe.seed)
        yield Path(home) / "start"


class _Measure:
    """Steps of a recipe's phases, one after the other."""

    def __init__(self, recipe: Recipe, model: TrainingModel, rate: float) -> None:
        self._recipe = recipe
        self._model = model
        self._rate = rate
        exact = recipe.precision == "float32"
        self._optimization = Optimization(model.trained, recipe.optimizer, exact=exact)
        self._average = EMA(model.trained, recipe.ema)

    def phase(self, one: PhaseOutline) -> StepPace:
        """One step with the longest clips, which also wakes all kernels, then those that count."""
        if self._model.device.type == "cuda":
            # What a phase before took, or asked for in vain, is not this one's.
            torch.cuda.reset_peak_memory_stats(self._model.device)
        self._steps(one, one.scenes[-1], 1)
        seconds, flops = self._steps(one, one.scenes[len(one.scenes) // 2], STEPS)
        return StepPace(
            seconds=seconds,
            rate_share=flops / seconds / self._rate,
            peak_bytes=held_bytes(self._model.device),
        )

    def _steps(self, one: PhaseOutline, scene: Geometry, count: int) -> tuple[float, float]:
        """Mean seconds and operations of some steps."""
        model, recipe, phase = self._model, self._recipe, one.phase
        spec = model.located.spec
        tokens = (
            scene.frames * (scene.rows // spec.shape.patch) * (scene.columns // spec.shape.patch)
        )
        most = phase.batch if phase.tokens is None else min(phase.batch, phase.tokens // tokens)
        encodes = phase.data is None or model.texts is None
        clips = _Noise(
            scene=scene,
            channels=spec.shape.latent_channels,
            count=max(1, most),
            rows=0 if encodes else spec.shape.text_width,
            padded=spec.text_tokens if spec.text_padding else 0,
        )

        def make(chunk: Chunk) -> Batch:
            batch = clips.batch(0, chunk.pick.members, 0)
            if batch.texts:
                return batch
            shots = [len(each) for each in batch.each]
            return Batch(
                latents_BCFHW=batch.latents_BCFHW,
                shots=batch.shots,
                prompts=batch.prompts,
                tokens=tokens_of(model, batch.prompts, shots),
            )

        wanted = phase.batch * phase.accumulate
        chosen = list(islice(steps(clips.sizes, max(1, most), wanted, recipe.seed), count))
        mine = (chunk for passes in chosen for chunk in chunks_of(model, passes))
        began, flops = time.perf_counter(), 0.0
        with Batches(make, mine, model.device) as batches:
            for number, passes in enumerate(chosen):
                gone = go_back(recipe, model, clips, passes, batches, 0, number)
                flops += gone.flops
                float(self._optimization.step(recipe.optimizer.lr))
                self._average.follow(number + 1)
        return (time.perf_counter() - began) / count, flops / count
