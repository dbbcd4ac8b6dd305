"""What a folder of films asks of a fleet: time, memory, disk. Nothing is made."""

from __future__ import annotations

import heapq
import multiprocessing
import os
import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from holocine_core.errors import HolocineError, InputError
from holocine_core.film.planning import plan_film
from holocine_core.plan.pace import machines, pace_of, seconds_of
from holocine_core.plan.values import Plan
from holocine_core.request import Request

CLIP_BYTES, FILM_BYTES = 1.3, 0.07
"""Bytes of a pixel in a take's lossless clip and in a film, as nano films (python -m
benchmarks.disk). Pictures with more grain take more: a clip up to 3."""
LATENT_BYTES = 4
MANY = 200
"""Films from which on it pays to plan them by several processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilm:
    """What one film asks for.

    Attributes:
        seconds: With its networks open; None where that was not measured.
        start: Seconds until they are.
        peak_bytes: On its device.
        take_bytes: Of its work folder; ``film_bytes`` of the film.
    """

    film: Path
    seconds: float | None
    start: float
    flops: float
    peak_bytes: int
    take_bytes: int
    film_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What all of them ask for.

    Attributes:
        workers: How many make them.
        machine: On which the times were measured.
        seconds: Until the last film is made, the longest ones first; None where any film's time is
            not known.
        work_seconds: Of all workers together.
        longest: Of any film.
    """

    films: int
    workers: int
    machine: str
    seconds: float | None
    work_seconds: float | None
    longest: float | None
    flops: float
    peak_bytes: int
    take_bytes: int
    film_bytes: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many machines of a kind.

    Attributes:
        machine: Its name in the measured table; this machine where empty.
    """

    workers: int
    machine: str = ""


def read_fleet(asked: str) -> Fleet:
    """``8`` machines like this one, or ``8xH200`` of a kind that was measured.

    Raises:
        InputError: It is none, or the kind was not measured.
    """
    found = re.fullmatch(r"\s*(\d+)\s*(?:[xX*]\s*(\S.*?))?\s*", asked)
    if found is None or int(found[1]) < 1:
        raise InputError(f"'{asked}' is no fleet", where="--fleet", hint="such as 8, or 8xH200")
    if found[2] is None:
        return Fleet(int(found[1]))
    known = [name for name in machines() if found[2].lower() in name.lower()]
    if len(known) != 1:
        measured = "; ".join(machines()) or "none"
        raise InputError(
            f"no machine like '{found[2]}' was measured",
            where="--fleet",
            hint=f"measured are: {measured}; without a kind this machine is meant",
        )
    return Fleet(int(found[1]), known[0])


def film_asks(plan: Plan, fleet: Fleet) -> FleetFilm:
    """What one film asks for."""
    found = pace_of(plan, fleet.machine)
    pixels = sum(
        take.sampling.width * take.sampling.height * take.timeline.frames for take in plan.takes
    )
    delivery = plan.delivery
    frames = sum(take.timeline.frames for take in plan.takes) * delivery.fps / plan.fps
    return FleetFilm(
        film=plan.out,
        seconds=None if found is None else seconds_of(plan, found[0]),
        start=0.0 if found is None else found[0].start,
        flops=sum(one.cost.flops for take in plan.takes for one in take.chain()),
        peak_bytes=plan.placement.peak_bytes,
        take_bytes=round(CLIP_BYTES * pixels) + _latents(plan),
        film_bytes=round(FILM_BYTES * float(delivery.width * delivery.height * frames)),
    )


def asks_of_all(
    films: Sequence[tuple[Path, Request]], fleet: Fleet
) -> Iterator[FleetFilm | HolocineError]:
    """What each film asks for, or what is wrong with it; many are planned by all cores at once.

    Args:
        films: Screenplays, and what is asked for beside each.
        fleet: Who makes them.
    """
    cores = os.cpu_count() or 1
    if len(films) < MANY or cores == 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield from (_asks_of(film, fleet) for film in films)
        return
    context = multiprocessing.get_context("fork")
    with context.Pool(cores, initializer=_ignore_interrupts) as pool:
        yield from pool.imap(partial(_asks_of, fleet=fleet), films, chunksize=50)


def _ignore_interrupts() -> None:
    """The process that waits for them hears Ctrl-C and ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _asks_of(film: tuple[Path, Request], fleet: Fleet) -> FleetFilm | HolocineError:
    screenplay, request = film
    try:
        return film_asks(plan_film(screenplay, request), fleet)
    except HolocineError as error:
        return error


def forecast(films: Iterable[FleetFilm], fleet: Fleet) -> Forecast:
    """What all films ask for.

    Args:
        films: Each read once.
        fleet: Who makes them.
    """
    seconds: list[float] = []
    count = take_bytes = film_bytes = peak = unknown = 0
    flops = start = 0.0
    for one in films:
        count += 1
        unknown += one.seconds is None
        seconds.append(one.seconds or 0.0)
        start = max(start, one.start)
        flops += one.flops
        peak = max(peak, one.peak_bytes)
        take_bytes += one.take_bytes
        film_bytes += one.film_bytes
    known = not unknown
    return Forecast(
        films=count,
        workers=fleet.workers,
        machine=fleet.machine,
        seconds=start + makespan(seconds, fleet.workers) if known else None,
        work_seconds=sum(seconds) if known else None,
        longest=max(seconds, default=0.0) if known else None,
        flops=flops,
        peak_bytes=peak,
        take_bytes=take_bytes,
        film_bytes=film_bytes,
    )


def makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last film is made, where whoever is free takes the longest that is left."""
    free = [0.0] * min(workers, max(1, len(seconds)))
    for one in sorted(seconds, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + one)
    return max(free)


def _latents(plan: Plan) -> int:
    """Bytes of all latents; those of a take at work are kept twice."""
    spec = plan.model.spec
    values = sum(
        spec.shape.latent_channels
        * one.timeline.latent_frames
        * (one.sampling.height // spec.spatial_stride)
        * (one.sampling.width // spec.spatial_stride)
        for take in plan.takes
        for one in take.chain()
    )
    return 2 * LATENT_BYTES * values
