"""One call of the command line: its words, its printer, what it will say as JSON."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from holocine_cli.console import Console
from holocine_cli.pipes import takes_stdout
from holocine_cli.signals import StopRequest
from holocine_core.errors import Problem
from holocine_core.events import Event, Warned

if TYPE_CHECKING:
    import typer

    from holocine_cli.groups import Told

PROGRAM = "holocine"


@dataclass(slots=True, kw_only=True)
class Session:
    """Made by ``main`` and handed to every command as the Typer context's object."""

    argv: Sequence[str]
    console: Console
    command: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    """What the command adds to the JSON document."""
    stdin: bytes | None = None
    """What it held; None where nobody has read it."""
    debug: bool = False
    documented: bool = False
    """Whether the JSON document has been written."""
    peek: Path | None = None
    """Where a picture of the take at work is kept."""
    told_variables: bool = False
    """Whether variables that set nothing were looked for."""
    told_idle_config: bool = False
    """Whether it was told that the current folder's configuration sets nothing here."""
    stop: StopRequest = field(default_factory=StopRequest)
    """Ctrl-C and SIGTERM, for everything this call makes."""

    @property
    def line(self) -> str:
        """The command as typed."""
        return shlex.join([PROGRAM, *self.argv])

    def tell_warning(self, event: Event) -> None:
        """Warn where an event is a warning; for work that has no display of its own."""
        if isinstance(event, Warned):
            self.console.warn(Problem(event.message, event.where, event.hint))

    def tell_stop(self, number: int) -> None:
        """Answer a first signal."""
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.console.note(f"{name}: ending after this step; once more ends now")


def begin(ctx: typer.Context, told: Told) -> Session:
    """A command's session, with the streams set as its options say."""
    session = cast(Session, ctx.obj)
    session.command = ctx.command_path.removeprefix(f"{PROGRAM} ")
    verbose = getattr(told, "verbose", False)
    session.peek = getattr(told, "peek", None)
    session.console = Console(as_json=told.as_json, quiet=told.quiet, verbose=verbose)
    session.console.streams = takes_stdout(session.command, ctx.params, as_json=told.as_json)
    return session
