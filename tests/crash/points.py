"""Every call of a process that changes a folder, and death or an error instead of one of them.

Python tells of most calls by its audit events, before they are made. It tells nothing of writes and
flushes, which are wrapped; so that every write passes there, files are opened by Python's own
``_pyio``. What ffmpeg writes counts twice: when it starts, and when it is waited for.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Fault = Literal["death", "EIO", "ENOSPC"]
"""What happens instead of a change: the process is killed, or told of an error."""
FAULTS: tuple[Fault, ...] = ("death", "EIO", "ENOSPC")
CHANGES = {
    "os.rename": 2,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.mkdir": 1,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.utime": 1,
}
"""Audit events and how many of their first values are paths; folders' handles come behind."""
WAITED = "ffmpeg ends"
"""No call of ours: who waits is told of no error of the disk."""
_HANDLES = {"os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.link": 2}
"""Where the first folder's handle is among an event's values."""


class Points:
    """Counts what this process changes below a folder, and keeps it from one change.

    There is one for a process, which it watches to its end.

    Args:
        folder: What lies elsewhere is nobody's concern.
        fails_at: The number, from 0, of the change that is not made; None for none.
        fault: What happens there.
    """

    def __init__(self, folder: Path, fails_at: int | None = None, fault: Fault = "death") -> None:
        self.seen: list[str] = []
        """What was changed, in words."""
        self._folder = str(folder)
        self._fails_at = fails_at
        self._fault = fault
        self._asked = False

    def watch(self) -> None:
        """Begin."""
        import _pyio

        plain = io.open

        def opened(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
            writes = not isinstance(file, int) and set(mode) & set("wxa+")
            return (_pyio.open if writes else plain)(file, mode, *args, **named)

        builtins.open = io.open = opened  # type: ignore[assignment]
        for name in ("write", "fsync", "ftruncate"):
            setattr(os, name, self._told(name, getattr(os, name)))
        subprocess.Popen.wait = self._awaited(subprocess.Popen.wait)  # type: ignore[method-assign]
        sys.addaudithook(self._hear)

    def _told(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(handle: int, *args: Any) -> Any:
            self._point(name, handle)
            return call(handle, *args)

        return made

    def _awaited(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wait(process: Any, *args: Any, **named: Any) -> Any:
            if (out := _written_by(process.args)) and process.returncode is None:
                self._point(WAITED, out)
            return call(process, *args, **named)

        return wait

    def _hear(self, event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = values
            if path is not None and flags & (os.O_CREAT | os.O_TRUNC):
                self._point("open", path)
        elif event == "subprocess.Popen":
            if out := _written_by(values[1]):
                self._point("ffmpeg starts", out)
        elif (paths := CHANGES.get(event)) is not None:
            at = _HANDLES.get(event, len(values))
            handles = [*values[at : at + paths], -1, -1]
            for path, handle in zip(values[:paths], handles, strict=False):
                if self._point(event, path, handle):
                    break  # Once for a call.

    def _point(self, what: str, path: Any, folder: int = -1) -> bool:
        """Count a change, if it is one of the folder's; this may be the end."""
        if self._asked:
            return False
        self._asked = True  # Looking is no change, but may be an event.
        try:
            place = _place(path, folder)
        finally:
            self._asked = False
        if not place.startswith(self._folder):
            return False
        fails = len(self.seen) == self._fails_at
        self.seen.append(f"{what} {place.removeprefix(self._folder).lstrip('/') or '.'}")
        if fails and self._fault == "death":
            os.kill(os.getpid(), signal.SIGKILL)
        if fails and what != WAITED:
            number = getattr(errno, self._fault)
            raise OSError(number, os.strerror(number), place)
        return True


def _place(path: Any, folder: int) -> str:
    if isinstance(path, int):
        return str(Path(f"/proc/self/fd/{path}").readlink())
    name = os.fsdecode(path)
    if folder >= 0:
        name = str(Path(f"/proc/self/fd/{folder}").readlink() / name)
    return os.path.abspath(name)  # noqa: PTH100


def _written_by(args: Any) -> str:
    """The file that a call of ffmpeg writes; empty where it writes none."""
    words = [os.fsdecode(word) for word in args] if isinstance(args, list | tuple) else []
    return words[-1].removeprefix("file:") if "-y" in words else ""
