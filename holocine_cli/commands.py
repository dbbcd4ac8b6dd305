"""The Typer app: every command in its panel. What it raises becomes an exit code in ``app``."""

from __future__ import annotations

from typing import Annotated

import typer

from holocine_cli import (
    clean,
    config,
    edit,
    evaluate,
    export,
    film,
    import_,
    ingest,
    lab,
    look,
    machine,
    report,
    stage,
    status,
    train,
    write,
)
from holocine_cli.once import Commands
from holocine_cli.session import PROGRAM, Session

app = Commands(
    name=PROGRAM,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, FILM, LOOK, TEACH, MACHINE = "Write", "Film", "Look", "Teach", "Machine"
for panel, command in (
    (WRITE, write.new),
    (WRITE, write.check),
    (WRITE, film.plan),
    (WRITE, write.schema),
    (WRITE, import_.import_),
    (FILM, film.preview),
    (FILM, film.watch),
    (FILM, film.render),
    (FILM, edit.reshoot),
    (FILM, edit.extend),
    (FILM, edit.versions),
    (FILM, status.status),
    (LOOK, look.inspect),
    (LOOK, report.report),
    (LOOK, export.export),
    (LOOK, evaluate.evaluate),
    (TEACH, stage.stage),
    (TEACH, ingest.ingest),
    (TEACH, train.train),
    (MACHINE, machine.doctor),
    (MACHINE, clean.clean),
    (MACHINE, config.config),
):
    app.command(command.__name__.rstrip("_"), rich_help_panel=panel)(command)
app.command(edit.FORMER_NAME, hidden=True)(edit.versions)
app.add_typer(lab.lab, name="lab", rich_help_panel=TEACH)
app.add_typer(machine.models, name="models", rich_help_panel=MACHINE)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # 30 ms that no other command needs

        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            help="Show the version.",
            callback=_show_version,
            is_eager=True,
            show_default=False,
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", metavar="", help="Show tracebacks of errors.", show_default=False),
    ] = False,
) -> None:
    """A YAML screenplay in, a film out: every scene in one diffusion pass.

    holocine new harbour            a starter screenplay that explains itself
    holocine preview harbour.yaml   a quick draft and a storyboard
    holocine render harbour.yaml    the film
    """
    session: Session = ctx.obj
    session.debug = debug
    session.command = ctx.invoked_subcommand or ""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
