"""stage: scenes of the drawn world, as a training set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.layout import counted
from holocine_cli.session import Session, begin
from holocine_core.errors import InputError, Interrupted

if TYPE_CHECKING:
    from holocine_core.lab.samples import Sample
    from holocine_core.lab.stage.world import Repertoire


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
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Draw scenes of the drawn world, with captions, as a training set.

    holocine stage samples
    holocine stage samples --person 3 --model nano --size 224x128

    Each sample is a screenplay beside its clip, the format `holocine train` reads.
    The same seed draws the same scene.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    width, height = _pixels(size)
    if sheet is not None and sheet.exists() and not force:
        raise InputError("a file is there already", where=str(sheet), hint="replace it: --force")
    seeds = range(seed, seed + count)
    written = _draw(
        session,
        folder,
        seeds,
        (height, width),
        replace=force,
        within=_world(model, models_dir),
        person=person,
    )
    if sheet is not None:
        from holocine_core.edit.contact_sheet import write_contact_sheet

        write_contact_sheet([sample.middles for sample in written], sheet)
    session.fields = {
        "folder": str(folder),
        "samples": [str(sample.path) for sample in written],
        "sheet": str(sheet) if sheet else None,
    }
    session.console.product(str(folder))


def _world(model: str | None, models_dir: Path | None) -> Repertoire:
    from holocine_core.lab.stage.world import EVERYTHING

    if model is None:
        return EVERYTHING
    from holocine_core.lab.learned import world_of
    from holocine_core.model.locate import find_model

    return world_of(find_model(model, models_dir))


def _draw(
    session: Session,
    folder: Path,
    seeds: range,
    size: tuple[int, int],
    *,
    replace: bool,
    within: Repertoire,
    person: int | None,
) -> list[Sample]:
    """Draw and write the samples, telling of each; a signal ends it after the current one."""
    from holocine_core.lab.samples import stage_samples

    written: list[Sample] = []
    with session.stop.awaited(session.tell_stop):
        samples = stage_samples(folder, seeds, size, replace=replace, within=within, person=person)
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


def _pixels(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"--size {size} is no size", hint="write width x height: 224x128")
    if int(width) % 16 or int(height) % 16 or min(int(width), int(height)) < 32:
        raise InputError(
            f"--size {size} can't be trained on",
            hint="both sides are multiples of 16 pixels, 32 at least",
        )
    return int(width), int(height)
