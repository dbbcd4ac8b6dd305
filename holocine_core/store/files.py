"""Files appear whole or not at all: work beside the target, then one rename."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from holocine_core.errors import InputError, MachineError

_ROOM = re.compile(r"\.holocine-\d+-[a-z0-9_]{8}")
_LOCK = ".lock"


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yield a path named like ``out`` in a hidden folder beside it; on success it becomes ``out``.

    The folder is the body's to use and is removed in the end. An exception leaves ``out`` as it
    was. A link stays a link: the file that it names is the one that is replaced.

    Raises:
        MachineError: The folder cannot be made or written, the disk is full.
    """
    if out.is_dir():
        raise InputError("it is a folder", where=str(out), hint="give the name of a file")
    try:
        target = out.resolve() if out.is_symlink() else out
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with _room(target.parent) as room:
            made = room / out.name
            yield made
            _flush(made)
            made.replace(target)
            if os.name == "posix":
                _flush(target.parent)
    except OSError as failed:
        raise _cannot_write(out, failed) from failed


def sweep(folder: Path) -> None:
    """Remove the hidden folders that killed processes left in ``folder``; those at work stay."""
    for room in folder.glob(".holocine-*"):
        if not _ROOM.fullmatch(room.name):
            continue
        with suppress(OSError):  # another user's, or gone by now
            with _held(room, 0) as free:
                if free:
                    shutil.rmtree(room)
            room.rmdir()  # killed before it was locked


@contextmanager
def _room(parent: Path) -> Iterator[Path]:
    """A new folder, held while the body works and removed in the end."""
    while True:
        with (
            TemporaryDirectory(prefix=f".holocine-{os.getpid()}-", dir=parent) as name,
            _held(Path(name), os.O_CREAT) as held,
        ):
            if held:  # else it was swept away before it was locked
                yield Path(name)
                return


@contextmanager
def _held(room: Path, flags: int) -> Iterator[bool]:
    """Hold a folder's lock, which the system frees however a process ends; false if it can't."""
    try:
        handle = os.open(room / _LOCK, os.O_RDWR | flags, 0o600)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield (room / _LOCK).exists()
    finally:
        os.close(handle)


def _flush(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(out: Path, failed: OSError) -> MachineError:
    hint = f"choose a folder that can be written, or mend {out.parent}"
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"free some space in {out.parent} and run the same command again"
    return MachineError(
        f"cannot write {out.name}: {failed.strerror or failed}", where=str(out), hint=hint
    )
