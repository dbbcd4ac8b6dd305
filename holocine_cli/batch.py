"""One screenplay or many: where each film goes, and one film's failure that stops no other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holocine_cli import pipes
from holocine_cli.contract import SomeFailed, code_of, error_record, problems_of
from holocine_cli.session import Session
from holocine_core.errors import HolocineError, InputError, Interrupted, Problem

if TYPE_CHECKING:
    from holocine_cli.settings import Settings
    from holocine_core.api import Request


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One film to plan or make."""

    screenplay: Path
    request: Request
    film: Path
    asked: Request
    """As the call says it, without what files and variables set."""
    record: dict[str, Any] = field(default_factory=dict)
    """Its part of the JSON document, filled as the work goes on."""


def jobs_for(
    screenplays: Sequence[Path],
    request: Request,
    out_dir: Path | None,
    settings: Settings,
    stdin: bytes | None = None,
) -> list[Job]:
    """Where each film goes, and all that is asked for.

    Args:
        screenplays: Their files; one may be :data:`~holocine_cli.pipes.STDIN`.
        request: What the call asks for beside them.
        out_dir: Folder of the films.
        settings: What holds where it says nothing.
        stdin: What it held.

    Raises:
        InputError: Before any work: two films of one name, a film over a screenplay, or options
            that do not go together, or a file that sets something is wrong.
    """
    several, streams = len(screenplays) > 1, request.out == pipes.DASH
    refuse_one_place(request, out_dir, "film", several=several)
    from holocine_core.api import refuse_collisions
    from holocine_core.api.fleet import film_named, is_template, kept_aside, refuse_repeated

    named = is_template(request.out)
    jobs = []
    for path in screenplays:
        asked = replace(request, given=stdin if path == pipes.STDIN else None)
        if streams:
            asked = replace(asked, out=None)  # Its takes are those of the film that has a name.
        if request.out is None and out_dir is not None:
            asked = replace(asked, out=out_dir / asked.film(path))
        asked, whole = settings.asked(path, asked)
        if named:
            whole = replace(whole, out=film_named(str(request.out), path, whole))
        elif streams:
            whole = kept_aside(path, whole)
        film = whole.film(path)
        jobs.append(Job(path, replace(whole, out=film), film, asked))
    refuse_collisions([(job.screenplay, job.film) for job in jobs])
    refuse_repeated([(job.film, job.request.work_folder(job.screenplay)) for job in jobs])
    return jobs


def refuse_one_place(request: Request, out_dir: Path | None, what: str, *, several: bool) -> None:
    """Raises InputError where options say twice where films go, or of several that all go to one
    place.

    Args:
        request: What the call asks for.
        out_dir: Folder of the films.
        what: They are called: film or draft.
        several: Whether there are several screenplays.
    """
    from holocine_core.api.fleet import is_template

    if request.out is not None and out_dir is not None:
        raise InputError(f"--out and --out-dir both say where the {what} goes", hint="give one")
    if several and request.out == pipes.DASH:
        raise InputError(
            f"stdout takes one {what}, but there are several screenplays",
            where="--out",
            hint=f"name all of them with -o '{what}s/{{stem}}.mp4'",
        )
    if several and request.out is not None and not is_template(request.out):
        by = f"'{what}s/{{stem}}.mp4'"
        raise InputError(
            f"--out names one {what}, but there are several screenplays",
            hint=f"name their folder with --out-dir, or all of them with -o {by}",
        )
    if several and request.work is not None:
        raise InputError(
            "--work is one film's folder, but there are several screenplays",
            hint="leave it out: each film has its own beside it",
        )


class Batch:
    """The films of one call; those that failed are left out of what follows."""

    def __init__(self, session: Session, jobs: Sequence[Job]) -> None:
        self._session = session
        self._jobs = jobs
        self._errors: dict[Path, HolocineError] = {}
        """By film: several drafts have one screenplay."""
        for job in jobs:
            job.record.update({"screenplay": str(job.screenplay), "film": None, "takes": []})
        several = len(jobs) > 1
        session.fields = {"films": [job.record for job in jobs]} if several else jobs[0].record

    @property
    def left(self) -> list[Job]:
        """The films that have not failed."""
        return [job for job in self._jobs if job.film not in self._errors]

    @contextlib.contextmanager
    def trying(self, job: Job) -> Iterator[None]:
        """What fails is told and noted, and the other films go on.

        Raises:
            Interrupted: At once.
            HolocineError: At once where there is one film only.
        """
        try:
            yield
        except Interrupted:
            raise
        except HolocineError as error:
            if len(self._jobs) == 1:
                raise
            self._tell(job, error)
            self._errors[job.film] = error
            job.record.update({"exit_code": int(code_of(error)), "error": error_record(error)})

    def _tell(self, job: Job, error: HolocineError) -> None:
        """What failed; what failed alike before, such as all films of one model, by its name."""
        problems = problems_of(error)
        like = next((film for film, e in self._errors.items() if problems_of(e) == problems), None)
        if like is None:
            self._session.console.fail(error)
        else:
            self._session.console.error(Problem(f"{job.film}: the same as for {like}"))

    def finish(self) -> None:
        """Raise SomeFailed where any film failed."""
        for job in self._jobs:
            if len(self._jobs) > 1 and job.film not in self._errors:
                job.record.update({"exit_code": 0, "error": None})
        if self._errors:
            raise SomeFailed(list(self._errors.values()), len(self._jobs), list(self._errors))
