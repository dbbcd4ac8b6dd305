"""How long a film takes here: measured on the films before it. No torch here.

Every finished render leaves its pace in the user's cache folder, by model, way of computing and
machine; the median of the last few is what a plan goes by. Steps are counted by their FLOPs, so
that a short scene tells of a long one, all else by pixels.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from holocine_core.events import (
    Emit,
    Event,
    FilmDone,
    FilmStarted,
    ModelLoaded,
    StepDone,
    TakeDone,
    TakeStarted,
)
from holocine_core.model.devices import machine_name
from holocine_core.plan.values import Plan, Take
from holocine_core.store.files import read_cache, write_json
from holocine_core.store.hashes import cache_folder

NAME = "pace.json"
MEASURED = Path(__file__).with_name("measured_paces.json")
"""Paces that come with the package, each with its machine's name."""
HERE = "this machine"
_KEPT = 5
"""Films whose pace is kept: one beside other work does not decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a film's parts take.

    Attributes:
        start: Seconds from the beginning to the first step: imports, loading, texts.
        step: Seconds of denoising for every FLOP of it.
        develop: Seconds of decoding and keeping a take for every pixel of its frames.
        cut: Seconds of cutting the film for every pixel of its frames as they are delivered.
    """

    start: float
    step: float
    develop: float
    cut: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a film will take.

    Attributes:
        seconds: From the command's first work to the finished film.
        source: ``this machine``, or the name of the one that it was measured on.
    """

    seconds: float
    source: str


def estimate(plans: Sequence[Plan]) -> Estimate | None:
    """How long films will take, one after the other; None where any was not measured.

    Args:
        plans: Networks are opened once for those that follow each other with the same.
    """
    seconds, opened, sources = 0.0, "", []
    for plan in plans:
        found = pace_of(plan)
        if found is None:
            return None
        pace, source = found
        sources.append(source)
        key = _key(plan)
        if plan.to_shoot and key != opened:
            seconds, opened = seconds + pace.start, key
        seconds += seconds_of(plan, pace)
    return Estimate(seconds=seconds, source=sources[-1]) if sources else None


def pace_of(plan: Plan, machine: str = "") -> tuple[Pace, str] | None:
    """The pace of a plan's model, computed as planned, and where it was measured.

    Args:
        plan: Of a film.
        machine: Another than this one, by its name in the measured table.
    """
    if machine:
        alike = _key(plan).split(" | ")[:3]
        for key, films in _read(MEASURED).items():
            if key.split(" | ")[:3] == alike and key.endswith(f" | {machine}"):
                return Pace(**films[0]), machine
        return None
    films = _read(_file()).get(_key(plan), [])
    if films:
        names = [field.name for field in fields(Pace)]
        middle = {name: statistics.median(film[name] for film in films) for name in names}
        return Pace(**middle), HERE
    films = _read(MEASURED).get(_key(plan), [])
    return (Pace(**films[0]), machine_name(plan.device)) if films else None


@contextlib.contextmanager
def paced(plan: Plan, emit: Emit, now: Callable[[], float] = time.monotonic) -> Iterator[Emit]:
    """An emitter that also takes the time of a render, and keeps its pace once the film is done.

    Only a film of which every take was made from its first step is a measure.
    """
    watch = _Watch(plan, now)

    def tell(event: Event) -> None:
        watch.see(event)
        emit(event)

    yield tell
    if (pace := watch.pace) is not None:
        _keep(_key(plan), pace)


class _Watch:
    def __init__(self, plan: Plan, now: Callable[[], float]) -> None:
        self._plan = plan
        self._takes = {take.scene: take for take in plan.takes}
        self._now = now
        self._began = self._shot = self._done = now()
        self._start: float | None = None
        self._opened = False
        self._steps: list[tuple[float, float]] = []
        self._developed: list[tuple[float, int]] = []
        self._first = True
        self._whole = all(
            take.state != "reuse" and take.step == 0 and take.base is None for take in plan.takes
        )
        self._cut: float | None = None

    def see(self, event: Event) -> None:
        at = self._now()
        match event:
            case FilmStarted():
                self._began = at
            case ModelLoaded(part="transformer"):
                self._opened = True
            case TakeStarted():
                self._first = True
            case StepDone():
                take = self._takes[event.scene]
                if self._start is None:
                    self._start = at - self._began
                elif not self._first:  # A take's first step loads and reads too.
                    self._steps.append((event.seconds, take.cost.flops / event.steps))
                self._first = False
                self._shot = at
            case TakeDone(reused=False):
                take = self._takes[event.scene]
                self._developed.append((at - self._shot, _pixels(take)))
                self._done = at
            case FilmDone(up_to_date=False):
                self._cut = at - self._done

    @property
    def pace(self) -> Pace | None:
        """The film's; None where it tells too little."""
        whole = self._whole and self._opened and self._steps and self._developed
        if not whole or self._start is None or self._cut is None:
            return None
        step = _ratio(self._steps)
        take = self._plan.takes[0]
        first = step * take.cost.flops / take.sampling.steps
        return Pace(
            start=max(0.0, self._start - first),
            step=step,
            develop=_ratio(self._developed),
            cut=self._cut / _delivered(self._plan),
        )


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(seconds for seconds, _ in pairs) / sum(work for _, work in pairs)


def flops_to_make(plan: Plan) -> float:
    """Floating-point operations of denoising that a film still needs."""
    waiting = [one for take in plan.takes if take.state != "reuse" for one in _to_make(take)]
    return sum(map(_flops_left, waiting))


def step_here(device: str) -> float | None:
    """Seconds of denoising for every FLOP of it on a device of this machine, by whatever films were
    measured on it, the fastest; None where none was."""
    name = machine_name(device)
    known = {**_read(MEASURED), **_read(_file())}
    steps = [
        film["step"]
        for key, films in known.items()
        if key.rpartition(" | ")[2] == name
        for film in films
    ]
    return min(steps, default=None)


def _to_make(take: Take) -> Iterator[Take]:
    """A take, and those that are made before it because it is made from them."""
    for one in take.chain():
        if one.state == "reuse":
            return
        yield one


def _flops_left(take: Take) -> float:
    first = take.step or (0 if take.upscaled is None else take.upscaled.step)
    return take.cost.flops * (1 - first / take.sampling.steps)


def _pixels(take: Take) -> int:
    return take.sampling.width * take.sampling.height * take.timeline.frames


def _delivered(plan: Plan) -> float:
    delivery = plan.delivery
    frames = sum(take.timeline.frames for take in plan.takes)
    return float(delivery.width * delivery.height * frames * delivery.fps / plan.fps)


def machines() -> list[str]:
    """Names of the machines whose paces come with the package."""
    return sorted({key.rpartition(" | ")[2] for key in _read(MEASURED)})


def seconds_of(plan: Plan, pace: Pace) -> float:
    """How long a film takes at a pace, its networks being open."""
    waiting = [one for take in plan.takes if take.state != "reuse" for one in _to_make(take)]
    seconds = sum(pace.step * _flops_left(take) for take in waiting)
    seconds += sum(pace.develop * _pixels(take) for take in waiting)
    return seconds + pace.cut * _delivered(plan)


def _key(plan: Plan) -> str:
    sampling = plan.takes[0].sampling
    kind = "lora" if plan.loras else "plain"
    way = (plan.model.spec.name, sampling.attention, kind, plan.placement.computing)
    return " | ".join((*way, plan.placement.strategy, machine_name(plan.device)))


def _file() -> Path:
    return cache_folder() / NAME


def _read(path: Path) -> dict[str, list[dict[str, float]]]:
    """What was measured by key; what cannot be read was not measured."""
    names = {field.name for field in fields(Pace)}
    with contextlib.suppress(RuntimeError):  # No home.
        return {
            key: films
            for key, films in read_cache(path).items()
            if isinstance(films, list) and films and all(_is_pace(film, names) for film in films)
        }
    return {}


def _is_pace(film: Any, names: set[str]) -> bool:
    if not isinstance(film, dict) or set(film) != names:
        return False
    return all(isinstance(value, int | float) and value >= 0 for value in film.values())


def _keep(key: str, pace: Pace) -> None:
    """Keep a film's pace; a cache that cannot be written costs an estimate and no film."""
    with contextlib.suppress(OSError, RuntimeError):
        path = _file()
        known = _read(path)
        known[key] = [*known.get(key, []), asdict(pace)][-_KEPT:]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known)
