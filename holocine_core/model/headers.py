"""What a weight file says about itself, read without loading it. No torch here."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holocine_core.errors import MachineError
from holocine_core.store.hashes import remembered

WHOLE_BYTES = 64 * 2**20
"""Files up to this size are hashed whole; larger ones by samples."""
QUICK_BYTES = 2**20
"""Files up to this size are hashed every time."""
BLOCK_BYTES = 64 * 2**10
BLOCKS = 64
_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1}
"""Bytes of a number by type; of others nobody is asked."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a safetensors file, as its header lists it."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Its first byte in the file."""
    stop: int
    """Behind its last."""

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def read_header(path: Path) -> Mapping[str, TensorEntry]:
    """Names, types and shapes of a safetensors file.

    Raises:
        MachineError: Where the file is cut short, or is no safetensors file at all.
    """
    raw = _header_bytes(path)
    try:
        listed = json.loads(raw)
        entries = {
            name: TensorEntry(entry["dtype"], tuple(entry["shape"]), *_span(entry))
            for name, entry in listed.items()
            if name != "__metadata__"
        }
        end = _end(entries.values())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as broken:
        raise _damaged(path, "its header can not be read") from broken
    first = 8 + len(raw)
    found = path.stat().st_size
    if found != first + end:
        raise _damaged(path, f"it has {found} bytes where its header promises {first + end}")
    return {
        name: replace(entry, start=first + entry.start, stop=first + entry.stop)
        for name, entry in entries.items()
    }


def _span(entry: Mapping[str, Any]) -> tuple[int, int]:
    start, stop = map(int, entry["data_offsets"])
    return start, stop


def _end(entries: Iterable[TensorEntry]) -> int:
    """Where the last tensor ends.

    Raises:
        ValueError: They do not lie end to end, or one is not as long as its shape and type say.
    """
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.start, entry.stop)):
        size = _SIZES.get(entry.dtype)
        if entry.start != end or entry.stop < end:
            raise ValueError("a gap, or two tensors in one place")
        if size is not None and entry.stop - entry.start != size * entry.elements:
            raise ValueError("a tensor that is longer or shorter than it should be")
        end = entry.stop
    return end


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content: the whole file up to 64 MiB, else samples of it.

    A larger file is known by its size, its safetensors header (names, types, shapes) and 64 blocks
    of 64 KiB at even distances, so 28 GB take a fraction of a second. Copying or renaming a file
    leaves its hash alone; a change that misses every sample does too, so this finds out which
    checkpoint a file holds, not whether a disk has flipped a bit.
    """
    size = path.stat().st_size
    if size <= WHOLE_BYTES:
        return remembered(path, whole_hash) if size > QUICK_BYTES else whole_hash(path)
    digest = hashlib.sha256(f"sampled {size}\n".encode())
    if path.suffix == ".safetensors":
        digest.update(_header_bytes(path))
    with path.open("rb") as file:
        for block in range(BLOCKS):
            file.seek(block * (size - BLOCK_BYTES) // (BLOCKS - 1))
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


def whole_hash(path: Path) -> str:
    """SHA-256 of every byte of a file, as the hub lists it."""
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, size: int = 2**22) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def _header_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= path.stat().st_size - 8:
            raise _damaged(path, "it is cut short or no safetensors file")
        return file.read(length)


def _damaged(path: Path, how: str) -> MachineError:
    return MachineError(
        f"{path.name} is damaged: {how}",
        where=str(path),
        hint="fetch it again; `holocine models verify` checks every file of a model",
    )
