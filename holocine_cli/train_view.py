"""A training run as people see it: one line for what matters, every step where asked."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from holocine_cli.console import Console, Paint, moves
from holocine_cli.layout import columns
from holocine_core.api import clock, counted, duration, file_size, memory, scaled
from holocine_core.errors import Problem
from holocine_core.events import (
    CheckpointKept,
    Event,
    FilmShown,
    HeldOutMeasured,
    LatentsDrawn,
    ModelExported,
    PhaseStarted,
    TrainingStarted,
    TrainStepDone,
    Warned,
)

if TYPE_CHECKING:
    from holocine_cli.live import TrainingView
    from holocine_core.api import Outline, StepPace

SECONDS = 30.0
"""A quiet terminal hears of the steps this often."""
RECENT = 50
"""Steps that loss and pace are the mean of."""


@dataclass(slots=True)
class Learning:
    """The state of a run as its events tell it."""

    out: str = ""
    doing: str = ""
    """What is done before steps begin."""
    step: int = 0
    steps: int = 0
    left: float | None = None
    """Seconds of the steps that are left."""
    recent: deque[TrainStepDone] = field(default_factory=lambda: deque(maxlen=RECENT))
    held_out: tuple[int, float] | None = None
    """Step and loss of the last measurement."""
    kept: int = 0

    def done(self, event: TrainStepDone) -> None:
        """Note a step."""
        self.step, self.steps = event.step, event.steps
        self.recent.append(event)
        self.left = (event.steps - event.step) * self._seconds / len(self.recent)

    @property
    def _seconds(self) -> float:
        return sum(one.seconds for one in self.recent)

    @property
    def loss(self) -> float:
        """Mean of the recent steps'."""
        return sum(one.loss for one in self.recent) / len(self.recent)

    @property
    def pace(self) -> str:
        """How fast it goes."""
        samples = sum(one.samples for one in self.recent) / self._seconds
        tokens = sum(one.tokens for one in self.recent) / self._seconds
        share = sum(one.rate_share * one.seconds for one in self.recent) / self._seconds
        return (
            f"{samples:.1f} samples/s, {scaled(tokens, 'tokens/s')}, "
            f"{share:.0%} of the machine's peak"
        )

    @property
    def lines(self) -> list[str]:
        """What stands below the bar."""
        if not self.recent:
            return []
        first = [f"loss {self.loss:.4f}"]
        if self.held_out is not None:
            first.append(f"held out {self.held_out[1]:.4f} at step {self.held_out[0]}")
        if self.kept:
            first.append(f"kept at step {self.kept}")
        held = memory(self.recent[-1].memory_bytes)
        return ["  ".join(first), f"{self.pace}  {held} at most"]


class TrainReporter:
    """Receives events and tells what the console's loudness lets through.

    Args:
        console: The printer.
        fields: Of the JSON document; gets what was reached.
        live: The display, where there is one.
    """

    def __init__(
        self, console: Console, fields: dict[str, Any], live: TrainingView | None = None
    ) -> None:
        self._console = console
        self._fields = fields
        self._live = live
        self._told = time.monotonic()
        self.now = Learning()
        fields |= {"step": 0, "held_out": None, "films": []}

    def __call__(self, event: Event) -> None:
        match event:
            case TrainingStarted():
                self._started(event)
            case LatentsDrawn():
                self._drawn(event)
            case PhaseStarted():
                self._console.note(
                    f"phase {event.phase} of {event.of}: {event.size}, "
                    f"{counted(event.samples, 'sample')}"
                )
            case TrainStepDone():
                self._step(event)
            case HeldOutMeasured():
                self._measured(event)
            case CheckpointKept():
                self.now.kept = event.step
                self._console.detail(f"step {event.step}: kept in {event.path}")
            case ModelExported():
                self._exported(event)
            case FilmShown():
                self._fields["films"].append(event.film)
                self._console.note(f"step {event.step}: {event.film}")
            case Warned():
                self._console.warn(Problem(event.message, event.where, event.hint))
        if self._live is not None:
            self._live.show(self.now)

    def _started(self, event: TrainingStarted) -> None:
        self._fields["step"] = event.step
        self.now.out, self.now.step, self.now.steps = event.out, event.step, event.steps
        self.now.kept = event.step
        numbers = scaled(event.parameters, "").strip()
        if event.expert:
            self._console.note(f"the expert for {event.expert} noise")
        if event.step:
            self._console.note(f"{event.out}: goes on at step {event.step} of {event.steps}")
        else:
            self._console.note(f"{event.out}: {counted(event.steps, 'step')}, {numbers} parameters")

    def _drawn(self, event: LatentsDrawn) -> None:
        left = (event.of - event.scenes) * event.seconds / event.scenes
        text = f"encoding {event.size}: {event.scenes} of {event.of}, {clock(left)} left"
        self.now.doing = text
        if event.scenes == event.of or self._is_due():
            self._console.note(text)
        else:
            self._console.detail(text)

    def _measured(self, event: HeldOutMeasured) -> None:
        self._fields["held_out"] = event.loss
        self.now.held_out = event.step, event.loss
        bins = " ".join(f"{loss:.3f}" for loss in event.by_timestep)
        told = "" if event.swapped is None else f"; with another's text {event.swapped:.4f}"
        self._console.note(f"step {event.step}: held-out loss {event.loss:.4f} ({bins}){told}")

    def _exported(self, event: ModelExported) -> None:
        self._console.note(f"step {event.step}: model in {event.path}")
        if event.best and event.best != event.step:
            self._fields["best"] = event.best
            self._console.note(
                f"the held-out loss was lowest at step {event.best}: "
                "the same command with --best makes that model"
            )

    def _step(self, event: TrainStepDone) -> None:
        self._fields["step"] = event.step
        self.now.done(event)
        if self._console.verbose:
            self._console.detail(
                f"step {event.step} of {event.steps}: loss {event.loss:.4f}, "
                f"{duration(event.seconds)}"
            )
        elif self._live is None and (event.step == event.steps or self._is_due()):
            now = self.now
            self._console.note(
                f"step {event.step} of {event.steps}: loss {now.loss:.4f}, {now.pace}, "
                f"{clock(now.left or 0)} left"
            )

    def _is_due(self) -> bool:
        now = time.monotonic()
        if self._live is not None or now - self._told < SECONDS:
            return False
        self._told = now
        return True


@contextlib.contextmanager
def training_reported(console: Console, fields: dict[str, Any]) -> Iterator[TrainReporter]:
    """A reporter for one run; the live display, if any, is gone at the end."""
    with contextlib.ExitStack() as stack:
        live = None
        if not (console.quiet or console.verbose) and moves(sys.stderr):
            from holocine_cli.live import TrainingView  # rich is slow to import

            live = stack.enter_context(TrainingView())
            console.above = live.above
            stack.callback(setattr, console, "above", None)
        yield TrainReporter(console, fields, live)


def outline_record(found: Outline, paces: Sequence[StepPace | str]) -> dict[str, Any]:
    """The dry run in the JSON document."""
    return {
        "out": found.recipe.out,
        "steps": found.recipe.steps_of_all,
        "gpus": found.gpus,
        "parameters": found.parameters,
        "trained": found.trained,
        "phases": [
            {
                "size": one.phase.size,
                "steps": one.phase.steps,
                "batch": one.phase.batch,
                "accumulate": one.phase.accumulate,
                "samples": one.samples,
                "epochs": one.epochs,
                "tokens": one.tokens,
                "longest": one.longest,
                "shots": one.shots,
                "buckets": [asdict(bucket) for bucket in one.buckets],
                "flops_per_step": one.flops,
                "latent_bytes": one.latent_bytes,
                "peak_bytes": one.peak_bytes,
                "measured": None if isinstance(pace, str) else asdict(pace),
            }
            for one, pace in zip(found.phases, paces, strict=True)
        ],
    }


def outline_text(found: Outline, paces: Sequence[StepPace | str], paint: Paint) -> str:
    """The dry run as a table."""
    recipe = found.recipe
    steps = counted(recipe.steps, "step")
    if recipe.expert == "both":
        steps = f"{steps} of either expert"
    where = f" on each of {found.gpus} devices" if found.gpus > 1 else ""
    head = [
        f"{paint(recipe.out, bold=True)}: {steps}, "
        f"{scaled(found.trained, '').strip()} of {scaled(found.parameters, '').strip()} "
        f"parameters trained ({recipe.train}){where}",
        "",
    ]
    titles = ["size", "steps", "samples", "epochs", "shots", "tokens", "work", "latents", "peak"]
    rows = [[paint(title, dim=True) for title in titles]]
    for one in found.phases:
        passes = f" x {one.phase.accumulate}" if one.phase.accumulate > 1 else ""
        rows.append(
            [
                one.phase.size or "all sizes",
                str(one.phase.steps),
                f"{one.samples} by {one.phase.batch}{passes}",
                f"{one.epochs:.1f}",
                f"{one.shots:.1f}",
                f"{one.tokens:.0f} to {one.longest}",
                f"{scaled(one.flops, 'FLOP')} a step",
                file_size(one.latent_bytes),
                f"about {memory(one.peak_bytes)}",
            ]
        )
    return "\n".join([*head, *columns(rows), *_buckets(found, paint), *_paces(found, paces)])


def _buckets(found: Outline, paint: Paint) -> list[str]:
    """Sizes and lengths that never share a pass, where there are several."""
    several = {number: p for number, p in enumerate(found.phases, 1) if len(p.buckets) > 1}
    if not several:
        return []
    rows = [[paint(title, dim=True) for title in ("phase", "clips", "frames", "samples", "a pass")]]
    for number, one in several.items():
        rows += [
            [
                str(number),
                bucket.size,
                str(bucket.frames),
                str(bucket.samples),
                f"{bucket.batch} x {bucket.tokens} tokens",
            ]
            for bucket in one.buckets
        ]
    return ["", *columns(rows)]


def _paces(found: Outline, paces: Sequence[StepPace | str]) -> list[str]:
    """What was measured of every phase."""
    told, left = [""], 0.0
    experts = 2 if found.recipe.expert == "both" else 1
    for number, (one, pace) in enumerate(zip(found.phases, paces, strict=True), 1):
        place = f"phase {number}: " if len(found.phases) > 1 else ""
        if isinstance(pace, str):
            told.append(f"{place}{pace}")
            continue
        left += experts * one.phase.steps * pace.seconds
        told.append(
            f"{place}{duration(pace.seconds)} a step, {3600 / pace.seconds:,.0f} steps an hour, "
            f"{pace.rate_share:.0%} of the machine's peak, {memory(pace.peak_bytes)} at most"
        )
    if left and not any(isinstance(pace, str) for pace in paces):
        told.append(f"all of it: about {clock(left)}, beside what is encoded before")
    return told
