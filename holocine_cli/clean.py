"""clean: what work folders hold that no film needs any more."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli.groups import Told, grouped
from holocine_cli.layout import columns
from holocine_cli.session import Session, begin
from holocine_core.api import counted, file_size

if TYPE_CHECKING:
    from holocine_core.api import Cleaning, Waste

Named = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FOLDER|FILM|SCREENPLAY",
        help="A folder with all below it, or whose work folder is meant; this folder where left "
        "out.",
        show_default=False,
    ),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", metavar="", help="Remove what is listed.", show_default=False),
]
Unfinished = Annotated[
    bool,
    typer.Option(
        "--unfinished",
        metavar="",
        help="Also takes of films that are half made, or were moved or removed.",
        show_default=False,
    ),
]
Older = Annotated[
    str | None,
    typer.Option(
        "--older",
        metavar="AGE",
        help="Only what was written so long ago: 12h, 30d, 8w.",
        show_default=False,
    ),
]


@grouped
def clean(
    ctx: typer.Context,
    named: Named = None,
    yes: Yes = False,
    unfinished: Unfinished = False,
    older: Older = None,
    told: Told = Told(),
) -> None:
    """Say what no film needs of its work folder any more; with --yes, remove it.

    holocine clean
    holocine clean films --older 30d --yes

    Work folders whose film and screenplay are both gone, takes that were made for
    a screenplay before it was changed, and what killed calls left. Never a film,
    nor what a film or a version of it needs, nor a folder that is in use.
    """
    session = begin(ctx, told)
    from holocine_core import api

    found = api.clean(
        named or (),
        remove=yes,
        unfinished=unfinished,
        older=0.0 if older is None else api.read_age(older),
    )
    session.fields = _record(found)
    if found.items:
        session.console.product("\n".join(_page(found)))
    _tell(session, found)


def _page(found: Cleaning) -> list[str]:
    from holocine_core import api

    rows = [
        (file_size(one.total), _place(one.path), f"{api.WASTE_WORDS[one.kind]}\n{_kinds(one)}")
        for one in found.items
    ]
    return columns(rows, right=frozenset({0}))


def _kinds(one: Waste) -> str:
    sizes = (f"{kind} {file_size(size)}" for kind, size in one.bytes.items())
    return ", ".join([counted(one.files, "file"), *(sizes if len(one.bytes) > 1 else ())])


def _place(path: Path) -> str:
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here


def _tell(session: Session, found: Cleaning) -> None:
    note = session.console.note
    for left in found.left:
        note(f"left as it is: {_place(left.path)}: {left.reason}")
    if found.kept:
        size = file_size(sum(one.total for one in found.kept))
        note(f"--unfinished means {size} more: takes of films that are half made, or not there")
    if found.removed:
        note(f"{file_size(found.bytes)} freed")
    elif found.items:
        again = shlex.join(["holocine", *session.argv, "--yes"])
        note(f"{file_size(found.bytes)} could go, and nothing was removed; to remove it: {again}")
    else:
        note("there is nothing to remove")


def _record(found: Cleaning) -> dict[str, Any]:
    return {
        "removed": found.removed,
        "bytes": found.bytes,
        "items": [_item(one) for one in found.items],
        "unfinished": [_item(one) for one in found.kept],
        "left": [{"path": str(one.path), "reason": one.reason} for one in found.left],
    }


def _item(one: Waste) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "reason": one.kind,
        "files": one.files,
        "bytes": one.total,
        "by_kind": one.bytes,
    }
