"""Events as people see them: a live display on a terminal, a line per finished take elsewhere."""

from __future__ import annotations

import contextlib
import resource
import statistics
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holocine_cli.console import Console, moves
from holocine_cli.layout import clock, counted, duration, memory
from holocine_core.errors import Problem
from holocine_core.events import (
    Emit,
    Event,
    FilmDone,
    FilmStarted,
    FramesDecoded,
    ModelLoaded,
    StepDone,
    TakeDone,
    TakeFailed,
    TakeStarted,
    Warned,
)

if TYPE_CHECKING:
    from holocine_cli.live import Live
    from holocine_core.plan.values import Plan, Take

MEASURED_STEPS = 9
"""Steps that the pace is the median of: a step that loads an expert does not spoil it."""


class Meter:
    """Time left for all remaining takes, from the steps measured so far and each take's work."""

    def __init__(self, takes: tuple[Take, ...]) -> None:
        self._work = {take.scene: take.cost.flops / take.sampling.steps for take in takes}
        self._steps = {
            take.scene: 0 if take.state == "reuse" else take.sampling.steps - take.step
            for take in takes
        }
        self._whole = self._waiting
        self._pace: deque[float] = deque(maxlen=MEASURED_STEPS)
        self._fresh = ""

    def take_started(self, scene: str, steps_left: int) -> None:
        self._steps[scene] = steps_left
        self._fresh = scene

    def step_done(self, scene: str, steps_left: int, seconds: float) -> None:
        """Note a step; a take's first one also loads networks and reads the text, so it counts
        for nothing."""
        self._steps[scene] = steps_left
        if self._fresh == scene:
            self._fresh = ""
        else:
            self._pace.append(seconds / self._work[scene])

    def take_done(self, scene: str) -> None:
        self._steps[scene] = 0

    @property
    def left(self) -> float | None:
        """Seconds; None before anything was measured."""
        if not self._pace:
            return None
        return self._waiting * statistics.median(self._pace)

    @property
    def share(self) -> float:
        """How much of this run's denoising is done, from 0 to 1."""
        return 1 - self._waiting / self._whole if self._whole else 1.0

    @property
    def _waiting(self) -> float:
        return sum(self._work[scene] * steps for scene, steps in self._steps.items())


@dataclass(slots=True)
class Shooting:
    """The state of a render as its events tell it."""

    film: str = ""
    takes: int = 0
    done: int = 0
    scene: str = ""
    stage: str = ""
    """shooting or developing; empty between takes."""
    at: int = 0
    of: int = 0
    step_seconds: float = 0.0
    steps_seen: int = 0
    peak_bytes: int = 0
    left: float | None = None
    """Seconds for all that is left to shoot; None before two steps were measured."""
    share: float = 0.0
    """Of the work this run has to do."""


class Reporter:
    """Receives events, keeps score, and tells what the console's loudness lets through."""

    def __init__(self, plan: Plan, console: Console, live: Live | None) -> None:
        self._takes = {take.scene: take for take in plan.takes}
        self._console = console
        self._live = live
        self._meter = Meter(plan.takes)
        self.now = Shooting(takes=len(plan.takes))
        self.states: dict[str, str] = {}
        """Scene -> shot, reused or failed, for those that have ended."""

    @property
    def place(self) -> str:
        """Where the work stands, for a message; empty between takes."""
        now = self.now
        unit = {"shooting": "step", "developing": "frame"}.get(now.stage)
        return f"{unit} {now.at} of {now.of} of scene '{now.scene}'" if unit else ""

    def __call__(self, event: Event) -> None:
        match event:
            case FilmStarted():
                self._film_started(event)
            case ModelLoaded():
                self._console.detail(
                    f"loaded {event.part} of {event.model} in {duration(event.seconds)} "
                    f"({event.placement})"
                )
            case TakeStarted():
                self._take_started(event)
            case StepDone():
                self._step_done(event)
            case FramesDecoded():
                self._decoded(event)
            case TakeDone():
                self._take_done(event)
            case TakeFailed():
                self.states[event.scene] = "failed"
                words = f"scene '{event.scene}' failed: {event.message}"
                self._console.error(Problem(words, "", event.hint))
            case FilmDone():
                self._film_done(event)
            case Warned():
                self._console.warn(Problem(event.message, event.where, event.hint))
        self.now.left, self.now.share = self._meter.left, self._meter.share
        if self._live is not None:
            self._live.show(self.now)

    def _film_started(self, event: FilmStarted) -> None:
        self.now.film = event.film
        if event.to_shoot:
            self._console.note(
                f"{event.film}: {counted(event.takes, 'take')}, {event.to_shoot} to shoot"
            )

    def _take_started(self, event: TakeStarted) -> None:
        self.now.scene, self.now.stage = event.scene, "shooting"
        self.now.at, self.now.of, self.now.steps_seen = event.step, event.steps, 0
        self._meter.take_started(event.scene, event.steps - event.step)
        if event.step:
            self._console.note(f"{event.scene}: goes on at step {event.step} of {event.steps}")

    def _step_done(self, event: StepDone) -> None:
        self._meter.step_done(event.scene, event.steps - event.step, event.seconds)
        self.now.at = event.step
        self.now.steps_seen += 1
        if self.now.steps_seen > 1:
            self.now.step_seconds = event.seconds
        self.now.peak_bytes = process_peak()
        self._console.detail(
            f"{event.scene}: step {event.step} of {event.steps}, {duration(event.seconds)}"
        )

    def _decoded(self, event: FramesDecoded) -> None:
        self.now.scene, self.now.stage = event.scene, "developing"
        self.now.at, self.now.of = event.frames, event.of
        self._console.detail(f"{event.scene}: {event.frames} of {event.of} frames developed")

    def _take_done(self, event: TakeDone) -> None:
        self._meter.take_done(event.scene)
        self.states[event.scene] = "reused" if event.reused else "shot"
        now = self.now
        now.done += 1
        now.stage = ""
        now.peak_bytes = event.peak_bytes or process_peak()
        place = f"[{now.done}/{now.takes}] {event.scene}"
        if event.reused:
            self._console.note(f"{place}: kept from before")
            return
        take = self._takes[event.scene]
        told = [
            counted(take.timeline.shots, "shot"),
            counted(take.timeline.frames, "frame"),
            f"in {duration(event.seconds)}",
        ]
        if now.steps_seen > 1:
            told.append(f"{duration(now.step_seconds)} a step")
        told.append(f"peak {memory(now.peak_bytes)}")
        self._console.note(f"{place}: {', '.join(told)}")

    def _film_done(self, event: FilmDone) -> None:
        if event.up_to_date:
            self._console.note(f"{event.film} is up to date")
            return
        self._console.note(
            f"{event.film}: {counted(event.frames, 'frame')}, made in {duration(event.seconds)}"
        )


def process_peak() -> int:
    """Most memory this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextlib.contextmanager
def reporting(plan: Plan, console: Console) -> Iterator[Reporter]:
    """A reporter for one render; the live display, if any, is gone at the end."""
    silent = console.quiet or console.verbose
    if silent or plan.to_shoot == 0 or not moves(sys.stderr):
        yield Reporter(plan, console, None)
        return
    from holocine_cli.live import Live  # rich is slow to import and only this needs it

    with Live() as live:
        console.above = live.above
        try:
            yield Reporter(plan, console, live)
        finally:
            console.above = None
