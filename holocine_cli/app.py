"""The one door: ``main`` is the only place where errors become exit codes.

Little is imported before the signals have their handlers; the commands are when they are needed.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from holocine_cli import machine_faults
from holocine_cli.console import (
    Console,
    cannot_write_product,
    flush_all,
    is_of_stdout,
    moves,
    prepare_streams,
    write,
    write_now,
)
from holocine_cli.contract import ExitCode, code_of, document
from holocine_cli.session import PROGRAM, Session
from holocine_cli.signals import SHOW_CURSOR, StopRequest, acts_as, handling
from holocine_core import api
from holocine_core.errors import HolocineError, InputError, Interrupted, MachineError, is_panic

if TYPE_CHECKING:
    from types import TracebackType

    import typer


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The words after the program's name; the process's own where None.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    stop = StopRequest()
    # Errors in the options themselves come before any option is read.
    session = Session(argv=args, console=Console(as_json="--json" in args), stop=stop)
    stop.last_words = lambda number: _last_words(session, number)
    ended = _Ended(session)
    with handling(stop), ended:
        from typer.main import get_command

        from holocine_cli.commands import app

        _refuse_a_shell(args)
        _refuse_nul(args)
        said = get_command(app)(args=args, prog_name=PROGRAM, standalone_mode=False, obj=session)
        ended.normally(said)
    stop.ending = True
    if not flush_all() and ended.code == ExitCode.DONE:
        ended.code = _failed(session, cannot_write_product())
    return int(ended.code)


def entry() -> None:
    """The console script."""
    # A tenth of a short command's time would go into collecting what it still needs; a render turns
    # the collector on again.
    gc.disable()
    _settle_process()
    prepare_streams()
    code = main()
    if "HOLOCINE_RESULT" in os.environ:
        from holocine_core.api.fleet import leave_result

        leave_result(code)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Leaving takes a moment, and all is said.
    sys.exit(code)


def _settle_process() -> None:
    """What holds for a process of our own, where the caller's environment says nothing else."""
    os.environ.setdefault("HOLOCINE_IMPORTS", "lean")
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        # Threads that wait for each other spin. Where something else has their core, they spin
        # instead of what they wait for (python -m benchmarks.sharing --spinning).
        os.environ["GOMP_SPINCOUNT"] = "1000"
    api.keep_freed_memory()


class _Ended:
    """How a command ended: everything that it raises becomes an exit code here, and only here."""

    def __init__(self, session: Session) -> None:
        self.code: ExitCode | int = ExitCode.DONE
        self._session = session

    def normally(self, said: object) -> None:
        """Note what Typer returned; a command returns nothing."""
        if said == ExitCode.INTERRUPTED:  # Typer's word for Ctrl-C
            self.code = _interrupted(self._session)
        elif self._session.console.as_json and said is None and not self._session.documented:
            _tell_document(self._session, ExitCode.DONE)

    def __enter__(self) -> _Ended:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None:
            try:
                self.code = _code_after(self._session, error)
            except KeyboardInterrupt:
                self.code = _interrupted(self._session)
        return True


def _code_after(session: Session, error: BaseException) -> ExitCode | int:
    match error:
        case HolocineError():
            return _failed(session, error)
        case KeyboardInterrupt():
            return _interrupted(session)
        case SystemExit():
            # A reader of stdout that has gone away; Typer and rich make an exit of it.
            if isinstance(error.__context__, BrokenPipeError):
                return ExitCode.DONE
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        case OSError() if is_of_stdout(error):
            return _failed(session, cannot_write_product(error))
        case Exception():
            from typer import TyperException

            if isinstance(error, TyperException):
                return _failed(session, _usage_error(session, error))
            refused = machine_faults.told(error)
            return _bug(session, error) if refused is None else _failed(session, refused)
        case _ if is_panic(error):
            return _bug(session, error)
    raise error


def _refuse_a_shell(args: list[str]) -> None:
    """Typer would ignore a word after these and answer for the shell that it finds itself in."""
    if len(args) > 1 and args[0] in ("--show-completion", "--install-completion"):
        raise InputError(
            f"{args[0]} is for the shell it is called from and takes no other word",
            hint=f"call it in that shell: {PROGRAM} {args[0]}",
        )


def _refuse_nul(args: list[str]) -> None:
    """No file has such a name; a shell passes none on, but who calls `main` may."""
    for word in (word for word in args if "\0" in word):
        raise InputError("a word with a NUL character", where=word, hint="leave it out")


def _interrupted(session: Session) -> ExitCode:
    return _failed(
        session, Interrupted("nothing was left half done", hint=f"again: {session.line}")
    )


def _failed(session: Session, error: HolocineError) -> ExitCode:
    session.stop.ending = True
    code = code_of(error)
    if isinstance(error, Interrupted) and acts_as(session.stop.number) == signal.SIGTERM:
        code = ExitCode.TERMINATED
    if isinstance(error, Interrupted) and not session.stop.number and session.stop.time_is_over:
        code = ExitCode.PARTIAL
    session.console.fail(error)
    if session.debug:
        _tell_trace(error)
    return _with_document(session, code, error)


def _with_document(session: Session, code: ExitCode, error: HolocineError) -> ExitCode:
    """The document of a failure; where it cannot be written, that is told instead."""
    if session.console.as_json and not session.documented:
        try:
            _tell_document(session, code, error)
        except MachineError as unwritten:
            session.console.fail(unwritten)
            return code_of(unwritten)
    return code


def _tell_document(session: Session, code: ExitCode, error: HolocineError | None = None) -> None:
    session.documented = True
    session.console.document(document(session.command, code, session.fields, error))


def _tell_trace(error: BaseException) -> None:
    write(sys.stderr, "".join(traceback.format_exception(error)))


def _last_words(session: Session, number: int) -> None:
    """Leave the terminal usable and the document said, from whatever thread heard the signal."""
    stream = sys.__stderr__  # A live display holds ``sys.stderr`` itself.
    if stream is not None and moves(stream):
        write(stream, f"\n{SHOW_CURSOR}")
    if session.console.as_json and not session.documented:
        session.documented = True
        code = ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED
        error = Interrupted(
            "ended at once; everything finished so far is kept",
            hint=f"go on with: {session.line}",
        )
        write_now(document(session.command, code, session.fields, error))


def _usage_error(session: Session, error: typer.TyperException) -> InputError:
    """An error of Typer's in our words."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    session.command = path.removeprefix(PROGRAM).strip()
    option = getattr(error, "option_name", "")
    if context is not None and option and hasattr(error, "possibilities"):
        from holocine_cli.spellings import unknown_option_hint

        hint = unknown_option_hint(context, option, session.argv)
        return InputError(f"there is no option {option} of `{path}`", hint=hint)
    from holocine_cli.spellings import near_choice, plain_message

    message = plain_message(error.format_message())
    return InputError(message, hint=near_choice(message) or f"{path} --help")


def _bug(session: Session, error: BaseException) -> ExitCode:
    line = session.line.replace(PROGRAM, f"{PROGRAM} --debug", 1)
    hint = "please report it with the lines above" if session.debug else f"run again with {line}"
    told = HolocineError(f"unexpected {type(error).__name__}: {error}", hint=hint)
    told.kind = "bug"
    if session.debug:
        _tell_trace(error)
    session.console.fail(told)
    return _with_document(session, ExitCode.BUG, told)
