"""export: a finished film for editing programs and players."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from holocine_cli import options as opt
from holocine_cli.layout import counted
from holocine_cli.session import begin
from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.edit.exchange import CutList

To = Literal["otio", "edl", "fcpxml", "xml", "vtt", "srt"]
STDOUT = Path("-")


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
        help="The file to write; beside the film where left out.",
        show_default=False,
    ),
]
Rate = Annotated[
    int | None,
    typer.Option(
        "--rate",
        metavar="FPS",
        min=1,
        help="Frames per second of the editor's timeline: a multiple of the film's.",
        show_default=False,
    ),
]


def export(
    ctx: typer.Context,
    film: opt.Film,
    to: ToOption,
    out: Out = None,
    rate: Rate = None,
    force: opt.Force = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Hand a film on: its shots as an editor's clips, or their texts as subtitles.

    holocine export harbour.mp4 --to otio
    holocine export harbour.mp4 --to edl --rate 30

    Every clip is a stretch of the film and carries its prompt and its seed; otio
    also keeps the screenplay. Editors count 24, 25 or 30 frames a second: a film
    of 15 gets a timeline of 30, each of its frames two of the editor's.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_cli.files import refuse_to_be
    from holocine_core.film.cut_list import cut_list
    from holocine_core.film.provenance import inspect as read_back

    path = out if out is not None else film.with_suffix(f".{to}")
    refuse_to_be(path, film, "film")
    if to in ("vtt", "srt") and rate is not None:
        raise InputError("subtitles have no rate", hint="leave --rate out")
    cuts = cut_list(read_back(film))
    fps = _write(cuts, to, path, rate, force)
    session.fields = {
        "film": str(film),
        "file": str(path),
        "format": to,
        "rate": fps,
        "shots": [
            {"name": shot.name, "frames": [shot.span.start, shot.span.stop], "prompt": shot.prompt}
            for shot in cuts.shots
        ],
    }
    session.console.product(str(path))
    told = counted(len(cuts.shots), "shot")
    if fps is not None and fps != cuts.fps:
        times = int(fps / cuts.fps)
        told += f" at {fps:g} frames a second, {times} for each of the film's"
    session.console.note(told)


def _write(cuts: CutList, to: To, path: Path, rate: int | None, force: bool) -> float | None:
    """Write the file; the timeline's rate where it has one."""
    from holocine_cli.files import refuse_to_replace, save

    if to == "vtt" or to == "srt":
        from holocine_core.edit.subtitles import subtitles

        shots = [shot for shot in cuts.shots if "card" not in shot.facts]  # Those are read as is.
        save(path, subtitles(shots, cuts.fps, to).encode(), replace=force)
        return None
    from holocine_core.edit.exchange import write_cut_list

    refuse_to_replace(path, replace=force)
    return float(write_cut_list(cuts, to, path, rate))
