"""Refusals of the operating system that nobody expected where they came: the machine's fault, or a
name's, and no bug."""

from __future__ import annotations

import errno
import os

from holocine_core.errors import REMEDIES, HolocineError, InputError, MachineError

_NAMES = (errno.ENAMETOOLONG, errno.ELOOP)


def told(error: BaseException) -> HolocineError | None:
    """An error in words of ours; None where it may be a bug of ours."""
    if isinstance(error, MemoryError):
        return MachineError("memory ran out", hint=REMEDIES[errno.ENOMEM])
    if not isinstance(error, OSError) or error.errno is None:
        return None
    where = next((_path(one) for one in (error.filename, error.filename2) if one), "")
    said = error.strerror or str(error)
    if error.errno in _NAMES:
        return InputError(said.lower(), where=where, hint=REMEDIES[error.errno])
    if error.errno in REMEDIES:
        return MachineError(f"the system refused: {said}", where=where, hint=REMEDIES[error.errno])
    return None


def _path(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""
