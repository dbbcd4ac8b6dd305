"""Planned films, made in front of a person: progress, Ctrl-C, and what goes beside each film."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from holocine_cli.batch import Batch, Job
from holocine_cli.contract import problem_record
from holocine_cli.peeking import require_peek, shown
from holocine_cli.progress import Meter, Reporter, reporting
from holocine_cli.session import Session
from holocine_cli.warnings_told import Warnings
from holocine_core.errors import Interrupted

if TYPE_CHECKING:
    from types import TracebackType

    from holocine_core.api import Beside, Extras, Film, Plan, Studio


@dataclass(slots=True)
class Making:
    """A film at work."""

    plan: Plan
    emit: Reporter
    film: Film | None = None
    """Set by whoever makes it."""


@contextlib.contextmanager
def making(
    session: Session,
    plan: Plan,
    record: dict[str, Any],
    extras: Extras | None = None,
    meter: Meter | None = None,
    warnings: Warnings | None = None,
) -> Iterator[Making]:
    """While this is open, a plan is made into a film; then it is told of, and its extras are made.

    Args:
        session: Of the call.
        plan: What is made.
        record: Holds the outcome, however it ends.
        extras: What to make beside the film.
        meter: Of all films of the call.
        warnings: Tells those of all films of the call.

    Raises:
        Interrupted: With the command that goes on.
    """
    gc.enable()
    console = session.console
    source = plan.screenplay_path
    (warnings or Warnings(console, [source])).tell(source, plan.warnings)
    record.setdefault("warnings", []).extend(map(problem_record, plan.warnings))
    with reporting(plan, console, meter or Meter([plan])) as reporter:
        work = Making(plan, reporter)
        try:
            yield work
        except Interrupted as stopped:
            place = f": {reporter.place}" if reporter.place else ""
            raise Interrupted(
                f"everything finished so far is kept{place}", hint=f"go on with: {session.line}"
            ) from stopped
        finally:
            record["takes"] = _takes(plan, reporter, film_is_ready=False)
    if work.film is None:
        return
    record |= _told(work.film, plan, reporter)
    if extras is not None:
        _make_extras(session, plan, extras, record)
    if not work.film.up_to_date:
        _tell_outdated(session, plan, extras)
    console.product(str(work.film.path))
    if session.stop():
        raise Interrupted(f"{plan.out} is finished and kept", hint=f"go on with: {session.line}")


def _told(film: Film, plan: Plan, reporter: Reporter) -> dict[str, Any]:
    takes = _takes(plan, reporter, film_is_ready=True)
    seen = {scene: cuts.record() for scene, cuts in film.cuts.items()}
    return {
        "film": str(film.path),
        "up_to_date": film.up_to_date,
        "frames": film.frames,
        "width": film.width,
        "height": film.height,
        "fps": float(film.fps),
        "seconds": film.seconds,
        "loudness": None if film.loudness is None else asdict(film.loudness),
        "takes": [{**take, "cuts": seen.get(take["scene"])} for take in takes],
    }


def _takes(plan: Plan, reporter: Reporter, *, film_is_ready: bool) -> list[dict[str, Any]]:
    """Every take with how it ended: shot, reused, failed, or waiting."""
    from holocine_core import api

    rest, clips = "reused" if film_is_ready else "waiting", api.clips(plan)
    return [
        {
            "scene": take.scene,
            "state": reporter.states.get(take.scene, rest),
            "path": None if (clip := clips[take.scene]) is None else str(clip),
            "seed": take.seed,
            "fingerprint": take.latents_key,
        }
        for take in plan.takes
    ]


def _make_extras(session: Session, plan: Plan, extras: Extras, record: dict[str, Any]) -> None:
    from holocine_core import api

    def tell(made: Beside) -> None:
        said: dict[str, Any] = {}
        if made.otio is not None:
            said["otio"] = str(made.otio), f"cut list: {made.otio}"
        if made.shots and extras.shots is not None:
            folder = api.shots_folder(extras.shots, plan.out)
            paths = [str(path) for path in made.shots]
            said["shots"] = paths, f"{len(made.shots)} shots are in {folder}"
        if made.storyboard is not None:
            said["storyboard"] = str(made.storyboard), f"storyboard: {made.storyboard}"
        for name, (value, words) in said.items():
            if name not in record:
                record[name] = value
                session.console.note(words)

    try:
        api.beside(plan, extras, session.stop, tell, session.tell_warning)
    except Interrupted as stopped:
        raise Interrupted(stopped.message, hint=f"go on with: {session.line}") from stopped


def _tell_outdated(session: Session, plan: Plan, extras: Extras | None) -> None:
    """Name what lies beside a film that was just replaced and was made of the one before."""
    from holocine_core import api

    asked = extras or api.Extras()
    if asked.preview:
        return  # Its storyboard comes after it.
    for path in api.outdated(plan, asked):
        if path.suffix == ".otio":
            again = f"; holocine export {plan.out} --to otio --force makes it anew"
        else:
            again = "" if extras is None else "; --storyboard makes it anew"
        session.console.note(f"{path} was made before this{again}")


class Films:
    """All films of one call: planned first, so that what is wrong with any is said before hours of
    work, and then made one after the other by networks that stay open.

    Args:
        session: Of the call.
        jobs: The films.
        extras: What to make beside each.
        studio_of: Makes the studio of their networks; one on this device where None.
        force: Replace what is in the way.
    """

    def __init__(
        self,
        session: Session,
        jobs: Sequence[Job],
        extras: Extras,
        studio_of: Callable[[Sequence[Plan]], Studio] | None = None,
        *,
        force: bool,
    ) -> None:
        from holocine_core import api

        self._session = session
        self._extras = extras
        self._batch = Batch(session, jobs)
        self._plans: dict[Job, Plan] = {}
        self._awaited = contextlib.ExitStack()
        self._warnings = Warnings(session.console, [job.screenplay for job in jobs])
        sources = [(job.screenplay, job.film) for job in jobs]
        require_peek(session, sources, force=force)
        for job in jobs:
            with self._batch.trying(job):
                plan = api.plan_to_make(job.screenplay, job.request)
                api.require_place(plan, extras, sources, force=force, here=True)
                # A single film's render does so itself, a second later.
                if len(jobs) > 1:
                    api.preflight(plan)
                self._plans[job] = plan
        self._warn_of_all()
        self.studio = shown((studio_of or api.Studio)(list(self._plans.values())), session)
        self._meter = Meter(list(self._plans.values()))

    def __enter__(self) -> Films:
        self._awaited.enter_context(self._session.stop.awaited(self._session.tell_stop))
        self._awaited.enter_context(self.studio)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._awaited.close()

    @property
    def left(self) -> list[Job]:
        """The films that have not failed."""
        return self._batch.left

    def plan(self, job: Job) -> Plan:
        """Of a film that has not failed to be planned."""
        return self._plans[job]

    @contextlib.contextmanager
    def making(self, job: Job) -> Iterator[Making]:
        """While this is open, a film is made; where it fails the others go on."""
        plan = self._plans[job]
        with self._batch.trying(job):
            stop_if_asked(self._session)
            told = (self._extras, self._meter, self._warnings)
            with making(self._session, plan, job.record, *told) as work:
                yield work

    def options(self, making: Making) -> dict[str, Any]:
        """What every film of the call is made with."""
        return {"emit": making.emit, "should_stop": self._session.stop, "studio": self.studio}

    def _warn_of_all(self) -> None:
        """What concerns several films or their model, before any is made."""
        for plan in self._plans.values():
            self._warnings.gather(plan.screenplay_path, plan.warnings)
        self._warnings.tell_shared()
        warn_of_processor(self._session, list(self._plans.values()))

    def finish(self) -> list[Plan]:
        """The plans of all films. Raises SomeFailed where any film failed."""
        stop_if_asked(self._session)
        self._batch.finish()
        return list(self._plans.values())


def warn_of_processor(session: Session, plans: Sequence[Plan]) -> None:
    """Tell, once, what films come to that a processor is to make and a GPU should."""
    from holocine_core import api

    warning = api.processor_warning(plans)
    if warning is not None:
        session.console.warn(warning)
        session.fields.setdefault("warnings", []).append(problem_record(warning))


def stop_if_asked(session: Session) -> None:
    """Raise Interrupted where a signal asked for it."""
    if session.stop():
        raise Interrupted("everything finished so far is kept", hint=f"go on with: {session.line}")
