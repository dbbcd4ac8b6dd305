"""What a weight file says about itself, read without loading it. No torch here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import MachineError
from holocine_core.model.sorts import mistaken
from holocine_core.store.files import parse_json
from holocine_core.store.hashes import remembered

WHOLE_BYTES = 64 * 2**20
"""Files up to this size are hashed whole; larger ones by samples."""
QUICK_BYTES = 2**20
"""Files up to this size are hashed every time."""
BLOCK_BYTES = 64 * 2**10
BLOCKS = 64
HEADER_BYTES = 100_000_000
"""Most bytes of a header, as safetensors has it."""
_SIZES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
}
"""Bytes of a number by type."""
_PACKED = frozenset({"F4", "F6_E2M3", "F6_E3M2"})
"""Types whose numbers fill no whole bytes."""
_TYPES = _SIZES.keys() | _PACKED
_LONGEST = 2**40
"""Numbers along one side of a tensor: more than any file holds."""


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
    listed, _ = _listed(raw, path)
    first = 8 + len(raw)
    try:
        entries = {name: _entry(name, entry, first) for name, entry in listed.items()}
        end = _end(entries, first)
    except ValueError as broken:
        raise _damaged(path, str(broken)) from broken
    found = path.stat().st_size
    if found != end:
        raise _damaged(path, f"it has {found} bytes where its header promises {end}")
    return entries


def read_metadata(path: Path) -> Mapping[str, str]:
    """What a safetensors file says of itself beside its tensors.

    Raises:
        MachineError: Where the file is cut short, or is no safetensors file at all.
    """
    _, told = _listed(_header_bytes(path), path)
    return told


def _listed(raw: bytes, path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """A header's tensors, and what it says beside them."""
    try:
        listed = parse_json(raw)
    except ValueError as broken:
        raise _damaged(path, f"its header is no JSON: {broken}") from broken
    if not isinstance(listed, dict):
        raise _damaged(path, "its header lists no tensors")
    told = listed.pop("__metadata__", {})
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in told.values()):
        raise _damaged(path, "__metadata__ must hold texts")
    return listed, told


def _entry(name: str, told: Any, first: int) -> TensorEntry:
    """One tensor as a header lists it, behind which its file's content begins at byte ``first``;
    ValueError says what is wrong with it."""
    if not isinstance(told, dict):
        raise ValueError(f"{_shown(name)} is listed as no tensor")
    listed: list[Any] = [told.get(key) for key in ("dtype", "shape", "data_offsets")]
    dtype, shape, offsets = listed
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise ValueError(f"{_shown(name)} is of the type {dtype!r:.40}, which no tensor has")
    if not _are_counts(shape) or max(shape, default=0) > _LONGEST:
        raise ValueError(f"{_shown(name)} can not have the shape {shape!r:.40}")
    if not _are_counts(offsets) or len(offsets) != 2:
        raise ValueError(f"{_shown(name)} can not lie at {offsets!r:.40}")
    return TensorEntry(dtype, tuple(shape), first + offsets[0], first + offsets[1])


def _are_counts(told: Any) -> bool:
    """Whether something is a list of whole numbers from 0."""
    return isinstance(told, list) and all(type(one) is int and one >= 0 for one in told)


def _shown(name: str) -> str:
    return f"{name!r:.80}"


def _end(entries: Mapping[str, TensorEntry], first: int) -> int:
    """Where the last tensor ends.

    Args:
        entries: The tensors.
        first: Where the first one must begin.

    Raises:
        ValueError: They do not lie end to end, or one is not as long as its shape and type say.
    """
    end = first
    for name, entry in sorted(entries.items(), key=lambda one: (one[1].start, one[1].stop)):
        size = _SIZES.get(entry.dtype)
        if entry.start != end or entry.stop < end:
            how = "leaves a gap before it" if entry.start > end else "lies where another one does"
            raise ValueError(f"{_shown(name)} {how}")
        if size is not None and entry.stop - entry.start != size * entry.elements:
            raise ValueError(f"{_shown(name)} is longer or shorter than its shape and type")
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
            other = mistaken(path)
            raise _damaged(path, other.what if other else "it is cut short or no safetensors file")
        if length > HEADER_BYTES:
            raise _damaged(path, f"a header of {length} bytes is none")
        return file.read(length)


def _damaged(path: Path, how: str) -> MachineError:
    return MachineError(
        f"{path.name} is damaged: {how}",
        where=str(path),
        hint="fetch it again; `holocine models verify` checks every file of a model",
    )
