"""Doing something again whenever a file is saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from holocine_cli.session import Session
from holocine_core.errors import HolocineError, InputError, Interrupted

POLL_SECONDS = 0.3
State = tuple[int, int] | None


def watch(session: Session, path: Path, do: Callable[[], None]) -> None:
    """Call ``do`` now and after every change of a file, until Ctrl-C.

    What goes wrong is told, and the next change is waited for.

    Raises:
        Interrupted: A signal came while ``do`` was at work.
    """
    if _state(path) is None:
        raise InputError(f"no screenplay at {path}", where=str(path), hint="is that its name?")
    done: State | str = "never"
    try:
        while True:
            found = _state(path)
            if found is not None and found != done and _is_settled(path, found):
                done = found
                _once(session, do)
                session.console.note(f"watching {path}; Ctrl-C ends")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        session.console.note("no longer watching")


def _once(session: Session, do: Callable[[], None]) -> None:
    try:
        do()
    except Interrupted:
        raise
    except HolocineError as error:
        session.console.fail(error)


def _state(path: Path) -> State:
    """When a file was last written, and its length; None while an editor replaces it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_settled(path: Path, state: State) -> bool:
    """Whether nobody is still writing."""
    time.sleep(POLL_SECONDS / 3)
    return _state(path) == state
