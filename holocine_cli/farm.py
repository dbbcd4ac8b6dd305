"""`render --on ENGINE`: workers that somebody else starts and ends, and one view of all films."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_cli.batch import Job
from holocine_cli.console import moves
from holocine_cli.contract import SomeFailed
from holocine_cli.session import PROGRAM, Session
from holocine_cli.status import page, summary
from holocine_cli.worker import again, options_of, planning_error, queued_films
from holocine_core.api import counted
from holocine_core.errors import HolocineError, InputError, Interrupted, RenderError

if TYPE_CHECKING:
    from holocine_cli.groups import Shared
    from holocine_cli.settings import Settings
    from holocine_core.api import Extras, Overview, Queued

SHOWN = 30
"""Films of the page."""
EVERY = 10.0
"""Seconds between two lines where there is no terminal, if something changed."""


def farm(
    session: Session,
    jobs: Sequence[Job],
    extras: Extras,
    shared: Shared,
    options: tuple[Path | None, Path | None, int],
    settings: Settings,
    *,
    force: bool,
) -> None:
    """Have workers make all films; ``options`` are --out, --out-dir and --gpus.

    Workers film by the settings that hold here: theirs may be on another machine.

    Raises:
        InputError: There is no such engine, or a setting is none of its.
        MachineError: The engine is not there, or its workers fail.
        SomeFailed: Films failed.
        Interrupted: A signal came, or the time is over: the workers have ended.
    """
    from holocine_core import api
    from holocine_core.api import fleet

    assert shared.on is not None
    if session.peek is not None:
        raise InputError("--peek is of one process, and --on starts others", hint="leave one out")
    slurm = shared.on == "slurm"
    engine = None if slurm else fleet.open_engine(shared.on, shared.engine or (), options[2])
    films = queued_films(session, jobs, extras, force=force)
    if not films:
        raise SomeFailed(
            [planning_error(job) for job in jobs], len(jobs), [job.film for job in jobs]
        )
    folder = api.join_fleet(list(films))
    session.fields["folder"] = str(folder)
    screenplays = [one.screenplay for one in films]
    gpus = options[2]
    if gpus > 1:
        for one in films:
            fleet.refuse_ranks(one.replan(), gpus)
    listing = fleet.list_for_workers(folder, screenplays)
    words = _words(listing, jobs, extras, shared, force=force) + _where(*options)
    set_here = {one.screenplay: settings.of(one.screenplay) for one in films}
    words += ["--settings", str(api.hand_settings(listing, set_here))]
    if engine is None:
        ids = fleet.submit(shared.engine or (), words, folder, gpus)
        session.fields["jobs"] = ids
        session.console.product("\n".join(ids))
        told = f"{counted(len(ids), 'worker')} submitted; how they get on"
        session.console.note(f"{told}: {PROGRAM} status {folder} --watch")
        return
    engine.require(words, folder, screenplays)
    if shared.retry:
        fleet.forget_given_up(list(films))
    with session.stop.awaited(session.tell_stop), _view(session) as show:
        try:
            found = fleet.drive(engine, words, folder, list(films), session.stop, show)
        except Interrupted as stopped:
            raise Interrupted(stopped.message, hint=f"go on with: {session.line}") from stopped
    _report(session, jobs, films, found, extras, force=force)


def _words(
    listing: Path, jobs: Sequence[Job], extras: Extras, shared: Shared, *, force: bool
) -> list[str]:
    """A worker's command line."""
    from holocine_core.api import fleet

    words = ["render", "--worker", "--files", str(listing)]
    words += options_of(jobs[0].asked, extras, force=force)
    devices = {job.request.device for job in jobs}
    if "--device" not in words and len(devices) == 1 and "auto" not in devices:
        words += ["--device", *devices]  # Engines look whether their cards are meant.
    if shared.tries is not None:
        words += ["--tries", str(shared.tries)]
    if shared.until is not None and shared.on == "slurm":  # Nobody here waits for them.
        words += ["--until", fleet.until(shared.until, datetime.now()).isoformat()]
    flags = {"--retry": shared.retry, "--in-order": shared.in_order}
    return [*words, *(name for name, given in flags.items() if given)]


def _where(out: Path | None, out_dir: Path | None, gpus: int) -> list[str]:
    from holocine_core.api.fleet import dated

    out = None if out is None else dated(out)  # Workers may begin on another day.
    named = {"-o": out, "--out-dir": out_dir, "--gpus": None if gpus == 1 else gpus}
    return [word for name, value in named.items() if value for word in (name, str(value))]


@contextlib.contextmanager
def _view(session: Session) -> Iterator[Callable[[Overview], None]]:
    """Shows how all films stand: a page that is drawn over, or a line now and then."""
    console = session.console
    if moves(sys.stderr) and not console.quiet:
        from holocine_cli import live  # rich is slow to import and only this needs it

        with live.page() as draw:
            yield lambda found: draw("\n".join(page(found, console.err, shown=SHOWN)))
        return
    said, at = "", 0.0

    def show(found: Overview) -> None:
        nonlocal said, at
        line, now = summary(found), time.monotonic()
        if line != said and not found.over and (not said or now - at > EVERY):
            said, at = line, now
            console.note(line)

    yield show


def _report(
    session: Session,
    jobs: Sequence[Job],
    films: dict[Queued, Job],
    found: Overview,
    extras: Extras,
    *,
    force: bool,
) -> None:
    """What became of every film."""
    console = session.console
    states = {one.film.absolute(): one for one in found.films}
    errors: list[HolocineError] = []
    failed: list[Path] = []
    for film, job in films.items():
        one = states[film.film.absolute()]
        made = one.state == "made"
        job.record.update(
            outcome="made" if made else "failed",
            film=str(film.film) if made else None,
            exit_code=0 if made else 4,
            worker=one.worker,
        )
        if made:
            console.product(str(film.film))
            continue
        errors.append(RenderError(one.reason))
        failed.append(film.film)
        console.note(f"failed: {film.film}: {one.reason}")
        console.note(f"  again: {again(job, extras, force=force)}")
    console.note(summary(found))
    unplanned = [job for job in jobs if "outcome" not in job.record]
    errors += [planning_error(job) for job in unplanned]
    if errors:
        raise SomeFailed(errors, len(jobs), [*failed, *(job.film for job in unplanned)])
