"""lab: what only the drawn world needs: its codec, its words, its judge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.groups import Told, grouped
from holocine_cli.once import Commands
from holocine_cli.session import Session, begin
from holocine_cli.settings import models_home

lab = Commands()

OutFolder = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write.", show_default=False)
]
CodecToLookThrough = Annotated[
    Path | None,
    typer.Option(
        "--codec", metavar="DIR", help="A video codec to look through.", show_default=False
    ),
]
KnownWorld = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Learn the world that this model knows, and no more.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes that draw; one per core where left out.",
        show_default=False,
        rich_help_panel=opt.WHERE,
    ),
]
JudgeDevice = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:1 ...",
        autocompletion=opt.one_of("auto", "cpu", "cuda"),
        rich_help_panel=opt.WHERE,
    ),
]
OfChance = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Decides all chance.")]


@lab.callback(invoke_without_command=True)
def lab_root(ctx: typer.Context) -> None:
    """Make the parts of nano that `holocine train` does not: codec, words and judge.

    holocine lab codec nano-codec
    holocine lab judge --out scratch/judge --model nano
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@lab.command()
@grouped
def codec(
    ctx: typer.Context,
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A codec's: nano-codec, or a file in YAML.", show_default=False
        ),
    ],
    told: Told = Told(),
) -> None:
    """Train a codec on drawn scenes.

    holocine lab codec nano-codec
    holocine lab codec mine.yaml -q
    """
    session = begin(ctx, told)
    from holocine_core import api

    _made(session, api.train_codec(recipe, session.console.note))


@lab.command()
@grouped
def refit(
    ctx: typer.Context,
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model's folder.", show_default=False)
    ],
    codec: Annotated[
        Path,
        typer.Option("--codec", metavar="DIR", help="The new codec's folder.", show_default=False),
    ],
    out: OutFolder,
    told: Told = Told(),
) -> None:
    """Move a finished model onto another codec.

    holocine lab refit runs/nano/model --codec scratch/codec --out scratch/moved
    holocine lab refit MODEL --codec DIR --out DIR --json
    """
    session = begin(ctx, told)
    from holocine_core import api

    _made(session, api.refit(model, codec, out, session.console.note))


@lab.command()
@grouped
def vectors(
    ctx: typer.Context,
    out: OutFolder,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="FILE",
            help="A finished table, instead of the two sources: nano-words, or a file.",
            show_default=False,
        ),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(
            "--encoder", metavar="DIR", help="all-MiniLM-L6-v2's folder.", show_default=False
        ),
    ] = None,
    wordnet: Annotated[
        Path | None,
        typer.Option("--wordnet", metavar="DIR", help="WordNet's dict folder.", show_default=False),
    ] = None,
    size: Annotated[
        int, typer.Option("--size", metavar="N", min=1, help="Words in the table.")
    ] = 12000,
    seed: OfChance = 0,
    told: Told = Told(),
) -> None:
    """Write the tokenizer and word vectors that a text encoder starts from.

    holocine lab vectors --table nano-words --out scratch/text
    holocine lab vectors --encoder DIR --wordnet DIR --out scratch/text
    """
    session = begin(ctx, told)
    from holocine_core.api import write_text_start

    write_text_start(out, table=table, encoder=encoder, wordnet=wordnet, size=size, seed=seed)
    _made(session, out)


@lab.command("encoder")
@grouped
def text_encoder(
    ctx: typer.Context,
    text: Annotated[
        Path,
        typer.Option(
            "--text",
            metavar="DIR",
            help="Folder with tokenizer/ and text_encoder/.",
            show_default=False,
        ),
    ],
    out: OutFolder,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="N", min=0.0, help="How long to learn.")
    ] = 8.0,
    keep: Annotated[
        float,
        typer.Option(
            "--keep",
            metavar="X",
            min=0.0,
            help="How much rows are held where they are, for an encoder that a model films by.",
        ),
    ] = 0.0,
    casts: Annotated[
        str | None,
        typer.Option(
            "--casts",
            metavar="A,B",
            help="Who plays in the scenes that are read; all where left out.",
            show_default=False,
        ),
    ] = None,
    seed: OfChance = 0,
    told: Told = Told(),
) -> None:
    """Teach a text encoder to read captions of the drawn world.

    holocine lab encoder --text scratch/text --out scratch/read --minutes 24
    holocine lab encoder --text scratch/text --out scratch/read --casts two,pet
    """
    session = begin(ctx, told)
    from holocine_core import api

    session.fields["understood"] = api.teach_encoder(
        text,
        out,
        session.console.note,
        minutes=minutes,
        keep=keep,
        casts=casts.split(",") if casts else (),
        seed=seed,
    )
    _made(session, out)


@lab.command()
@grouped
def judge(
    ctx: typer.Context,
    out: OutFolder,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="N", min=0.0, help="For drawing and learning.")
    ] = 12.0,
    codec: CodecToLookThrough = None,
    model: KnownWorld = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="DIR", help="A judge to go on from.", show_default=False),
    ] = None,
    check: Annotated[
        int, typer.Option("--check", metavar="N", min=1, help="Shots to measure it on.")
    ] = 1500,
    workers: Workers = None,
    device: JudgeDevice = "cpu",
    models_dir: opt.ModelsDir = None,
    seed: OfChance = 0,
    told: Told = Told(),
) -> None:
    """Train and measure the judge that reads films of the drawn world.

    holocine lab judge --model nano --codec DIR --out scratch/judge
    holocine lab judge --start holocine_core/lab/judge --minutes 20 --out scratch/judge
    """
    session = begin(ctx, told)
    from holocine_core import api

    settings = api.JudgeSettings(
        minutes=minutes,
        codec=codec,
        model=model,
        models_dir=models_home(session, models_dir),
        start=start,
        check=check,
        workers=workers,
        device=device,
        seed=seed,
    )
    _made(session, api.train_judge(out, settings, session.console.note))


def _made(session: Session, out: Path) -> None:
    session.fields["out"] = str(out)
    session.console.product(str(out))
