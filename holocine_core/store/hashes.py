"""Hashes of files that have not changed since they were taken: plans are asked for often.

Kept in the user's cache folder, by the file's place on the disk, its length and the time it was
written. What cannot be kept is computed again; nothing depends on it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from holocine_core.errors import HolocineError
from holocine_core.store.records import intact_record, write_record

_AT_MOST = 1000
_SETTLED_NS = 2 * 10**9
"""A file that was written so lately may be written again without looking changed."""


def cache_folder() -> Path:
    """The user's cache folder of holocine."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "holocine"


def remembered(path: Path, compute: Callable[[Path], str]) -> str:
    """``compute(path)``, or what it said of this very file before."""
    stat = path.stat()
    key = f"{stat.st_dev}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"
    known = _read()
    if key in known:
        return known[key]
    value = compute(path)
    if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED_NS:
        known[key] = value
        _write(dict(list(known.items())[-_AT_MOST:]))
    return value


def _file() -> Path:
    # hashes.json, of earlier versions, has no sum: a flipped digit in it would be believed.
    return cache_folder() / "hashes-2.json"


def _read() -> dict[str, str]:
    with contextlib.suppress(HolocineError, OSError, RuntimeError):  # No file; or no home.
        found = intact_record(_file())
        if all(isinstance(value, str) for value in found.values()):
            return found
    return {}


def _write(known: dict[str, str]) -> None:
    with contextlib.suppress(HolocineError, OSError, RuntimeError):
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() or not os.path.lexists(path):
            write_record(path, known)
