"""Plans of one call on the screen, and whether a render of them would begin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from holocine_cli.batch import Batch, Job
from holocine_cli.contract import MEND, problem_record
from holocine_cli.session import Session
from holocine_cli.warnings_told import Warnings
from holocine_core.errors import (
    Damaged,
    HolocineError,
    Interrupted,
    MachineError,
    problems_of,
)

if TYPE_CHECKING:
    from holocine_core.api import Extras, Plan


def show_plans(
    session: Session, jobs: Sequence[Job], extras: Extras, *, force: bool, check: bool = False
) -> None:
    """What a render would do; with ``check`` the call ends as it would before its first step, and
    a quiet one shows a line for each film in place of its plan."""
    from holocine_cli.plan_view import estimate_record, how_long
    from holocine_cli.produce import warn_of_processor
    from holocine_core import api

    if check:
        from holocine_cli.ranks import refuse_ranks

        refuse_ranks(session, jobs)
    console = session.console
    warnings = Warnings(console, [job.screenplay for job in jobs])
    batch = Batch(session, jobs, MEND)
    shown = _Shown(session, jobs, extras, warnings, force=force, check=check)
    for job in jobs:
        with batch.trying(job), shown.told_in_short(job):
            shown.plan(job)
    warnings.tell_shared()
    if len(jobs) > 1 and shown.plans:
        warn_of_processor(session, shown.plans)
        session.fields["estimate"] = estimate_record(shown.plans)
        if not (console.as_json or shown.short):
            films = api.counted(len(shown.plans), "film")
            console.product(f"\n{films}: {how_long(shown.plans)}")
    batch.finish()


class _Shown:
    """The plans of a call, one after the other."""

    def __init__(
        self,
        session: Session,
        jobs: Sequence[Job],
        extras: Extras,
        warnings: Warnings,
        *,
        force: bool,
        check: bool,
    ) -> None:
        self.plans: list[Plan] = []
        self.short = check and session.console.quiet > 0
        """Whether a line is enough."""
        self._session = session
        self._jobs = jobs
        self._extras = extras
        self._warnings = warnings
        self._force = force
        self._check = check

    def plan(self, job: Job) -> None:
        """One film's plan; an error where a render would end with one, or would find a file of its
        own damaged."""
        from holocine_cli.plan_view import plan_record, plan_text
        from holocine_cli.produce import warn_of_processor
        from holocine_core import api

        force, extras, console = self._force, self._extras, self._session.console
        sources = [(one.screenplay, one.film) for one in self._jobs]
        made = (api.plan_to_make if self._check else api.plan)(job.screenplay, job.request)
        if not self._check:
            api.check_extras(made, extras, sources, force=force)
        told = api.as_it_stands(made, extras, force=force)
        if console.as_json:
            job.record.update(plan_record(told, force=force))
        elif not self.short:
            gap = "\n" if job is not self._jobs[0] else ""
            console.product(gap + plan_text(told, force, console.out))
        self.plans.append(told)
        self._warnings.tell(job.screenplay, made.warnings)
        if len(self._jobs) == 1:
            warn_of_processor(self._session, self.plans)
        if not self._check:
            _refuse_damaged(made)
            return
        try:
            api.require_ready(made, extras, sources, force=force)
        except HolocineError as error:
            _note_obstacles(job, error)
            raise

    @contextlib.contextmanager
    def told_in_short(self, job: Job) -> Iterator[None]:
        """A line says whether a film would begin, where a line is enough."""
        from holocine_core import api

        try:
            yield
        except Interrupted:
            raise
        except HolocineError:
            if self.short:
                self._session.console.product(f"{job.film}: would not begin")
            raise
        if self.short:
            there = api.target(self.plans[-1], force=self._force).state == "up-to-date"
            words = "up to date" if there else "would begin"
            self._session.console.product(f"{job.film}: {words}")


def _note_obstacles(job: Job, error: HolocineError) -> None:
    """Have a film's part of the document tell what is in the way beside what its plan found."""
    there = job.record.get("obstacles", [])
    known = {(one["where"], one["hint"]) for one in there}
    more = [one for one in problems_of(error) if (one.where, one.hint) not in known]
    job.record["obstacles"] = [*there, *map(problem_record, more)]


def _refuse_damaged(plan: Plan) -> None:
    """Raises MachineError where a file that the film would read is no use: the plan has shown all
    of them, and ends as the render would. What lacks may still be fetched, and is no error here."""
    for file in plan.obstacles:
        if isinstance(file, Damaged):
            raise MachineError(file.message, where=file.where, hint=file.hint)
