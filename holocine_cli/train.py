"""train: a recipe in, a model out."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.groups import ToldAtLength, grouped
from holocine_cli.layout import columns
from holocine_cli.ranks import ranked_training
from holocine_cli.session import Session, begin
from holocine_cli.settings import device_here
from holocine_core.errors import InputError, Interrupted

if TYPE_CHECKING:
    from holocine_core.api import ExportOf, Recipe

RecipeMeant = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe of --list by its name, or a file in YAML.",
        show_default=False,
    ),
]
List = Annotated[
    bool,
    typer.Option(
        "--list",
        metavar="",
        help="Name the recipes that ship, each with its file to copy and change.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar="",
        help="Show phases, buckets, tokens, memory and the pace of a few steps; train nothing.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
StopAfter = Annotated[
    float | None,
    typer.Option(
        "--stop-after",
        metavar="MINUTES",
        min=0.0,
        help="Keep a checkpoint and end after this long; the same command goes on.",
        show_default=False,
        rich_help_panel=opt.WHERE,
    ),
]
Export = Annotated[
    bool,
    typer.Option(
        "--export",
        metavar="",
        help="Write the model of the latest checkpoint, and train nothing.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]
Best = Annotated[
    bool,
    typer.Option(
        "--best",
        metavar="",
        help="Write the model of the checkpoint with the lowest held-out loss, and train nothing.",
        show_default=False,
        rich_help_panel=opt.WHAT,
    ),
]


@grouped
def train(
    ctx: typer.Context,
    recipe: RecipeMeant = None,
    listing: List = False,
    dry_run: DryRun = False,
    stop_after: StopAfter = None,
    export: Export = False,
    best: Best = False,
    device: opt.Device = None,
    gpus: opt.Gpus = 1,
    told: ToldAtLength = ToldAtLength(),
) -> None:
    """Train a model; running it again goes on where it stopped.

    holocine train nano-quick --dry-run
    holocine train lora.yaml --gpus 2 --stop-after 120

    Ctrl-C ends after the current step and keeps a checkpoint, of which
    --export makes a model; --best takes the one with the lowest held-out
    loss. The finished model is a folder for --model, or a file for --lora;
    its path is printed on stdout, and nothing where training is not done.
    """
    session = begin(ctx, told)
    from holocine_core import api

    if listing:
        _list(session)
        return
    if recipe is None:
        raise InputError("there is no recipe", hint="holocine train --list names those that ship")
    read = api.read_recipe(recipe)
    where = device_here(session, device)
    if dry_run:
        _outline(session, read, where, gpus)
    else:
        minutes = math.inf if stop_after is None else stop_after
        with ranked_training(session, gpus, where) as tells:
            run = _train if tells else _follow
            kept: ExportOf | None = "best" if best else "latest" if export else None
            run(session, read, device=where, seconds=60 * minutes, export=kept)


def _list(session: Session) -> None:
    from holocine_core import api

    found = api.recipes()
    session.fields["recipes"] = [
        {"name": one.name, "file": str(one.path), "summary": one.summary} for one in found
    ]
    rows = [[session.console.out(one.name, bold=True), one.summary] for one in found]
    session.console.product("\n".join(columns(rows, indent="")))
    session.console.note(f"to copy and change: {found[0].path.parent}/NAME.yaml")


def _follow(
    session: Session, recipe: Recipe, *, device: str, seconds: float, export: ExportOf | None
) -> None:
    """Train beside the leader, and say nothing."""
    from holocine_core import api

    api.train(
        recipe,
        device=device,
        should_stop=session.stop,
        seconds=seconds,
        export=export,
    )


def _outline(session: Session, recipe: Recipe, device: str, gpus: int) -> None:
    from holocine_cli.train_view import outline_record, outline_text
    from holocine_core import api

    found = api.outline(recipe, gpus=gpus, device=device)
    paces = api.measure_training(found, device)
    session.fields = outline_record(found, paces)
    session.console.product(outline_text(found, paces, session.console.out))


def _train(
    session: Session, recipe: Recipe, *, device: str, seconds: float, export: ExportOf | None
) -> None:
    from holocine_cli.train_view import training_reported
    from holocine_core import api

    gc.enable()
    fields: dict[str, Any] = {"out": recipe.out, "steps": recipe.steps_of_all}
    session.fields = fields
    with (
        training_reported(session.console, fields) as reporter,
        session.stop.awaited(session.tell_stop),
    ):
        try:
            done = api.train(
                recipe,
                device=device,
                emit=reporter,
                should_stop=session.stop,
                seconds=seconds,
                export=export,
            )
        except Interrupted as stopped:
            raise Interrupted(stopped.message, hint=f"go on with: {session.line}") from stopped
    if done.model is None:
        fields["model"] = None
        session.console.note(
            f"step {done.step} of {done.steps} is kept in {recipe.out}, and no model is made yet; "
            f"go on with: {session.line}"
        )
    else:
        fields["model"] = str(done.model)
        fields["files"] = [str(path) for path in done.files]
        session.console.product("\n".join(fields["files"]))
