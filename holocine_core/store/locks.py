"""Locks between processes of one host, by files that the system frees however a process ends."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


class Held(Exception):
    """Another process has the lock.

    Args:
        text: What it wrote about itself; empty where it has not yet.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text or "another process")
        self.text = text


@contextlib.contextmanager
def lock(path: Path, told: str = "", *, wait: bool = False) -> Iterator[None]:
    """Hold a lock file; it stays where it is.

    Args:
        path: The file, in a folder that is there.
        told: Written into it, for those who come in vain.
        wait: Wait for others instead of raising.

    Raises:
        Held: Another process has it.
        OSError: The file cannot be opened or locked.
    """
    from filelock import FileLock, Timeout  # 20 ms that plans do without

    if not path.parent.is_dir():  # It would be made.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    # A disk that knows no locks is an error: a marker in their place would outlive its process.
    holding = FileLock(path, timeout=-1 if wait else 0, mode=0o644, fallback_to_soft=False)
    try:
        holding.acquire()
    except Timeout:
        text = ""
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
        raise Held(text) from None
    try:
        if told:
            path.write_text(told, encoding="utf-8")
        yield
    finally:
        holding.release()
