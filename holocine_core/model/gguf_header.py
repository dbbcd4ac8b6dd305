"""A GGUF file's tensors by its header: names, kinds, shapes, places. No torch, no gguf here.

The layout is of ggml's docs/gguf.md: a magic, a version, two counts, keys with values, a line per
tensor, and from the next multiple of the alignment on the data.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from holocine_core.errors import Problem

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
"""ggml's number of a kind -> its name, the weights of a block and the bytes of one."""
READABLE = frozenset(
    {"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
     "Q6_K", "IQ4_NL", "IQ4_XS"}
)  # fmt: skip
"""Kinds that diffusers unpacks."""

_MOST_TENSORS = 2**20
_MOST_KEYS = 2**20
_MOST_BYTES = 2**26
"""Of a text, and numbers of a list."""
_ALIGNMENT = "general.alignment"
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9


@dataclass(frozen=True, slots=True)
class Packed:
    """One tensor of a GGUF file."""

    kind: str
    shape: tuple[int, ...]
    """As torch has it: the fastest dimension last."""
    start: int
    """Its first byte in the file."""
    stop: int
    """Behind its last."""


def lacking_package(path: Path) -> Problem | None:
    """That the package which opens GGUF files is not installed; None where it is."""
    if find_spec("gguf") is not None:
        return None
    return Problem(
        f"{path.name} is a GGUF file, and the package gguf is not installed",
        str(path),
        "pip install 'holocine[lowmem]'",
    )


def read_packed(path: Path) -> dict[str, Packed]:
    """Name -> tensor, in the file's order.

    Raises:
        ValueError: It is cut short or lies; says how, with the tensor.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        return _Reader(file, size).tensors()


class _Reader:
    """Reads on through a header; ValueError where it ends too early or says what can't be."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._order = "<"

    def tensors(self) -> dict[str, Packed]:
        if self._bytes(4) != b"GGUF":
            raise ValueError("it does not begin as a GGUF file")
        version = self._number("I")
        if version > 0xFFFF:  # Written by a machine of the other byte order.
            self._order, version = ">", int.from_bytes(version.to_bytes(4, "little"), "big")
        if version not in (2, 3):
            raise ValueError(f"its GGUF version {version} is none that is read: 2 and 3 are")
        count, keys = self._number("Q"), self._number("Q")
        if count > _MOST_TENSORS or keys > _MOST_KEYS:
            raise ValueError(f"its header promises {count} tensors and {keys} keys")
        alignment = 32
        for _ in range(keys):
            name, value = self._text(), self._value(self._number("I"))
            if name == _ALIGNMENT:
                if not isinstance(value, int) or value < 1 or value & (value - 1):
                    raise ValueError(f"{_ALIGNMENT} can't be {value!r:.40}")
                alignment = value
        listed = [self._line() for _ in range(count)]
        first = -(-self._file.tell() // alignment) * alignment
        return self._placed(listed, first, alignment)

    def _placed(
        self, listed: list[tuple[str, Packed]], first: int, alignment: int
    ) -> dict[str, Packed]:
        found: dict[str, Packed] = {}
        end, last = 0, ""
        for name, tensor in sorted(listed, key=lambda one: one[1].start):
            if name in found:
                raise ValueError(f"{name!r:.80} is listed twice")
            if tensor.start % alignment or tensor.start < end:
                how = f"lies where {last!r:.80} does" if tensor.start < end else "lies askew"
                raise ValueError(f"{name!r:.80} {how}")
            end, last = tensor.stop, name
            found[name] = Packed(
                tensor.kind, tensor.shape, first + tensor.start, first + tensor.stop
            )
            if first + end > self._size:
                raise ValueError(
                    f"it is cut short: {name!r:.80} ends at byte {first + end}, and the file has "
                    f"{self._size}"
                )
        if not found:
            raise ValueError("it holds no tensors")
        return {name: found[name] for name, _ in listed}

    def _line(self) -> tuple[str, Packed]:
        name, dimensions = self._text(), self._number("I")
        if not 0 < dimensions <= 8:
            raise ValueError(f"{name!r:.80} can not have {dimensions} dimensions")
        shape = tuple(self._number("Q") for _ in range(dimensions))[::-1]
        number, offset = self._number("I"), self._number("Q")
        if number not in BLOCKS:
            raise ValueError(f"{name!r:.80} is of the kind {number}, which ggml does not have")
        kind, block, size = BLOCKS[number]
        elements = math.prod(shape)
        if max(shape) > 2**40 or elements > 2**48 or offset > 2**60:
            raise ValueError(f"{name!r:.80} can not have the shape {list(shape)} at {offset}")
        if shape[-1] % block:
            raise ValueError(f"{name!r:.80} has rows of {shape[-1]}, and {kind} packs {block}")
        return name, Packed(kind, shape, offset, offset + elements // block * size)

    def _value(self, kind: int) -> object:
        """A key's value; of a list nothing but that it is whole."""
        if kind == _TEXT:
            return self._text()
        if kind in _FIXED:
            return self._number(_FIXED[kind])
        if kind != _LIST:
            raise ValueError(f"a key's value is of the type {kind}, which GGUF does not have")
        inner, count = self._number("I"), self._number("Q")
        if count > _MOST_BYTES or inner == _LIST:
            raise ValueError(f"a key's list of {count} values can not be")
        if inner == _TEXT:
            for _ in range(count):
                self._text()
        elif inner in _FIXED:
            self._bytes(count * struct.calcsize("<" + _FIXED[inner]))
        else:
            raise ValueError(f"a key's values are of the type {inner}, which GGUF does not have")
        return None

    def _text(self) -> str:
        return self._bytes(self._number("Q")).decode("utf-8", "backslashreplace")

    def _number(self, code: str) -> int:
        form = self._order + code
        (value,) = struct.unpack(form, self._bytes(struct.calcsize(form)))
        return value  # type: ignore[no-any-return]

    def _bytes(self, count: int) -> bytes:
        if count > _MOST_BYTES:
            raise ValueError(f"its header promises a value of {count} bytes")
        raw = self._file.read(count)
        if len(raw) != count:
            raise ValueError("it is cut short within its header")
        return raw
