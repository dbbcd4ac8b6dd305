"""Sound files whose header does not know how long they are, as programs write them into a pipe and
speech services send them: they go on to the file's end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_WHOLE = 0x7FFFF000
"""From here on a WAV's size is what writers put there that cannot go back: sox 0x7ffff000, others
0x7fffffff, 0x80000000 or 0xffffffff."""


def length_unknown(path: Path) -> bool:
    """Whether a sound's header says that it is as long as the file, or says nothing.

    False for what is no WAV, AU or CAF, for what is cut off, and for what can't be read.
    """
    try:
        with path.open("rb") as file:
            found = _data(file)
            return found is not None and _is_open(*found, path.stat().st_size)
    except OSError:
        return False


def _is_open(size: int, start: int, length: int) -> bool:
    left = length - start
    return (size == 0 and left > 0) or (size >= _WHOLE and size > left)


def _data(file: BinaryIO) -> tuple[int, int] | None:
    """Bytes of sound as the header has them, and where they begin."""
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _chunk(file, 12, "<4sI")
    if head[:4] == b".snd":
        start, size = struct.unpack(">II", head[4:])
        # Of AU alone the whole of the file is told so, and nothing by 0.
        return (size, start) if size == 0xFFFFFFFF else None
    if head[:4] == b"caff":
        found = _chunk(file, 8, ">4sQ")
        return found if found and found[0] >= 2**63 else None
    return None


def _chunk(file: BinaryIO, at: int, form: str) -> tuple[int, int] | None:
    """Size and start of the chunk ``data``."""
    length = struct.calcsize(form)
    for _ in range(1000):
        file.seek(at)
        head = file.read(length)
        if len(head) < length:
            return None
        name, size = struct.unpack(form, head)
        if name == b"data":
            return size, at + length
        at += length + size + (size % 2 if form[0] == "<" else 0)
    return None
