"""stage: scenes of the drawn world, as a training set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.layout import counted
from holocine_cli.session import begin
from holocine_core.errors import InputError, Interrupted


def stage(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the samples.")],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="Scenes to draw.")
    ] = 8,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            metavar="N",
            help="Seed of the first scene; the next ones count up. From 1000000000 on, scenes are "
            "held out of nano's training.",
        ),
    ] = 0,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Frame size in pixels.")
    ] = "160x96",
    force: opt.Force = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Draw scenes of the world that nano learned, with captions, as a training set.

    holocine stage samples
    holocine stage samples --count 200 --seed 5000 --size 224x128

    Each sample is a screenplay beside its clip, the format `holocine train` reads.
    The same seed draws the same scene.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    width, height = _pixels(size)
    from holocine_core.train.samples import stage_samples

    written: list[str] = []
    with session.stop.awaited(session.tell_stop):
        for path in stage_samples(
            folder, range(seed, seed + count), (height, width), replace=force
        ):
            written.append(str(path))
            session.console.note(f"{len(written)} of {count}: {path}")
            if session.stop() and len(written) < count:
                raise Interrupted(
                    f"{counted(len(written), 'sample')} of {count} drawn",
                    hint=f"go on with --seed {seed + len(written)} --count {count - len(written)}",
                )
    session.fields = {"folder": str(folder), "samples": written}
    session.console.product(str(folder))


def _pixels(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"--size {size} is no size", hint="write width x height: 160x96")
    if int(width) % 16 or int(height) % 16 or min(int(width), int(height)) < 32:
        raise InputError(
            f"--size {size} can't be trained on",
            hint="both sides are multiples of 16 pixels, 32 at least",
        )
    return int(width), int(height)
