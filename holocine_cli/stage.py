"""stage: scenes of the drawn world, as a training set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.groups import Told, grouped
from holocine_cli.session import Session, begin
from holocine_cli.settings import models_home
from holocine_cli.sizes import pixels
from holocine_core.api import counted
from holocine_core.errors import InputError, Interrupted

if TYPE_CHECKING:
    from holocine_core.api import Sample


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the samples.")]
Count = Annotated[int, typer.Option("--count", "-n", min=1, metavar="N", help="Scenes to draw.")]
FirstSeed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of the first scene; the next ones count up. From 500000000 on, scenes are "
        "held out of nano's training.",
    ),
]
Size = Annotated[str, typer.Option("--size", metavar="WxH", help="Frame size in pixels.")]
Sheet = Annotated[
    Path | None,
    typer.Option(
        "--sheet",
        metavar="FILE",
        help="Also write a picture with a row per scene, a frame per shot.",
        show_default=False,
    ),
]
OnePerson = Annotated[
    int | None,
    typer.Option(
        "--person",
        min=0,
        metavar="N",
        help="The look of the only person in all scenes; captions do not tell it: a character for "
        "a LoRA.",
        show_default=False,
    ),
]
Known = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="Draw only what this model knows.", show_default=False
    ),
]


@grouped
def stage(
    ctx: typer.Context,
    folder: Folder,
    count: Count = 8,
    seed: FirstSeed = 0,
    size: Size = "224x128",
    sheet: Sheet = None,
    person: OnePerson = None,
    model: Known = None,
    models_dir: opt.ModelsDir = None,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Draw scenes of the drawn world, with captions, as a training set.

    holocine stage samples
    holocine stage samples --person 3 --model nano --size 224x128

    Each sample is a screenplay beside its clip, the format `holocine train` reads.
    The same seed draws the same scene.
    """
    session = begin(ctx, told)
    from holocine_core import api

    if sheet is not None and sheet.exists() and not force:
        raise InputError("a file is there already", where=str(sheet), hint="replace it: --force")
    seeds = range(seed, seed + count)
    samples = api.stage(
        folder,
        seeds,
        size=pixels(size),
        person=person,
        model=model,
        models_dir=models_home(session, models_dir),
        force=force,
    )
    written = _told(session, samples, seeds)
    if sheet is not None:
        api.draw_sheet(written, sheet)
    session.fields = {
        "folder": str(folder),
        "samples": [str(sample.path) for sample in written],
        "sheet": str(sheet) if sheet else None,
    }
    session.console.product(str(folder))


def _told(session: Session, samples: Iterator[Sample], seeds: range) -> list[Sample]:
    """The samples, each told of as it is written; a signal ends it after the current one."""
    written: list[Sample] = []
    with session.stop.awaited(session.tell_stop):
        for sample in samples:
            written.append(sample)
            left = len(seeds) - len(written)
            session.console.note(f"{len(written)} of {len(seeds)}: {sample.path}")
            if session.stop() and left:
                raise Interrupted(
                    f"{counted(len(written), 'sample')} of {len(seeds)} drawn",
                    hint=f"go on with --seed {seeds.start + len(written)} --count {left}",
                )
    return written
