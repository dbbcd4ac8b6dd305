"""The numbers in a weight file, read to its end in pieces: which tensors hold what is no number,
and which hold nothing but zeros. No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from holocine_core.model.gguf_header import BLOCKS
from holocine_core.model.headers import TensorEntry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 2**24
_EXPONENTS: Mapping[str, tuple[str, int]] = {
    "F64": ("u8", 0x7FF0_0000_0000_0000),
    "F32": ("u4", 0x7F80_0000),
    "F16": ("u2", 0x7C00),
    "BF16": ("u2", 0x7F80),
    "F8_E5M2": ("u1", 0x7C),
    "F8_E4M3": ("u1", 0x7F),
    "F8_E8M0": ("u1", 0xFF),
}
"""A type's bits as a whole number, and those that are all set in what is no finite number."""
_HALF = _EXPONENTS["F16"]
_SCALES: Mapping[str, tuple[int, ...]] = {
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "IQ4_NL": (0,),
    "IQ4_XS": (0,),
}
"""Where a packed block has its float16 scales, in bytes from its beginning."""
_BLOCK_BYTES = {name: size for name, _, size in BLOCKS.values()}
OnBytes = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the numbers of one tensor are.

    Attributes:
        name: The file's own for it.
        odd: How many are infinite or no numbers; of packed weights, how many scales.
        zeros: Whether all are zero.
    """

    name: str
    odd: int
    zeros: bool


def look_through(path: Path, entries: Mapping[str, TensorEntry]) -> Iterator[Seen]:
    """Every tensor of a file, in the order in which they lie.

    Args:
        path: The file.
        entries: Of its header.

    Raises:
        OSError: The disk refuses.
    """
    with path.open("rb") as file:
        for name, entry in sorted(entries.items(), key=lambda one: one[1].start):
            yield _seen(file, name, entry)


def _seen(file: BinaryIO, name: str, entry: TensorEntry) -> Seen:
    odd, zeros = 0, True
    for piece in _pieces(file, entry):
        odd += _odd(piece, entry.dtype)
        zeros = zeros and not piece.any()
    return Seen(name, odd, zeros and entry.stop > entry.start)


def _pieces(file: BinaryIO, entry: TensorEntry) -> Iterator[NDArray[np.uint8]]:
    """A tensor's bytes, each piece of whole numbers or blocks."""
    import numpy as np

    unit = _BLOCK_BYTES.get(entry.dtype, 8)
    most = _CHUNK // unit * unit
    at = entry.start
    file.seek(at)
    while at < entry.stop:
        raw = file.read(min(most, entry.stop - at))
        if not raw:
            raise OSError(f"the file ends at byte {at}")
        at += len(raw)
        yield np.frombuffer(raw, np.uint8)


def _odd(piece: NDArray[np.uint8], dtype: str) -> int:
    import numpy as np

    if dtype in _EXPONENTS:
        code, mask = _EXPONENTS[dtype]
        numbers = piece.view(f"<{code}")
        return int(np.count_nonzero((numbers & mask) == mask))
    size, count = _BLOCK_BYTES.get(dtype, 1), 0
    for offset in _SCALES.get(dtype, ()):
        scales = piece.reshape(-1, size)[:, offset : offset + 2].copy().view(f"<{_HALF[0]}")
        count += int(np.count_nonzero((scales & _HALF[1]) == _HALF[1]))
    return count


def is_matrix(entry: TensorEntry) -> bool:
    """Whether a tensor is one of the large ones, which no trained network has all zero."""
    return len(entry.shape) > 1 and math.prod(entry.shape) >= 2**10
