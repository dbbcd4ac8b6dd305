"""--peek: a picture of the take at work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holocine_cli.options import TALK

if TYPE_CHECKING:
    from holocine_cli.session import Session
    from holocine_core.api import Source, Studio

PeekOption = Annotated[
    Path | None,
    typer.Option(
        "--peek",
        metavar="FILE",
        help="Keep a picture of the take at work there (PNG or JPEG): what it will roughly show.",
        show_default=False,
        rich_help_panel=TALK,
    ),
]


def require_peek(session: Session, films: Sequence[Source], *, force: bool) -> None:
    """Raises InputError or MachineError where the picture can not go where it is asked for.

    Args:
        session: Of the call.
        films: What films are made of, and where they go.
        force: Replace what is in the way.
    """
    from holocine_core import api

    if session.peek is not None:
        api.require_peek(session.peek, films, force=force)


def shown(studio: Studio, session: Session) -> Studio:
    """The studio, its steps shown in a picture where one is asked for."""
    from holocine_core import api

    if session.peek is not None:
        studio.look = api.Peek(session.peek)
    return studio
