"""Keep workers at work until a folder's films are made, and say how they stand meanwhile.

Nothing that matters is known here alone: this process may die and be started again, and the folder
says what is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.events import Stop, never
from holocine_core.fleet.engines.process import logs_of
from holocine_core.fleet.overview import Overview, overview
from holocine_core.store.leases import Lease
from holocine_core.store.vault import disk_errors

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


def open_engine(name: str, settings: Sequence[str]) -> Engine:
    """The engine of a name: ``local``, ``ray`` or ``ray://HOST:PORT``.

    Raises:
        InputError: There is no such engine, or a setting is none of its.
        MachineError: Its library is not installed, or nothing answers.
    """
    kind, _, address = name.partition("://")
    if kind == "local" and not address:
        from holocine_core.fleet.engines.local import Local

        return Local(settings)
    if kind == "ray":
        from holocine_core.fleet.engines.ray import RayCluster

        return RayCluster(name if address else "", settings)
    raise InputError(
        f"there is no engine '{name}'",
        where="--on",
        hint=f"one of {', '.join(ENGINES)}, or ray://HOST:PORT",
    )


def list_for_workers(folder: Path, screenplays: Sequence[Path]) -> Path:
    """Write which screenplays the workers of a folder film; the list's path.

    Raises:
        MachineError: The folder can not be written.
    """
    path = logs_of(folder) / "films.txt"
    with disk_errors("list the films", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{one.absolute()}\n" for one in screenplays), encoding="utf-8")
    return path


def drive(
    engine: Engine,
    words: Sequence[str],
    folder: Path,
    films: Sequence[Path],
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
    mine = {film.absolute() for film in films}
    reached, fruitless = 0.0, 0
    seen: dict[Path, Lease] = {}
    try:
        while True:
            all_films = overview(folder, seen).films
            found = Overview(films=tuple(one for one in all_films if one.film.absolute() in mine))
            show(found)
            if found.over:
                return found
            if should_stop():
                raise Interrupted("the workers have given their films back; everything is kept")
            on = sum(one.share for one in found.films) + found.count("made", "given up")
            fruitless = 0 if on > reached else fruitless
            reached = max(on, reached)
            fruitless += sum(code != 0 for code in engine.ended())
            if fruitless >= FRUITLESS:
                raise MachineError(
                    f"{fruitless} workers ended one after the other, and no film came on",
                    where=str(logs_of(folder)),
                    hint="their logs are there",
                )
            engine.tend(len(found.films) - found.count("made", "given up"), words, folder)
            time.sleep(EVERY)
    finally:
        engine.stop()
