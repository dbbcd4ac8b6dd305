"""One screenplay or many: where each film goes, and one film's failure that stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holocine_cli.contract import SomeFailed, code_of, error_record
from holocine_cli.session import Session
from holocine_core.errors import HolocineError, InputError, Interrupted, Problem


@dataclass(frozen=True, slots=True)
class Job:
    """One film to plan or make."""

    screenplay: Path
    film: Path
    draft: int = 1
    record: dict[str, Any] = field(default_factory=dict)
    """Its part of the JSON document, filled as the work goes on."""


def jobs_for(
    screenplays: Sequence[Path], out: Path | None, out_dir: Path | None, work: Path | None
) -> list[Job]:
    """Where each film goes.

    Raises:
        InputError: Before any work: two films of one name, a film over a screenplay, or options
            that do not go together.
    """
    several = len(screenplays) > 1
    if out is not None and out_dir is not None:
        raise InputError("--out and --out-dir both say where the film goes", hint="give one")
    if several and out is not None:
        raise InputError(
            "--out names one film, but there are several screenplays",
            hint="name their folder with --out-dir",
        )
    if several and work is not None:
        raise InputError(
            "--work is one film's folder, but there are several screenplays",
            hint="leave it out: each film has its own beside it",
        )
    folder = out_dir or Path()
    jobs = [Job(path, out or folder / f"{path.stem}.mp4") for path in screenplays]
    problems = _collisions(jobs)
    if problems:
        raise InputError.of(problems)
    return jobs


def _collisions(jobs: Sequence[Job]) -> list[Problem]:
    sources = {job.screenplay.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    problems = []
    for job in jobs:
        film = job.film.resolve()
        if film in sources:
            words = "the film would be written over a screenplay"
            problems.append(Problem(words, str(job.film), "name another file"))
        if film in taken:
            problems.append(
                Problem(
                    f"{taken[film]} and {job.screenplay} would both become {job.film}",
                    str(job.screenplay),
                    "rename one, or render them into different folders",
                )
            )
        taken.setdefault(film, job.screenplay)
    return problems


class Batch:
    """Does the same with every film; those that failed are left out of what follows."""

    def __init__(self, session: Session, jobs: Sequence[Job]) -> None:
        self._session = session
        self._jobs = jobs
        self._errors: dict[Path, HolocineError] = {}
        """By film: several drafts have one screenplay."""
        for job in jobs:
            job.record.update({"screenplay": str(job.screenplay), "film": None, "takes": []})
        several = len(jobs) > 1
        session.fields = {"films": [job.record for job in jobs]} if several else jobs[0].record

    def each(self, do: Callable[[Job], None]) -> None:
        """Call ``do`` for every film that has not failed.

        Raises:
            Interrupted: At once.
            HolocineError: At once where there is one film only.
        """
        for job in self._jobs:
            if job.film in self._errors:
                continue
            try:
                do(job)
            except Interrupted:
                raise
            except HolocineError as error:
                if len(self._jobs) == 1:
                    raise
                self._session.console.fail(error)
                self._errors[job.film] = error
                job.record.update({"exit_code": int(code_of(error)), "error": error_record(error)})

    def finish(self) -> None:
        """Raise SomeFailed where any film failed."""
        for job in self._jobs:
            if len(self._jobs) > 1 and job.film not in self._errors:
                job.record.update({"exit_code": 0, "error": None})
        if self._errors:
            raise SomeFailed(list(self._errors.values()), len(self._jobs))
