"""reshoot, extend, versions: what was filmed, changed and changed back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.film import loras_of
from holocine_cli.layout import columns, scaled
from holocine_cli.session import Session, begin
from holocine_core.errors import InputError, Problem

if TYPE_CHECKING:
    from holocine_core.film.provenance import Inspection
    from holocine_core.plan.values import Plan
    from holocine_core.request import Request
    from holocine_core.script.edits import Extend, Reshoot

ShotOption = Annotated[
    str,
    typer.Option(
        "--shot",
        metavar="SHOT",
        help="Its number in the film, or SCENE:NUMBER.",
        show_default=False,
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        metavar="TEXT",
        help="What the shot shows now; as before where left out.",
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
        help="A YAML file with `shots:`, each with `seconds` or `frames`.",
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


PENDING = "pending.json"
"""In the work folder: the edit that replaces a film, until all is said about it."""


def reshoot(
    ctx: typer.Context,
    film: opt.Film,
    shot: ShotOption,
    prompt: Prompt = None,
    seed: EditSeed = None,
    out: Out = None,
    lora: opt.Lora = None,
    force: opt.Force = False,
    device: opt.Device = "auto",
    memory: opt.Memory = "auto",
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Make one shot of a finished film anew; all others stay.

    holocine reshoot harbour.mp4 --shot 3
    holocine reshoot harbour.mp4 --shot quay:2 --prompt "{mara} waves."

    The shot is made in the context of its whole scene, so that people and
    places stay the same. The version before is kept: holocine versions.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    from holocine_core.film.reopen import open_film, place_of
    from holocine_core.script.edits import Reshoot

    request = _request(device, memory, models_dir, work, lora)
    found, before = open_film(film, request)
    if _made_already(session, before):
        return
    take, number = place_of(before, shot)
    if prompt is not None and not prompt.strip():
        raise InputError("--prompt is empty", hint="leave it out to keep the shot's text")
    edit = Reshoot(scene=take.scene, shot=number, prompt=prompt, seed=_seed(take.seed, seed))
    _make(session, found, before, edit, replace(request, out=out), force)


def extend(
    ctx: typer.Context,
    film: opt.Film,
    add: Add,
    scene: SceneOption = None,
    seed: EditSeed = None,
    out: Out = None,
    lora: opt.Lora = None,
    force: opt.Force = False,
    device: opt.Device = "auto",
    memory: opt.Memory = "auto",
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Add shots to the end of a scene; those before stay as they are.

    holocine extend harbour.mp4 --add more.yaml
    holocine extend harbour.mp4 --add more.yaml --scene quay

    The new shots are made with the scene's own as their memory. The version
    before is kept: holocine versions.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    from holocine_core.film.reopen import open_film, read_shots
    from holocine_core.script.edits import Extend

    request = _request(device, memory, models_dir, work, lora)
    found, before = open_film(film, request)
    if _made_already(session, before):
        return
    name = scene or before.takes[-1].scene
    last = next((take for take in before.takes if take.scene == name), before.takes[-1])
    edit = Extend(
        scene=name,
        shots=read_shots(add, before.screenplay),
        seed=_seed(last.seed, seed),
    )
    _make(session, found, before, edit, replace(request, out=out), force)


def _seed(before: int, given: int | None) -> int:
    return (before + 1) % 2**63 if given is None else given


def _request(
    device: str, memory: str, models_dir: Path | None, work: Path | None, lora: list[str] | None
) -> Request:
    from holocine_core.request import Request

    return Request(
        device=device,
        memory=memory,
        models_dir=models_dir,
        work=work,
        loras=loras_of(lora or ()),
    )


def _make(
    session: Session,
    found: Inspection,
    before: Plan,
    edit: Reshoot | Extend,
    request: Request,
    force: bool,
) -> None:
    """Film an edit; both versions are noted."""
    from holocine_cli.extras import Extras
    from holocine_cli.produce import produce
    from holocine_core.film.ownership import film_key
    from holocine_core.film.reopen import changed_frames, replan
    from holocine_core.film.versions import remember_version
    from holocine_core.script.edits import told
    from holocine_core.store.vault import disk_errors, write_json

    plan = replan(found, (*before.edits, edit), request)
    session.console.note(told([edit]))
    at = next(i for i, take in enumerate(plan.takes) if take.scene == edit.scene)
    known = plan.takes[at].known
    if known is not None and known.shots is not None:
        seen = ", ".join(str(shot + 1) for shot in known.shots)
        session.console.note(f"the scene is longer than one pass, which sees its shots {seen}")
    record: dict[str, Any] = {"edit": edit.model_dump(mode="json", exclude_none=True)}
    session.fields = record
    remember_version(before)  # First: a call that is cut short must not lose the film as it was.
    pending = plan.work / PENDING
    if request.out is None:
        with disk_errors("note what is edited", pending):
            write_json(pending, {"line": session.line, "after": film_key(plan)})
    with session.stop.awaited(session.tell_stop):
        produce(session, plan, Extras(force=force or request.out is None), record)
    version = remember_version(plan)
    record["version"] = version.number
    spans = changed_frames(before.takes[at], plan.takes[at], plan.work)
    record["changed_frames"] = (
        None if spans is None else [[span.start, span.stop] for span in spans]
    )
    session.console.note(f"{_changed(spans, edit.scene)}; this is version {version.number}")
    if request.out is None:
        pending.unlink(missing_ok=True)


def _made_already(session: Session, film: Plan) -> bool:
    """Whether this very call has replaced the film before and was cut short right after: the same
    command again must not edit it twice."""
    from holocine_core.film.ownership import film_key
    from holocine_core.film.versions import remember_version
    from holocine_core.store.vault import read_json

    pending = film.work / PENDING
    noted = read_json(pending) or {}
    if noted.get("line") != session.line or noted.get("after") != film_key(film):
        return False
    version = remember_version(film)
    pending.unlink(missing_ok=True)
    session.fields = {"film": str(film.out), "version": version.number}
    session.console.product(str(film.out))
    session.console.note(f"the edit was made already; this is version {version.number}")
    return True


def _changed(spans: Any, scene: str) -> str:
    if spans is None:
        return "the clip before is gone, so that frames cannot be compared"
    if not spans:
        return f"no frame that scene '{scene}' had has changed"
    listed = ", ".join(f"{span.start}-{span.stop - 1}" for span in spans)
    return f"scene '{scene}': frames {listed} changed and no others"


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


def versions(
    ctx: typer.Context,
    film: opt.Film,
    pick: Pick = None,
    drop: Drop = None,
    keep: Keep = None,
    lora: opt.Lora = None,
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """List a film's versions, go back to one, or remove some.

    holocine versions harbour.mp4
    holocine versions harbour.mp4 --pick 1

    Every reshoot and extend makes a version. Their takes are kept in the work
    folder; going back to one shoots nothing.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    if ctx.info_name == FORMER_NAME:
        renamed = Problem(f"`holocine {FORMER_NAME}` is now `holocine versions`", hint="call it so")
        session.console.warn(renamed)
    if sum((pick is not None, bool(drop), keep is not None)) > 1:
        raise InputError("--pick, --drop and --keep do not go together", hint="call it twice")
    from holocine_core.film.ownership import film_key
    from holocine_core.film.reopen import open_film
    from holocine_core.film.versions import (
        drop_versions,
        lying,
        older_versions,
        remember_version,
    )
    from holocine_core.film.versions import versions as versions_in
    from holocine_core.store.vault import Vault

    request = _request("auto", "auto", models_dir, work, lora)
    found, plan = open_film(film, request)
    remember_version(plan)
    current = film_key(plan)
    vault = Vault(plan.work)
    if pick is not None:
        current = _pick(session, found, pick, request, plan.work)
    elif drop or keep:
        drop = drop or older_versions(plan.work, keep or 1, plan)
        with vault.locked("versions"):
            freed = drop_versions(plan.work, drop, current)
        session.console.note(f"{scaled(freed, 'B')} freed")
        session.fields["freed_bytes"] = freed
    known = versions_in(plan.work)
    _list(session, known, current, vault, lying(plan.work, known))


def _pick(session: Session, found: Inspection, number: int, request: Request, work: Path) -> str:
    """Make the film a version of its; returns that one's key."""
    from holocine_cli.extras import Extras
    from holocine_cli.produce import produce
    from holocine_core.film.ownership import film_key
    from holocine_core.film.reopen import replan
    from holocine_core.film.versions import pick_version, versions

    version = pick_version(versions(work), number)
    plan = replan(found, version.edits, request)
    if film_key(plan) != version.key:
        raise InputError(
            f"version {number} is one of another film in this work folder",
            where=str(work),
            hint="call versions with that film: its preview, or the file that -o named",
        )
    with session.stop.awaited(session.tell_stop):
        produce(session, plan, Extras(force=True), session.fields)
    return version.key


def _list(
    session: Session, known: Any, current: str, vault: Any, films: Mapping[str, Path]
) -> None:
    from holocine_core.script.edits import told

    paint = session.console.out
    rows = []
    records = []
    for version in known:
        size = version.bytes_in(vault)
        other = films[version.key].name if version.key in films else ""
        mark = "the film" if version.key == current else other
        rows.append(
            (str(version.number), told(version.edits), scaled(size, "B"), paint(mark, "green"))
        )
        records.append(
            {
                "version": version.number,
                "edits": [e.model_dump(mode="json", exclude_none=True) for e in version.edits],
                "bytes": size,
                "current": version.key == current,
                "film": str(films[version.key]) if version.key in films else None,
            }
        )
    session.fields["versions"] = records
    session.console.product("\n".join(columns(rows, right=frozenset({0, 2}))))
