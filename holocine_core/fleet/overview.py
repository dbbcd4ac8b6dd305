"""What became of a folder's films so far, from their journals alone: nothing is planned, nothing
is claimed, and the films' screenplays and models need not be here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import InputError
from holocine_core.fleet.shared import Listed, listed
from holocine_core.fleet.tries import read_tries
from holocine_core.request import WORK
from holocine_core.store.journal import NAME as JOURNAL
from holocine_core.store.journal import last_lines
from holocine_core.store.leases import Lease

FilmState = Literal["waiting", "at work", "stopped", "died", "failed", "given up", "made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmStatus:
    """How a film stands.

    Attributes:
        film: Where it goes, or, of one that nobody announced, its work folder.
        state: ``died`` is a worker of this host that is gone; of another host's it is found out
            when its lease runs out.
        scene: At work, or last at work.
        step: Of its denoising.
        takes: Made, and of how many.
        worker: Who has it, or had it last.
        silent: Seconds since the journal's last line, as the clocks of its writer and this host
            say.
        share: Of the film that is made, 0 to 1.
        seconds: How long the whole film takes; 0 where nobody knows.
        reason: Why it failed or stopped.
    """

    film: Path
    state: FilmState
    scene: str = ""
    step: int = 0
    steps: int = 0
    takes: tuple[int, int] = (0, 0)
    worker: str = ""
    silent: float = 0.0
    share: float = 0.0
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How all films of a folder stand."""

    films: tuple[FilmStatus, ...]

    def count(self, *states: FilmState) -> int:
        return sum(film.state in states for film in self.films)

    @property
    def over(self) -> bool:
        """Whether nothing is left to make."""
        return self.count("made", "given up") == len(self.films)

    @property
    def seconds_left(self) -> float | None:
        """Until all films are made by those that work now; None where nobody knows."""
        workers = self.count("at work")
        left = [one for one in self.films if one.state not in ("made", "given up")]
        if not left:
            return 0.0
        if not workers or any(one.seconds <= 0 for one in left):
            return None
        alone = max(one.seconds * (1 - one.share) for one in left)
        return max(alone, sum(one.seconds * (1 - one.share) for one in left) / workers)


def overview(folder: Path, seen: dict[Path, Lease] | None = None) -> Overview:
    """How the films of a folder stand.

    Args:
        folder: That the films lie in, with its work folders in ``.holocine``.
        seen: What earlier looks saw of the films' leases: give the same one again, empty at first,
            and a worker of another host that is silent for longer than its lease has died.

    Raises:
        InputError: Nothing was ever made there.
    """
    known = listed(folder)
    works = {one.work.resolve() for one in known}
    others = [path.parent for path in sorted(folder.glob(f"{WORK}/*/{JOURNAL}"))]
    known += [
        Listed(film=work, screenplay=work, work=work)
        for work in others
        if work.resolve() not in works
    ]
    if not known:
        raise InputError(
            "no film was begun in that folder",
            where=str(folder),
            hint="name the folder that the films go to",
        )
    return Overview(films=tuple(status_of(one, seen) for one in known))


def status_of(one: Listed, seen: dict[Path, Lease] | None = None) -> FilmStatus:
    """How one film stands; ``seen`` as of :func:`overview`."""
    lines = last_lines(one.work)
    if not lines:
        return FilmStatus(film=one.film, state="waiting", seconds=one.seconds)
    told = _Told(lines)
    lease = (seen if seen is not None else {}).setdefault(one.work, Lease(one.work))
    state, worker, reason = _state(lease, told, one.key)
    film = Path(told.film) if told.film and one.film == one.work else one.film
    return FilmStatus(
        film=film,
        state=state,
        scene=told.scene,
        step=told.step,
        steps=told.steps,
        takes=(told.done, told.takes),
        worker=worker,
        silent=told.silent,
        share=1.0 if state == "made" else told.share,
        seconds=one.seconds,
        reason=reason,
    )


class _Told:
    """What a journal tells of the last try."""

    def __init__(self, lines: Sequence[dict[str, Any]]) -> None:
        self.film = self.scene = self.worker = ""
        self.step = self.steps = self.done = self.takes = 0
        self.end: dict[str, Any] | None = None
        for line in lines:
            self._read(line)
        stamp = lines[-1].get("time", "")
        self.silent = 0.0
        with suppress(ValueError):
            written = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            self.silent = max(0.0, time.time() - written.timestamp())

    @property
    def share(self) -> float:
        """Of the film that is made: takes, and steps of the one at work."""
        at_work = self.step / self.steps if self.steps else 0.0
        return min(1.0, (self.done + at_work) / self.takes) if self.takes else 0.0

    def _read(self, line: dict[str, Any]) -> None:
        match line.get("event"):
            case "FilmClaimed":
                self.worker, self.end = str(line.get("worker", "")), None
            case "FilmStarted":
                self.film, self.takes = str(line.get("film", "")), int(line.get("takes", 0))
                self.scene, self.step, self.steps, self.done, self.end = "", 0, 0, 0, None
            case "TakeStarted" | "StepDone":
                self.scene = str(line.get("scene", ""))
                self.step, self.steps = int(line.get("step", 0)), int(line.get("steps", 0))
            case "TakeDone":
                self.done, self.step, self.steps = self.done + 1, 0, 0
            case "FilmDone" | "FilmEnded":
                self.end = line


def _state(lease: Lease, told: _Told, key: str) -> tuple[FilmState, str, str]:
    """A film's state, who has or had it, and why it is no further."""
    tries = read_tries(lease.folder, key)
    if told.end is not None and told.end["event"] == "FilmDone":
        return "made", told.worker, ""
    if tries.given_up:
        return "given up", told.worker, tries.error().message
    holder, over = None, False
    with suppress(OSError):
        holder, over = lease.holder(), lease.is_over()
    if holder is not None and not holder.released:
        worker = told.worker if holder.process is None else str(holder.process)
        if over:
            return "died", worker, "nothing is heard of its worker; the next one goes on"
        if told.end is None:
            return "at work", worker, ""
    if told.end is None or told.end.get("kind") == "interrupted":
        return "stopped", told.worker, "goes on with the next worker"
    return "failed", told.worker, str(told.end.get("message", ""))
