"""Drafts: of each screenplay one and its storyboard, or several and one of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_cli import pipes
from holocine_cli.batch import Job, refuse_one_place
from holocine_cli.session import Session
from holocine_core.errors import InputError, Problem

if TYPE_CHECKING:
    from holocine_cli.produce import Films
    from holocine_cli.settings import Settings
    from holocine_core.api import Plan, Request


@dataclass(frozen=True, slots=True)
class Drafts:
    """Those of one screenplay."""

    jobs: tuple[Job, ...]
    board: Path
    """The storyboard."""


def drafts_for(
    screenplays: Sequence[Path],
    request: Request,
    out_dir: Path | None,
    seeds: int,
    settings: Settings,
    stdin: bytes | None = None,
) -> list[Drafts]:
    """Where all drafts go.

    Args:
        screenplays: Their files; one may be :data:`~holocine_cli.pipes.STDIN`.
        request: What is asked for beside them; its ``out`` names the drafts, or is a template.
        out_dir: Folder of the drafts.
        seeds: Drafts of each.
        settings: What holds where the call says nothing: drafts go to the folder that the film
            would.
        stdin: What it held.

    Raises:
        InputError: Before any work: two drafts of one name, one over a screenplay, or options
            that do not go together.
    """
    from holocine_core import api
    from holocine_core.api.fleet import refuse_repeated

    refuse_one_place(request, out_dir, "draft", several=len(screenplays) > 1)
    found = []
    for path in screenplays:
        given = replace(request, given=stdin if path == pipes.STDIN else None)
        asked, whole = settings.asked(path, given)
        folder = out_dir or whole.film(path).parent
        whole = replace(whole, out=request.out)
        each, board = api.drafts_asked(path, whole, folder, seeds)
        found.append(Drafts(tuple(Job(path, one, one.film(path), asked) for one in each), board))
    api.refuse_collisions([(job.screenplay, job.film) for one in found for job in one.jobs])
    first = [one.jobs[0] for one in found]
    refuse_repeated([(job.film, job.request.work_folder(job.screenplay)) for job in first])
    return found


def make_drafts(session: Session, drafts: Sequence[Drafts], *, force: bool) -> None:
    """Make them, and their storyboards.

    Raises:
        HolocineError: As :class:`~holocine_cli.produce.Films`.
    """
    from holocine_cli.produce import Films
    from holocine_core import api

    seeds = len(drafts[0].jobs)
    extras = api.Extras(preview=True, storyboard=seeds == 1)
    with Films(session, [job for one in drafts for job in one.jobs], extras, force=force) as films:
        if seeds > 1:
            _require_boards(films, drafts, force=force)
        for job in films.left:
            with films.making(job) as making:
                over = api.may_replace(making.plan, extras, force=force)
                making.film = api.render(making.plan, force=over, **films.options(making))
        left = films.left
    if seeds > 1:
        boards = [
            _lay_out(session, [films.plan(job) for job in one.jobs], one.board)
            for one in drafts
            if set(one.jobs) <= set(left)
        ]
        if len(drafts) == 1 and boards:
            session.fields["storyboard"] = boards[0]
        elif boards:
            session.fields["storyboards"] = boards
    films.finish()


def _require_boards(films: Films, drafts: Sequence[Drafts], *, force: bool) -> None:
    """Raises InputError where storyboards would replace what others made."""
    from holocine_core import api

    problems: list[Problem] = []
    for one in drafts:
        if one.jobs[0] in films.left:
            try:
                api.require_board(films.plan(one.jobs[0]), one.board, force=force)
            except InputError as refused:
                problems += refused.problems
    if problems:
        raise InputError.of(problems)


def _lay_out(session: Session, plans: Sequence[Plan], board: Path) -> str:
    """One storyboard of all drafts."""
    from holocine_core import api

    api.draw_board(plans, board, session.tell_warning)
    session.console.note(f"storyboard of {len(plans)} drafts: {board}")
    return str(board)


def keep_drafting(session: Session, drafts: Callable[[], Sequence[Drafts]], *, force: bool) -> None:
    """Make drafts now and whenever the screenplay, a file that it names or one that sets something
    for it is written anew, until Ctrl-C. Where that fails, those of before stay.

    Args:
        session: Of the call.
        drafts: Says where they go, by what is set by now.
        force: Replace what is in the way.

    Raises:
        InputError: There are several screenplays, or one from stdin.
        Interrupted: A signal came while drafts were made.
    """
    from holocine_cli.watch import watch
    from holocine_core import api

    first, *others = drafts()
    job = first.jobs[0]
    if others or job.request.given is not None:
        raise InputError("--watch follows one screenplay in a file", hint="name that file alone")
    last = job.film

    def draft() -> None:
        nonlocal last
        made = drafts()
        make_drafts(session, made, force=force)
        last = made[0].jobs[0].film  # What sets its folder may have changed.

    def followed(path: Path) -> Sequence[Path] | None:
        named = api.named_files(path)
        return None if named is None else (*named, *api.config_places(path))

    watch(
        session,
        job.screenplay,
        draft,
        followed,
        kept=lambda: last,
    )
