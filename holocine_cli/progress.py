"""Events as people see them: a live display on a terminal, a line per finished take elsewhere."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holocine_cli.console import Console, moves
from holocine_core.api import clock, counted, duration, estimate, memory, pace_of, process_peak
from holocine_core.errors import Problem
from holocine_core.events import (
    CutsSeen,
    Event,
    FilmClaimed,
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
    from holocine_core.api import Plan

MEASURED = 9
"""Steps that the pace is the median of: a step that loads an expert does not spoil it."""


SHOOTING_SHARE = 0.8
"""Of a take's part of the bar; the rest is developing."""


class Meter:
    """Time left for all remaining takes of all films, from what was measured so far and each take's
    work.

    Args:
        plans: The films, in order; the first is at work.
        now: A clock, in seconds.
    """

    def __init__(self, plans: Sequence[Plan], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._films = [str(plan.out) for plan in plans]
        self._film = self._films[0] if plans else ""
        takes = {(str(plan.out), take.scene): take for plan in plans for take in plan.takes}
        self._work = {key: take.cost.flops / take.sampling.steps for key, take in takes.items()}
        self._steps = {key: take.sampling.steps - take.step for key, take in takes.items()}
        self._frames = {
            key: 0 if take.state == "reuse" else take.timeline.frames for key, take in takes.items()
        }
        self._step_pace: deque[float] = deque(maxlen=MEASURED)
        self._frame_pace: deque[float] = deque(maxlen=MEASURED)
        self._totals = {
            key: (take.sampling.steps, take.timeline.frames) for key, take in takes.items()
        }
        flops = sum(take.cost.flops for take in takes.values())
        self._weights = {key: take.cost.flops / flops for key, take in takes.items()}
        self._fresh = ("", "")
        self._chunk = (("", ""), 0, 0.0)
        # Until this render has a pace, that of earlier ones.
        if (found := pace_of(plans[0]) if plans else None) is not None:
            sampling, pace = plans[0].takes[0].sampling, found[0]
            self._step_pace.append(pace.step)
            self._frame_pace.append(pace.develop * sampling.width * sampling.height)

    def turn_to(self, film: str) -> None:
        """What is told from now on is of this film."""
        self._film = film

    @property
    def place(self) -> tuple[int, int]:
        """The film's number, from 1, and how many there are."""
        return self._films.index(self._film) + 1, len(self._films)

    def take_started(self, scene: str, steps_left: int) -> None:
        self._steps[self._film, scene] = steps_left
        self._fresh = self._film, scene

    def step_done(self, scene: str, steps_left: int, seconds: float) -> None:
        """Note a step; a take's first one also loads networks and reads the text, so it counts
        for nothing."""
        key = self._film, scene
        self._steps[key] = steps_left
        if self._fresh == key:
            self._fresh = ("", "")
        else:
            self._step_pace.append(seconds / self._work[key])

    def decoded(self, scene: str, frames: int, of: int) -> None:
        """Note developed frames; a take's first chunk starts the watch."""
        key = self._film, scene
        was, before, at = self._chunk
        self._steps[key], self._frames[key] = 0, of - frames
        self._chunk = (key, frames, self._now())
        if was == key:
            self._frame_pace.append((self._now() - at) / (frames - before))

    def take_done(self, scene: str) -> None:
        self._steps[self._film, scene] = self._frames[self._film, scene] = 0

    def film_done(self, film: str) -> None:
        """Nothing of a film is left, however it ended."""
        for scenes in (self._steps, self._frames):
            scenes |= {key: 0 for key in scenes if key[0] == film}

    @property
    def left(self) -> float | None:
        """Seconds; None before two steps were measured, without developing until ``whole``."""
        work = sum(self._work[key] * steps for key, steps in self._steps.items())
        if work and not self._step_pace:
            return None
        seconds = work * statistics.median(self._step_pace) if work else 0.0
        if self._frame_pace:
            seconds += sum(self._frames.values()) * statistics.median(self._frame_pace)
        return seconds

    @property
    def whole(self) -> bool:
        """Whether ``left`` counts developing too."""
        return bool(self._frame_pace)

    @property
    def share(self) -> float:
        """Of all films that is made, from 0 to 1; never falls."""
        return sum(weight * self._part(key) for key, weight in self._weights.items())

    def _part(self, key: tuple[str, str]) -> float:
        steps, frames = self._totals[key]
        shot, developed = 1 - self._steps[key] / steps, 1 - self._frames[key] / frames
        return SHOOTING_SHARE * shot + (1 - SHOOTING_SHARE) * developed


@dataclass(slots=True)
class Shooting:
    """The state of a render as its events tell it."""

    film: str = ""
    number: int = 1
    films: int = 1
    """The film's number, and how many there are."""
    takes: int = 0
    done: int = 0
    scene: str = ""
    stage: str = ""
    """loading, shooting or developing; empty between takes."""
    at: int = 0
    of: int = 0
    step_seconds: float = 0.0
    """Mean of the take's steps but the first, which loads networks too."""
    steps_seen: int = 0
    peak_bytes: int | None = None
    left: float | None = None
    """Seconds for all films' takes that are left; None before a pace was measured."""
    left_is_whole: bool = False
    """Whether ``left`` counts developing; its pace is known once a take has been developed."""
    share: float = 0.0
    """Of all films that is made."""


class Reporter:
    """Receives events, keeps score, and tells what the console's loudness lets through."""

    def __init__(self, plan: Plan, console: Console, live: Live | None, meter: Meter) -> None:
        self._plan = plan
        self._takes = {take.scene: take for take in plan.takes}
        self._console = console
        self._live = live
        self._meter = meter
        meter.turn_to(str(plan.out))
        number, films = meter.place
        self.now = Shooting(takes=len(plan.takes), number=number, films=films)
        self.states: dict[str, str] = {}
        """Scene -> shot, reused or failed, for those that have ended."""

    @property
    def place(self) -> str:
        """Up to where the work is kept, for a message; empty between takes."""
        now = self.now
        if now.stage == "shooting":
            return f"up to step {now.at} of {now.of} of scene '{now.scene}'"
        if now.stage == "developing":
            return f"all of scene '{now.scene}' but its developing"
        return ""

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
            case CutsSeen():
                self._cuts_seen(event)
            case FilmDone():
                self._film_done(event)
            case Warned() | FilmClaimed():
                self._noted(event)
        self.now.left, self.now.left_is_whole = self._meter.left, self._meter.whole
        self.now.share = self._meter.share
        if self._live is not None:
            self._live.show(self.now)

    def _noted(self, event: Warned | FilmClaimed) -> None:
        if isinstance(event, Warned):
            self._console.warn(Problem(event.message, event.where, event.hint))
        elif event.before:
            self._console.note(f"goes on in place of {event.before}")

    def _film_started(self, event: FilmStarted) -> None:
        self.now.film = event.film
        if event.to_shoot:
            self.now.stage = "loading"
            now = self.now
            place = f"film {now.number} of {now.films}: " if now.films > 1 else ""
            expected = estimate([self._plan])
            about = f", about {clock(expected.seconds)}" if expected is not None else ""
            self._console.note(
                f"{place}{event.film}: {counted(event.takes, 'take')}, "
                f"{event.to_shoot} to shoot{about}"
            )

    def _take_started(self, event: TakeStarted) -> None:
        self.now.scene, self.now.stage = event.scene, "shooting"
        self.now.at, self.now.of, self.now.steps_seen = event.step, event.steps, 0
        self.now.step_seconds = 0.0
        self._meter.take_started(event.scene, event.steps - event.step)
        if event.step:
            self._console.note(f"{event.scene}: goes on at step {event.step} of {event.steps}")

    def _step_done(self, event: StepDone) -> None:
        self._meter.step_done(event.scene, event.steps - event.step, event.seconds)
        self.now.at = event.step
        self.now.steps_seen += 1
        if self.now.steps_seen > 1:
            measured = self.now.steps_seen - 1
            self.now.step_seconds += (event.seconds - self.now.step_seconds) / measured
        self.now.peak_bytes = process_peak()
        self._console.detail(
            f"{event.scene}: step {event.step} of {event.steps}, {duration(event.seconds)}"
        )

    def _decoded(self, event: FramesDecoded) -> None:
        self.now.scene, self.now.stage = event.scene, "developing"
        self.now.at, self.now.of = event.frames, event.of
        self._meter.decoded(event.scene, event.frames, event.of)
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
        if now.peak_bytes:
            told.append(f"peak {memory(now.peak_bytes)}")
        self._console.note(f"{place}: {', '.join(told)}")

    def _cuts_seen(self, event: CutsSeen) -> None:
        scene, command = f"scene '{event.scene}'", f"holocine reshoot {self.now.film} --shot"
        hint = f"look at it; another seed may help, or {command} "
        for cut in event.missing:
            shot = self._shot(event.scene, event.asked.index(cut) + 2)
            words = f"{scene}: no cut is seen at frame {cut}, where shot {shot} should begin"
            self._console.warn(Problem(words, "", f"{hint}{shot}"))
        if event.extra:
            numbers = sorted({bisect_right(event.asked, frame) + 1 for frame in event.extra})
            shots = [self._shot(event.scene, number) for number in numbers]
            frames = ", ".join(map(str, event.extra))
            words = (
                f"{scene}: {'shot' if len(shots) == 1 else 'shots'} {', '.join(shots)} "
                f"{'jumps' if len(shots) == 1 else 'jump'} as if cut at "
                f"{'frame' if len(event.extra) == 1 else 'frames'} {frames}"
            )
            again = f"{hint}{shots[0]}" if event.asked else "look at it; another seed may help"
            self._console.warn(Problem(words, "", again))

    def _shot(self, scene: str, number: int) -> str:
        """The name of a shot of the film, numbered from 1."""
        return self._plan.shot_name(self._takes[scene], number - 1)

    def _film_done(self, event: FilmDone) -> None:
        if event.up_to_date:
            self._console.note(f"{event.film} is up to date")
            return
        self._console.note(
            f"{event.film}: {counted(event.frames, 'frame')}, made in {duration(event.seconds)}"
        )


@contextlib.contextmanager
def reporting(plan: Plan, console: Console, meter: Meter) -> Iterator[Reporter]:
    """A reporter for one render; the live display, if any, is gone at the end."""
    silent = console.quiet or console.verbose
    with contextlib.ExitStack() as stack:
        stack.callback(meter.film_done, str(plan.out))
        live = None
        if not (silent or plan.to_shoot == 0) and moves(sys.stderr):
            from holocine_cli.live import Live  # rich is slow to import and only this needs it

            live = stack.enter_context(Live())
            console.above = live.above
            stack.callback(setattr, console, "above", None)
        yield Reporter(plan, console, live, meter)
