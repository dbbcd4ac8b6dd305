"""Files appear whole or not at all: work beside the target, then one rename."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from holocine_core.errors import InputError, MachineError


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yield a path named like ``out`` in a hidden folder beside it; on success it becomes ``out``.

    The folder is the body's to use and is removed in the end. An exception leaves ``out`` as it
    was.

    Raises:
        MachineError: The folder cannot be made or written, the disk is full.
    """
    if out.is_dir():
        raise InputError("it is a folder", where=str(out), hint="give the name of a file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".holocine-", dir=out.parent) as room:
            made = Path(room) / out.name
            yield made
            _flush(made)
            made.replace(out)
            if os.name == "posix":
                _flush(out.parent)
    except OSError as failed:
        raise _cannot_write(out, failed) from failed


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
