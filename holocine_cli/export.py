"""export: a finished film for editing programs and players."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from holocine_cli import options as opt
from holocine_cli.groups import Told, grouped
from holocine_cli.pipes import to_stdout
from holocine_cli.session import begin

To = Literal["otio", "edl", "fcpxml", "xml", "vtt", "srt"]


ToOption = Annotated[
    To,
    typer.Option(
        "--to",
        help="otio (OpenTimelineIO), edl (CMX 3600), fcpxml (Final Cut X), xml (Premiere, "
        "Resolve, Final Cut 7): the shots as clips. vtt, srt: their texts as subtitles.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The file to write; beside the film where left out, - is stdout.",
        show_default=False,
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="FPS",
        help="Frames per second of the editor's timeline: a multiple of the film's.",
        show_default=False,
    ),
]


@grouped
def export(
    ctx: typer.Context,
    film: opt.Film,
    to: ToOption,
    out: Out = None,
    rate: Rate = None,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Hand a film on: its shots as an editor's clips, or their texts as subtitles.

    holocine export harbour.mp4 --to otio
    holocine export harbour.mp4 --to edl --rate 30

    Every clip is a stretch of the film and carries its prompt and its seed; otio
    also keeps the screenplay. Editors count 24, 25 or 30 frames a second: a film
    of 15 gets a timeline of 30, each of its frames two of the editor's.
    """
    session = begin(ctx, told)
    from holocine_core import api

    with to_stdout(out, f"{film.stem}.{to}") as place:
        made = api.export(film, to, place, rate=rate, force=force)
    cuts, fps = made.cuts, made.rate
    session.fields = {
        "film": str(film),
        "file": str(made.path),
        "format": to,
        "rate": None if fps is None else float(fps),
        "shots": [
            {"name": shot.name, "frames": [shot.span.start, shot.span.stop], "prompt": shot.prompt}
            for shot in cuts.shots
        ],
    }
    session.console.product(str(made.path))
    said = cuts.counted
    if fps is not None and fps != cuts.fps:
        times = int(fps / cuts.fps)
        said += f" at {round(float(fps), 3):g} frames a second, {times} for each of the film's"
    session.console.note(said)
