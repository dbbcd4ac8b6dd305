"""reshoot, extend, versions: what was filmed, changed and changed back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.groups import Machine, Told, ToldOfTakes, grouped
from holocine_cli.layout import columns
from holocine_cli.peeking import require_peek, shown
from holocine_cli.pipes import given
from holocine_cli.session import Session, begin
from holocine_cli.settings import for_film
from holocine_cli.shot_options import NewShot
from holocine_core.api import counted, scaled
from holocine_core.errors import InputError, Problem

if TYPE_CHECKING:
    from holocine_core.api import Edit, Edited, Extras, FilmVersion, FrameSpan, Request

ShotOption = Annotated[
    str,
    typer.Option(
        "--shot",
        metavar="SHOT",
        help="Its name: SCENE:NUMBER, or its number where the film has one scene.",
        show_default=False,
    ),
]
EditSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        max=2**63 - 1,
        help="Seed of what is made anew; the scene's next one where left out.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Write another film; FILM is replaced where left out.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Add = Annotated[
    Path,
    typer.Option(
        "--add",
        metavar="FILE",
        help="A YAML file with `shots:`, each with `seconds` or `frames`; - is stdin.",
        show_default=False,
    ),
]
SceneOption = Annotated[
    str | None,
    typer.Option(
        "--scene",
        metavar="SCENE",
        help="The scene that goes on; the last one where left out.",
        show_default=False,
    ),
]


@grouped
def reshoot(
    ctx: typer.Context,
    film: opt.Film,
    shot: ShotOption,
    new: NewShot = NewShot(),
    seed: EditSeed = None,
    out: Out = None,
    lora: opt.Lora = None,
    storyboard: opt.Storyboard = False,
    force: opt.Force = False,
    machine: Machine = Machine(),
    told: ToldOfTakes = ToldOfTakes(),
) -> None:
    """Make one shot of a finished film anew; all others stay.

    holocine reshoot harbour.mp4 --shot quay:1
    holocine reshoot harbour.mp4 --shot quay:2 --shot-size close-up --seconds 3

    A shot has the name that pages, storyboards and cut lists show. It is made
    in the context of its whole scene, so that people and places stay the same;
    where it gets another length, what follows moves with its pictures. The
    version before is kept: holocine versions.
    """
    session = begin(ctx, told)
    from holocine_core import api

    request = for_film(session, film, machine.request(lora, out=out))
    edit = api.plan_reshoot(
        film, shot, seed=seed, request=request, call=session.line, **new.change()
    )
    _make(session, edit, request, api.Extras(storyboard=storyboard), force=force)


@grouped
def extend(
    ctx: typer.Context,
    film: opt.Film,
    add: Add,
    scene: SceneOption = None,
    seed: EditSeed = None,
    out: Out = None,
    lora: opt.Lora = None,
    storyboard: opt.Storyboard = False,
    force: opt.Force = False,
    machine: Machine = Machine(),
    told: ToldOfTakes = ToldOfTakes(),
) -> None:
    """Add shots to the end of a scene; those before stay as they are.

    holocine extend harbour.mp4 --add more.yaml
    holocine extend harbour.mp4 --add more.yaml --scene quay

    The new shots are made with the scene's own as their memory. The version
    before is kept: holocine versions.
    """
    session = begin(ctx, told)
    from holocine_core import api

    add, text = given(session, add, "shots")
    request = for_film(session, film, machine.request(lora, out=out, given=text))
    edit = api.plan_extend(film, add, scene=scene, seed=seed, request=request, call=session.line)
    _make(session, edit, request, api.Extras(storyboard=storyboard), force=force)


def _make(
    session: Session, edit: Edit | Edited, request: Request, extras: Extras, *, force: bool
) -> None:
    """Film an edit, or say that this very call has made it."""
    from holocine_cli.produce import making
    from holocine_core import api

    console = session.console
    if isinstance(edit, api.Edited):
        session.fields = {"film": str(edit.path), "version": edit.version}
        if extras.storyboard:
            _pick(session, edit.path, edit.version, request, extras)
        else:
            console.product(str(edit.path))
        console.note(f"the edit was made already; this is version {edit.version}")
        return
    console.note(edit.told)
    if edit.length is not None:
        console.note(_length_told(edit))
    if edit.shots_seen is not None:
        console.note(f"the scene is longer than one pass, which sees its shots {edit.shots_seen}")
    require_peek(session, [(edit.before.out, edit.plan.out)], force=force)
    source = [(edit.plan.screenplay_path, edit.plan.out)]
    api.check_extras(edit.plan, extras, source, force=force)
    record: dict[str, Any] = {"edit": edit.record()}
    if edit.length is not None:
        before, now = edit.length
        record["shot_frames"] = {"before": before, "asked": float(now.asked), "got": now.got}
    session.fields = record
    with (
        session.stop.awaited(session.tell_stop),
        making(session, edit.plan, record, extras) as work,
        shown(api.Studio([edit.plan]), session) as studio,
    ):
        made = api.make_edit(
            edit, force=force, emit=work.emit, should_stop=session.stop, studio=studio
        )
        work.film = made.film
    record["version"] = made.version
    record["changed_frames"] = (
        None if made.changed is None else [[span.start, span.stop] for span in made.changed]
    )
    changed = _changed(made.changed, edit)
    console.note(f"{changed}; this is version {made.version}")
    api.settle_edit(edit)  # Last: a call that is cut short before finds its work done.


def _length_told(edit: Edit) -> str:
    """The frames of a shot that gets another length, and where they are not those asked for."""
    assert edit.length is not None
    before, now = edit.length
    asked = f" ({float(now.asked):g} asked for)" if now.moved else ""
    seconds = float(now.got / edit.plan.fps)
    return f"the shot has {counted(now.got, 'frame')}, {seconds:.2f} s{asked}; it had {before}"


def _changed(spans: Sequence[FrameSpan] | None, edit: Edit) -> str:
    scene, moved = edit.change.scene, _moved(edit)
    if spans is None:
        return f"the clip before is gone, so that frames cannot be compared{moved}"
    if not spans:
        return f"no frame that scene '{scene}' had has changed{moved}"
    listed = ", ".join(f"{span.start}-{span.stop - 1}" for span in spans)
    return f"scene '{scene}': frames {listed} changed and no others{moved}"


def _moved(edit: Edit) -> str:
    """By how much what follows a shot of another length begins elsewhere now."""
    by = 0 if edit.length is None else edit.length[1].got - edit.length[0]
    if not by:
        return ""
    frames = f"{abs(by)} frames"
    if edit.is_last:
        return f"; the film is {frames} {'longer' if by > 0 else 'shorter'}"
    return f"; what follows begins {frames} {'later' if by > 0 else 'earlier'}"


Pick = Annotated[
    int | None,
    typer.Option("--pick", metavar="N", min=1, help="Make FILM this version.", show_default=False),
]
Drop = Annotated[
    list[int] | None,
    typer.Option(
        "--drop",
        metavar="N",
        min=1,
        help="Remove this version and what only it needs. Repeatable.",
        show_default=False,
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        metavar="N",
        min=1,
        help="Remove all versions of this film but the newest N and those that lie there.",
        show_default=False,
    ),
]


FORMER_NAME = "takes"
"""Of `versions`; goes on for one release."""


@grouped
def versions(
    ctx: typer.Context,
    film: opt.Film,
    pick: Pick = None,
    drop: Drop = None,
    keep: Keep = None,
    lora: opt.Lora = None,
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    told: Told = Told(),
) -> None:
    """List a film's versions, go back to one, or remove some.

    holocine versions harbour.mp4
    holocine versions harbour.mp4 --pick 1

    Every reshoot and extend makes a version. Their takes are kept in the work
    folder; going back to one shoots nothing.
    """
    session = begin(ctx, told)
    if ctx.info_name == FORMER_NAME:
        renamed = Problem(f"`holocine {FORMER_NAME}` is now `holocine versions`", hint="call it so")
        session.console.warn(renamed)
    if sum((pick is not None, bool(drop), keep is not None)) > 1:
        raise InputError("--pick, --drop and --keep do not go together", hint="call it twice")
    from holocine_core import api

    request = Machine(models_dir=models_dir, work=work).request(lora)
    request = for_film(session, film, request)
    if pick is not None:
        _pick(session, film, pick, request)
    elif drop or keep:
        freed = api.drop_versions(film, drop or (), keep=keep, request=request)
        session.console.note(f"{scaled(freed, 'B')} freed")
        session.fields["freed_bytes"] = freed
    _list(session, api.versions(film, request, session.tell_warning))


def _pick(
    session: Session, film: Path, number: int, request: Request, extras: Extras | None = None
) -> None:
    """Make the film a version of its, and what is to lie beside it."""
    from holocine_cli.produce import making
    from holocine_core import api

    plan = api.plan_version(film, number, request)
    with (
        session.stop.awaited(session.tell_stop),
        making(session, plan, session.fields, extras) as work,
    ):
        work.film = api.render(plan, force=True, emit=work.emit, should_stop=session.stop)


def _list(session: Session, known: Sequence[FilmVersion]) -> None:
    from holocine_core import api

    paint = session.console.out
    rows = []
    records = []
    differ = len({(version.profile, version.steps) for version in known}) > 1
    resized = len({version.size for version in known}) > 1
    for version in known:
        other = version.film.name if version.film is not None else ""
        mark = "the film" if version.current else other
        size = scaled(version.bytes, "B")
        how = f"{version.profile or '?'}, {version.steps or '?'} steps" if differ else ""
        how = f"{how}  {version.size or '?'}".strip() if resized else how
        told = f"{version.changed}  {how}".rstrip()
        filmed = "" if version.filmed is None else f"{version.filmed:%Y-%m-%d %H:%M}"
        rows.append((str(version.number), filmed, told, size, paint(mark, "green")))
        records.append(
            {
                "version": version.number,
                "edits": [api.edit_record(edit, version.scenes) for edit in version.edits],
                "profile": version.profile,
                "steps": version.steps,
                "size": version.size,
                "changed": version.changed,
                "filmed": version.filmed and version.filmed.isoformat(timespec="seconds"),
                "bytes": version.bytes,
                "current": version.current,
                "film": None if version.film is None else str(version.film),
            }
        )
    session.fields["versions"] = records
    session.console.product("\n".join(columns(rows, right=frozenset({0, 3}))))
