"""One worker among others: the films of a folder, shared by leases, each made once."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from holocine_cli.batch import Batch, Job
from holocine_cli.contract import SomeFailed, code_of, error_record
from holocine_cli.peeking import require_peek, shown
from holocine_cli.produce import making
from holocine_cli.session import PROGRAM, Session
from holocine_cli.signals import end_with_input
from holocine_cli.warnings_told import Warnings
from holocine_core.api import counted
from holocine_core.errors import HolocineError, Interrupted, MachineError, Problem, TakenOver

if TYPE_CHECKING:
    from holocine_cli.groups import Shared
    from holocine_core.api import Extras, Plan, Queue, Queued, Request, Studio, Turn


def work(
    session: Session,
    jobs: Sequence[Job],
    extras: Extras,
    shared: Shared,
    studio_of: Callable[[Sequence[Plan]], Studio] | None,
    *,
    force: bool,
) -> None:
    """Make films until none is left that this worker may make.

    Args:
        session: Of the call.
        jobs: The films.
        extras: What to make beside each.
        shared: How films are shared.
        studio_of: Makes the networks' studio; None in a rank that has followed its leader.
        force: Replace what is in the way.

    Raises:
        SomeFailed: Films failed, here or elsewhere.
        MachineError: This machine fails film after film; the others are left to other workers.
        Interrupted: A signal came, or the time is over, and films are left.
    """
    from holocine_core import api
    from holocine_core.api import fleet

    if studio_of is None:
        return
    if os.environ.pop(fleet.ENDS_WITH_STDIN, ""):
        end_with_input(session.stop)
    films = queued_films(session, jobs, extras, force=force)
    if films:
        folder = api.join_fleet(list(films))
        session.fields["folder"] = str(folder)
        session.console.note(
            f"{len(films)} films; how they stand: {PROGRAM} status {_word(folder)}"
        )
    queue = api.Queue(
        list(films),
        tries=shared.tries or fleet.TRIES,
        retry=shared.retry,
        in_order=shared.in_order,
    )
    told = _Telling(session, extras, films, force=force)
    with session.stop.awaited(session.tell_stop), shown(studio_of(()), session) as studio:
        try:
            for turn in queue.turns(session.stop, told.waits):
                told.begins(queue)
                with turn:
                    told.make(turn, studio)
                if turn.error is not None:
                    told.failed(turn)
        except Interrupted:
            told.report(queue)
            if queue.left or session.stop.number:
                raise
            return  # The time is over, and all is made.
    told.report(queue)
    _end(session, jobs, queue)


def queued_films(
    session: Session, jobs: Sequence[Job], extras: Extras, *, force: bool
) -> dict[Queued, Job]:
    """Every film that can be planned; what is wrong with the others is said before any is made."""
    from holocine_core import api

    batch = Batch(session, jobs)
    session.fields = {"films": [job.record for job in jobs]}
    sources = [(job.screenplay, job.film) for job in jobs]
    require_peek(session, sources, force=force)
    films = {}
    for job in jobs:
        with batch.trying(job):
            plan = api.plan(job.screenplay, job.request)
            api.require_place(plan, extras, sources, force=force)
            films[api.queued(job.screenplay, job.request, plan, extras)] = job
    return films


class _Telling:
    """What a worker says while it works."""

    def __init__(
        self, session: Session, extras: Extras, films: dict[Queued, Job], *, force: bool
    ) -> None:
        self._session = session
        self._extras = extras
        self._films = films
        self._force = force
        self._warnings = Warnings(session.console, ())  # Told as films come: others make some.

    def waits(self, words: str) -> None:
        self._session.console.note(f"waiting for other workers: {words}")

    def begins(self, queue: Queue) -> None:
        self._session.console.detail(f"{len(queue.left)} films are left")

    def make(self, turn: Turn, studio: Studio) -> None:
        """One film, and what is to lie beside it."""
        from holocine_core import api

        job = self._films[turn.film]
        with making(
            self._session, turn.plan, job.record, self._extras, warnings=self._warnings
        ) as work:
            work.film = api.render(
                turn.plan,
                force=self._force,
                emit=work.emit,
                should_stop=self._session.stop,
                studio=studio,
                vault=turn.vault,
            )

    def failed(self, turn: Turn) -> None:
        assert turn.error is not None
        if isinstance(turn.error, TakenOver):
            self._session.console.warn(
                Problem(turn.error.message, turn.error.where, turn.error.hint)
            )
        else:
            self._session.console.fail(turn.error)

    def report(self, queue: Queue) -> None:
        """What became of every film."""
        console, made = self._session.console, Counter[str]()
        for film, job in self._films.items():
            outcome, error = queue.outcomes.get(film, "left"), queue.errors.get(film)
            made[outcome] += 1
            job.record["outcome"] = outcome
            if outcome != "left":
                job.record["exit_code"] = 0 if error is None else int(code_of(error))
                job.record["error"] = None if error is None else error_record(error)
            if outcome in ("made elsewhere", "up to date"):
                job.record["film"] = str(film.film)
        told = ", ".join(f"{count} {outcome}" for outcome, count in made.items())
        if made:
            console.note(f"{counted(made.total(), 'film')}: {told}")
        for film, error in queue.errors.items():
            console.note(f"failed: {film.film}: {error.message}")
            command = again(self._films[film], self._extras, force=self._force)
            console.note(f"  again: {command}")


def again(job: Job, extras: Extras, *, force: bool) -> str:
    """The one command that tries a film again."""
    words = [PROGRAM, "render", str(job.screenplay), "-o", str(job.film)]
    return shlex.join([*words, *options_of(job.request, extras, force=force)])


def options_of(asked: Request, extras: Extras, *, force: bool) -> list[str]:
    """The options that a request was made of, but for where its film goes."""
    from holocine_core.api import Request

    usual, words = Request(), []
    valued = (
        "profile",
        "steps",
        "guidance",
        "size",
        "model",
        "expert_high",
        "expert_low",
        "seed",
        "device",
        "memory",
        "models_dir",
        "work",
        "from_draft",
    )
    for name in valued:
        value = getattr(asked, name)
        if value != getattr(usual, name) or name in asked.settled:
            words += [f"--{name.replace('_', '-')}", str(value)]
    for lora in asked.loras:
        expert = f":{lora.expert}" if lora.expert else ""
        words += ["--lora", f"{lora.path}:{lora.weight!r}{expert}"]
    if extras.shots is not None:
        words += ["--shots", str(extras.shots)]
    flags = {
        "--allow-outside": asked.outside,
        "--storyboard": extras.storyboard,
        "--otio": extras.otio,
        "--force": force,
    }
    return [*words, *(name for name, given in flags.items() if given)]


def _word(path: object) -> str:
    return shlex.quote(str(path))


def _end(session: Session, jobs: Sequence[Job], queue: Queue) -> None:
    if queue.left and session.stop():
        left = len(queue.left)
        raise Interrupted(
            f"{left} of {len(jobs)} films are left; everything finished so far is kept",
            hint=f"go on with: {session.line}",
        )
    if queue.sick is not None:
        raise MachineError(
            f"this machine fails film after film, and leaves the rest to others: "
            f"{queue.sick.message}",
            where=queue.sick.where,
            hint=queue.sick.hint,
        )
    errors: list[HolocineError] = [*queue.errors.values()]
    unplanned = [job for job in jobs if "outcome" not in job.record]
    if errors or unplanned:
        names = [*(film.film for film in queue.errors), *(job.film for job in unplanned)]
        errors += [planning_error(job) for job in unplanned]
        raise SomeFailed(errors, len(jobs), names)


def planning_error(job: Job) -> HolocineError:
    from holocine_core.errors import InputError

    told = job.record.get("error") or {}
    kind = MachineError if told.get("kind") == MachineError.kind else InputError
    return kind(str(told.get("message", "")))
