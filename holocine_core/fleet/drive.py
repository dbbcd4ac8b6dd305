"""Keep workers at work until a folder's films are made, and say how they stand meanwhile.

Nothing that matters is known here alone: this process may die and be started again, and the folder
says what is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from holocine_core.errors import HolocineError, InputError, Interrupted, MachineError
from holocine_core.events import Stop, never
from holocine_core.film.ownership import is_finished
from holocine_core.fleet.engines.process import logs_of
from holocine_core.fleet.overview import FilmState, FilmStatus, Overview, overview
from holocine_core.fleet.queue import Queued
from holocine_core.store.files import atomic
from holocine_core.store.leases import Lease
from holocine_core.store.vault import disk_errors, fingerprint

EVERY = 1.0
"""Seconds between two looks."""
FRUITLESS = 6
"""Workers that end, one after the other, without that any film comes on."""
ENGINES = ("local", "ray", "slurm")


class Engine(Protocol):
    """Where workers run."""

    def require(self, words: Sequence[str], folder: Path, screenplays: Sequence[Path]) -> None:
        """Raises InputError or MachineError where they could not work."""

    def tend(self, wanted: int, words: Sequence[str], folder: Path) -> int:
        """Start workers until as many run as are wanted and may; how many run."""

    def ended(self) -> list[int]:
        """Exit codes of workers that ended since the last call."""

    def stop(self) -> None:
        """Ask all workers to end, and wait for them."""


def open_engine(name: str, settings: Sequence[str], gpus: int = 1) -> Engine:
    """The engine of a name: ``local``, ``ray`` or ``ray://HOST:PORT``.

    Args:
        name: Of the engine.
        settings: As ``KEY=VALUE``.
        gpus: That each worker films with.

    Raises:
        InputError: There is no such engine, or a setting is none of its.
        MachineError: Its library is not installed, or nothing answers.
    """
    kind, _, address = name.partition("://")
    if kind == "local" and not address:
        from holocine_core.fleet.engines.local import Local

        return Local(settings, gpus)
    if kind == "ray":
        from holocine_core.fleet.engines.ray import RayCluster

        return RayCluster(name if address else "", settings, gpus)
    raise InputError(
        f"there is no engine '{name}'",
        where="--on",
        hint=f"one of {', '.join(ENGINES)}, or ray://HOST:PORT",
    )


def list_for_workers(folder: Path, screenplays: Sequence[Path]) -> Path:
    """Write which screenplays the workers of this call film; the list's path, which no other list
    has: workers that wait in a queue may read it tomorrow.

    Raises:
        MachineError: The folder can not be written.
    """
    text = "".join(f"{one.absolute()}\0" for one in screenplays)  # Of any name.
    path = logs_of(folder) / f"films-{fingerprint(text)}.txt"
    with disk_errors("list the films", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as made:
            made.write_text(text, encoding="utf-8")
    return path


def drive(
    engine: Engine,
    words: Sequence[str],
    folder: Path,
    films: Sequence[Queued],
    should_stop: Stop = never,
    show: Callable[[Overview], None] = lambda found: None,
) -> Overview:
    """Keep workers at work until all films are made or given up; how they stand then.

    Args:
        engine: Where workers run.
        words: Of a worker's command line.
        folder: That all films lie below.
        films: Which they are.
        should_stop: Asked between looks; True ends the workers, which keep everything.
        show: Told how the films stand, at every look.

    Raises:
        MachineError: Workers end one after the other and no film comes on.
        Interrupted: ``should_stop`` said so.
    """
    looks, reached, fruitless = _Looks(folder, films), 0.0, 0
    try:
        while True:
            ended = engine.ended()
            found = looks.again(anew=bool(ended))
            show(found)
            if found.over:
                return found
            if should_stop():
                raise Interrupted("the workers have given their films back; everything is kept")
            on = sum(one.share for one in found.films) + found.count("made", "given up")
            fruitless = 0 if on > reached else fruitless + bool(ended)
            reached = max(on, reached)
            # Of many that are lost with one node, one counts.
            if fruitless >= FRUITLESS:
                raise MachineError(
                    f"workers ended {fruitless} times, and no film came on",
                    where=str(logs_of(folder)),
                    hint="their logs are there",
                )
            engine.tend(len(found.films) - found.count("made", "given up"), words, folder)
            time.sleep(EVERY)
    finally:
        engine.stop()


class _Looks:
    """How films stand, by their journals; that one is made is believed of the film itself, since a
    journal may tell of an earlier one, or of none."""

    def __init__(self, folder: Path, films: Sequence[Queued]) -> None:
        self._folder = folder
        self._films = films
        self._seen: dict[Path, Lease] = {}
        self._made = {one for one in films if one.finished}
        self._looked: dict[Queued, FilmState] = {}

    def again(self, *, anew: bool) -> Overview:
        """Look; ``anew`` at every film that was begun and is not known to be made."""
        told = {one.film.absolute(): one for one in overview(self._folder, self._seen).films}
        if anew:
            begun = [one for one, state in self._looked.items() if state != "waiting"]
            self._looked.update(dict.fromkeys(begun, "waiting"))
        return Overview(films=tuple(self._one(one, told) for one in self._films))

    def _one(self, film: Queued, told: Mapping[Path, FilmStatus]) -> FilmStatus:
        status = told.get(film.film.absolute()) or FilmStatus(film=film.film, state="waiting")
        # Planned again only where its journal tells something new: it was planned a moment ago.
        if film not in self._made and self._looked.setdefault(film, status.state) != status.state:
            self._looked[film] = status.state
            if status.state != "at work" and _is_there(film):
                self._made.add(film)
        if film in self._made:
            return replace(status, state="made", share=1.0)
        return replace(status, state="waiting", share=0.0) if status.state == "made" else status


def _is_there(film: Queued) -> bool:
    with suppress(HolocineError):
        return is_finished(film.replan())
    return False
