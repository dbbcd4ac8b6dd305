"""The Typer app and its one door: ``main`` is the only place where errors become exit codes."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from holocine_cli import film, look, machine, write
from holocine_cli.console import Console, flush_all
from holocine_cli.contract import ExitCode, code_of, document
from holocine_cli.session import PROGRAM, Session
from holocine_core.errors import HolocineError, InputError, Interrupted

app = typer.Typer(
    name=PROGRAM,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, FILM, LOOK, MACHINE = "Write", "Film", "Look", "Machine"
for panel, command in (
    (WRITE, write.new),
    (WRITE, write.check),
    (WRITE, film.plan),
    (WRITE, write.schema),
    (FILM, film.preview),
    (FILM, film.render),
    (LOOK, look.inspect),
    (MACHINE, machine.doctor),
):
    app.command(rich_help_panel=panel)(command)
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The words after the program's name; the process's own where None.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    # Errors in the options themselves come before any option is read.
    session = Session(argv=args, console=Console(as_json="--json" in args))
    try:
        code = _run(session, args)
    finally:
        flush_all()
    return int(code)


def entry() -> None:
    """The console script."""
    sys.exit(main())


def _run(session: Session, args: list[str]) -> ExitCode | int:
    try:
        ended = typer.main.get_command(app)(
            args=args, prog_name=PROGRAM, standalone_mode=False, obj=session
        )
    except HolocineError as error:
        return _failed(session, error)
    except typer.TyperException as error:
        return _failed(session, _usage_error(session, error))
    except SystemExit as error:
        # A reader of stdout that has gone away; Typer and rich make an exit of it.
        if isinstance(error.__context__, BrokenPipeError):
            return ExitCode.DONE
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:
        return _bug(session, error)
    if ended == ExitCode.INTERRUPTED:  # Typer's word for Ctrl-C
        return _failed(
            session, Interrupted("nothing was left half done", hint=f"again: {session.line}")
        )
    if session.console.as_json and ended is None:
        session.console.document(document(session.command, ExitCode.DONE, session.fields))
    return ExitCode.DONE


def _failed(session: Session, error: HolocineError) -> ExitCode:
    code = code_of(error)
    if isinstance(error, Interrupted) and session.stopped_by == signal.SIGTERM:
        code = ExitCode.TERMINATED
    session.console.fail(error)
    if session.debug:
        traceback.print_exception(error)
    if session.console.as_json:
        session.console.document(document(session.command, code, session.fields, error))
    return code


def _usage_error(session: Session, error: typer.TyperException) -> InputError:
    """An error of Typer's in our words."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    session.command = path.removeprefix(PROGRAM).strip()
    message = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    return InputError(message, hint=f"{path} --help")


def _bug(session: Session, error: Exception) -> ExitCode:
    line = session.line.replace(PROGRAM, f"{PROGRAM} --debug", 1)
    hint = "please report it with the lines above" if session.debug else f"run again with {line}"
    told = HolocineError(f"unexpected {type(error).__name__}: {error}", hint=hint)
    told.kind = "bug"
    if session.debug:
        traceback.print_exception(error)
    session.console.fail(told)
    if session.console.as_json:
        fields = session.fields
        session.console.document(document(session.command, ExitCode.BUG, fields, told))
    return ExitCode.BUG
