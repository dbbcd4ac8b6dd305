"""A training run as people see it: one line for what matters, every step where asked."""

from __future__ import annotations

import sys
import time
from collections import deque
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
    from holocine_core.api import Outline

SECONDS = 30.0
"""A quiet terminal hears of the steps this often."""
RECENT = 50
"""Steps that loss and pace are the mean of."""


class TrainReporter:
    """Receives events and tells what the console's loudness lets through.

    Args:
        console: The printer.
        fields: Of the JSON document; gets what was reached.
    """

    def __init__(self, console: Console, fields: dict[str, Any]) -> None:
        self._console = console
        self._fields = fields
        self._every = 5.0 if moves(sys.stderr) else SECONDS
        self._told = time.monotonic()
        self._recent: deque[TrainStepDone] = deque(maxlen=RECENT)
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
                self._fields["held_out"] = event.loss
                bins = " ".join(f"{loss:.3f}" for loss in event.by_timestep)
                swapped = event.swapped
                told = "" if swapped is None else f"; with another's text {swapped:.4f}"
                self._console.note(
                    f"step {event.step}: held-out loss {event.loss:.4f} ({bins}){told}"
                )
            case CheckpointKept():
                self._console.detail(f"step {event.step}: kept in {event.path}")
            case ModelExported():
                self._console.note(f"step {event.step}: model in {event.path}")
                if event.best and event.best != event.step:
                    self._fields["best"] = event.best
                    self._console.note(
                        f"the held-out loss was lowest at step {event.best}: "
                        "the same command with --best makes that model"
                    )
            case FilmShown():
                self._fields["films"].append(event.film)
                self._console.note(f"step {event.step}: {event.film}")
            case Warned():
                self._console.warn(Problem(event.message, event.where, event.hint))

    def _started(self, event: TrainingStarted) -> None:
        self._fields["step"] = event.step
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
        if event.scenes == event.of or self._is_due():
            self._console.note(text)
        else:
            self._console.detail(text)

    def _step(self, event: TrainStepDone) -> None:
        self._fields["step"] = event.step
        self._recent.append(event)
        if self._console.verbose:
            self._console.detail(
                f"step {event.step} of {event.steps}: loss {event.loss:.4f}, "
                f"{duration(event.seconds)}"
            )
        elif event.step == event.steps or self._is_due():
            count = len(self._recent)
            loss = sum(one.loss for one in self._recent) / count
            seconds = sum(one.seconds for one in self._recent)
            pace = sum(one.samples for one in self._recent) / seconds
            left = clock((event.steps - event.step) * seconds / count)
            self._console.note(
                f"step {event.step} of {event.steps}: loss {loss:.4f}, "
                f"{pace:.1f} samples/s, {left} left"
            )

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._told < self._every:
            return False
        self._told = now
        return True


def outline_record(found: Outline) -> dict[str, Any]:
    """The dry run in the JSON document."""
    return {
        "out": found.recipe.out,
        "steps": found.recipe.steps,
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
                "flops_per_step": one.flops,
                "latent_bytes": one.latent_bytes,
                "peak_bytes": one.peak_bytes,
            }
            for one in found.phases
        ],
    }


def outline_text(found: Outline, paint: Paint) -> str:
    """The dry run as a table."""
    recipe = found.recipe
    head = [
        f"{paint(recipe.out, bold=True)}: {counted(recipe.steps, 'step')}, "
        f"{scaled(found.trained, '').strip()} of {scaled(found.parameters, '').strip()} "
        f"parameters trained ({recipe.train})",
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
    return "\n".join([*head, *columns(rows)])
