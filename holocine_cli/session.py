"""One call of the command line: its words, its printer, what it will say as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import typer

from holocine_cli.console import Console

PROGRAM = "holocine"


@dataclass(slots=True, kw_only=True)
class Session:
    """Made by ``main`` and handed to every command as the Typer context's object."""

    argv: Sequence[str]
    console: Console
    command: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    """What the command adds to the JSON document."""
    debug: bool = False
    stopped_by: int = 0
    """The signal that asked to stop; 0 for none."""

    @property
    def line(self) -> str:
        """The command as typed."""
        return shlex.join([PROGRAM, *self.argv])


def begin(
    ctx: typer.Context, *, as_json: bool = False, quiet: int = 0, verbose: bool = False
) -> Session:
    """A command's session, with the streams set as its options say."""
    session = cast(Session, ctx.obj)
    session.command = ctx.command_path.removeprefix(f"{PROGRAM} ")
    session.console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    return session
