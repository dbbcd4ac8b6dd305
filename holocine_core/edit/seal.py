"""A film's seal: a tag inside the file that tells whether the file is still the one that was made.

The tag is written blank, and filled in place with the SHA-256 of the file as it then is. What looks
like two seals, or like none, is none.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from pathlib import Path

SEAL_TAG = "holocine_seal"
_BEGINS = b"holocine-seal-sha256:"
BLANK = _BEGINS.decode() + "-" * 64
"""What the tag holds until the file is whole."""
_FOUND = re.compile(re.escape(_BEGINS) + rb"([0-9a-f-]{64})")
_CHUNK = 1 << 22


def seal(path: Path) -> None:
    """Fill the blank of a file; one whose own text looks like a second one stays unsealed.

    Raises:
        OSError: It can not be read or written.
    """
    place = _place(path)
    if place is None:
        return
    mark = _hash(path, place).encode()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(mark)


def is_sealed(path: Path) -> bool | None:
    """Whether a file is as it was sealed; None where it carries no seal.

    Raises:
        OSError: It can not be read.
    """
    place = _place(path)
    if place is None:
        return None
    with path.open("rb") as file:
        file.seek(place)
        return file.read(64).decode("ascii", "replace") == _hash(path, place)


def _place(path: Path) -> int | None:
    """Where the seal's 64 digits stand in the file."""
    if path.stat().st_size == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        places = [found.start(1) for found in _FOUND.finditer(data)]
    return places[0] if len(places) == 1 else None


def _hash(path: Path, place: int) -> str:
    """Of the file with a blank at ``place``."""
    digest, at = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            low, high = max(0, place - at), min(len(chunk), place + 64 - at)
            if low < high:
                chunk = chunk[:low] + b"-" * (high - low) + chunk[high:]
            digest.update(chunk)
            at += len(chunk)
    return digest.hexdigest()
