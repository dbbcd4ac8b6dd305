"""Refusals of the operating system that nobody expected where they came: the machine's fault, or a
name's, and no bug."""

from __future__ import annotations

import errno
import os

from holocine_core.errors import HolocineError, InputError, MachineError

_HINTS = {
    errno.EIO: "check the disk, then run the same command again: what is finished is kept",
    errno.ESTALE: "the network's disk was lost: mount it and run the same command again",
    errno.ENOSPC: "free some space and run the same command again: what is finished is kept",
    errno.EDQUOT: "free some space and run the same command again: what is finished is kept",
    errno.EROFS: "the disk can only be read: mount it for writing, or name another folder",
    errno.EACCES: "give yourself leave to read and write it (chmod), or name another folder",
    errno.EPERM: "give yourself leave to read and write it (chmod), or name another folder",
    errno.ENOMEM: "free some memory and run the same command again: what is finished is kept",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs: the system has no more open files to give",
    errno.EFBIG: "raise the limit of files' sizes (ulimit -f), or use another disk",
    errno.ETIMEDOUT: "the disk does not answer: check it, then run the same command again",
    errno.ENODEV: "the disk is gone: mount it and run the same command again",
    errno.ENXIO: "the disk is gone: mount it and run the same command again",
}
_NAMES = {
    errno.ENAMETOOLONG: "give a shorter name: the disk takes 255 bytes, of which some are needed",
    errno.ELOOP: "it is a link to itself: name the file that is meant",
}


def told(error: BaseException) -> HolocineError | None:
    """An error in words of ours; None where it may be a bug of ours."""
    if isinstance(error, MemoryError):
        return MachineError("memory ran out", hint=_HINTS[errno.ENOMEM])
    if not isinstance(error, OSError) or error.errno is None:
        return None
    where = next((_path(one) for one in (error.filename, error.filename2) if one), "")
    said = error.strerror or str(error)
    if error.errno in _NAMES:
        return InputError(said.lower(), where=where, hint=_NAMES[error.errno])
    if error.errno in _HINTS:
        return MachineError(f"the system refused: {said}", where=where, hint=_HINTS[error.errno])
    return None


def _path(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""
