"""Doing something again whenever a file is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import sleep

from holocine_cli import machine_faults
from holocine_cli.session import Session
from holocine_core.errors import HolocineError, InputError, Interrupted

POLL_SECONDS = 0.3
PATIENCE = 4
"""Looks for which a file may be gone before that counts: editors replace files."""
State = tuple[int, int, int, int] | None


def watch(
    session: Session,
    path: Path,
    do: Callable[[], None],
    names: Callable[[Path], Sequence[Path] | None] = lambda path: (),
    kept: Callable[[], Path | None] = lambda: None,
) -> None:
    """Call ``do`` now and after every change of a file, until Ctrl-C.

    What goes wrong is told, and the next change is waited for. Of changes that come while ``do`` is
    at work the last state counts.

    Args:
        session: Of the call.
        path: The file.
        do: What is done.
        names: The files that it names, which are followed like itself; None where it can not be
            read, and those that it named before go on being followed.
        kept: Says what lies there of the last time that nothing went wrong.

    Raises:
        InputError: There is no such file.
        Interrupted: A signal came while ``do`` was at work.
    """
    if _state(path) is None:
        raise InputError(f"no screenplay at {path}", where=str(path), hint="is that its name?")
    followed = _Followed(path, names)
    try:
        while True:
            if (found := followed.settled_change()) is not None:
                _once(session, do, kept)
                followed.is_done(found)
                session.console.note(f"watching {path}; Ctrl-C ends")
            sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        session.console.note("no longer watching")


class _Followed:
    """A file and those that it names, as they were when something was last done about them."""

    def __init__(self, path: Path, names: Callable[[Path], Sequence[Path] | None]) -> None:
        self._path = path
        self._names = names
        self._named: Sequence[Path] = ()
        self._read: State = None
        self._done: dict[Path, State] | None = None

    def settled_change(self) -> dict[Path, State] | None:
        """How all stand, if that is otherwise than it was and nobody is still writing."""
        found = self._look()
        if found[self._path] is None or found == self._done:
            return None
        gone = any(found[path] is None and self._was_there(path) for path in found)
        for _ in range(PATIENCE if gone else 1):
            sleep(POLL_SECONDS / 3)
            if self._look() != found:
                return None
        return found

    def is_done(self, found: dict[Path, State]) -> None:
        """Something was done about this state, which is an older one where somebody saved since."""
        self._done = found

    def _look(self) -> dict[Path, State]:
        own = _state(self._path)
        if own is not None and own != self._read:
            named = self._names(self._path)
            self._named = self._named if named is None else named
            self._read = own
        return {self._path: own, **{path: _state(path) for path in self._named}}

    def _was_there(self, path: Path) -> bool:
        return self._done is not None and self._done.get(path) is not None


def _once(session: Session, do: Callable[[], None], kept: Callable[[], Path | None]) -> None:
    try:
        do()
    except Interrupted:
        raise
    except (HolocineError, OSError, MemoryError) as error:
        told = error if isinstance(error, HolocineError) else machine_faults.told(error)
        if told is None:
            raise
        session.console.fail(told)
        last = kept()
        if last is not None and last.exists():
            session.console.note(f"the last good draft stays: {last}")


def _state(path: Path) -> State:
    """Which file has a name, when it was last written and renamed, and its length; None while an
    editor replaces it."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
