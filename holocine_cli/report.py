"""report: a finished film on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.groups import Told, grouped
from holocine_cli.pipes import to_stdout
from holocine_cli.session import begin
from holocine_core.api import counted

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The page to write; FILM.html beside the film where left out, - is stdout.",
        show_default=False,
    ),
]


@grouped
def report(
    ctx: typer.Context,
    film: opt.Film,
    out: Out = None,
    clip: opt.Clip = None,
    dino: opt.Dino = None,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Put a film on one page: player, shots, cuts, likeness, settings.

    holocine report harbour.mp4
    holocine report harbour.mp4 -o review.html --force

    The page is one file that needs no network: send it as it is. Cuts are
    measured by TransNetV2 where holocine\\[eval] is installed.
    """
    session = begin(ctx, told)
    from holocine_core import api

    with to_stdout(out, f"{film.stem}.html") as place:
        made = api.report(film, place, clip=clip, dino=dino, force=force)
    path, page = made.path, made.page
    session.fields = {
        "film": str(film),
        "page": str(path),
        "measured_by": page.measured_by,
        "cuts": [
            {
                "shot": cut.shot.name,
                "begins": cut.begins,
                "asked": cut.shot.span.start,
                "found": cut.found,
            }
            for cut in page.measured
        ],
        "likeness": {name: [list(row) for row in rows] for name, rows in page.likeness.items()},
    }
    session.console.product(str(path))
    hard = [cut for cut in page.measured if cut.begins == "cut"]
    exact = sum(cut.found == cut.shot.span.start for cut in hard)
    session.console.note(
        f"{counted(len(page.cuts.shots), 'shot')}; {exact} of {counted(len(hard), 'cut')} on the "
        "frame asked for"
    )
