"""Names and shapes of a weight file's tensors, whatever its format, read in milliseconds.

Nothing is loaded and nothing is executed: of a torch file the instructions that would make its
objects are read as text. No torch here.
"""

from __future__ import annotations

import os
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from holocine_core.errors import MachineError
from holocine_core.model.headers import read_header
from holocine_core.store.files import open_file

SUFFIXES = (".safetensors", ".gguf", ".pth", ".pt")
"""Of files that hold weights."""
Shape = tuple[int, ...]
_ARCHITECTURE = "general.architecture"
_TEXT, _LIST = 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of a GGUF file's table, by its type."""
_MOST = 2**20
"""Tensors, entries of the table, bytes of a name: more is none."""
_PICKLED = 2**28


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a weight file holds."""

    shapes: Mapping[str, Shape | None]
    """By name; None where the format tells no shapes cheaply."""
    architecture: str = ""
    """As a GGUF file calls its network."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Name -> type of a safetensors file's tensors."""


def list_weights(path: Path) -> Listing:
    """The tensors of one file.

    Args:
        path: Of one of :data:`SUFFIXES`.

    Raises:
        MachineError: It is damaged, or no file of that kind.
    """
    if path.suffix == ".safetensors":
        entries = read_header(path)
        return Listing(
            shapes={name: entry.shape for name, entry in entries.items()},
            types={name: entry.dtype for name, entry in entries.items()},
        )
    try:
        with open_file(path) as file:
            return _of_gguf(file) if path.suffix == ".gguf" else _of_pickle(file)
    except (ValueError, OverflowError, struct.error, zipfile.BadZipFile) as broken:
        raise MachineError(
            f"{path.name} is damaged: {broken}",
            where=str(path),
            hint="fetch it again; `holocine models verify` checks every file of a model",
        ) from broken


def _of_gguf(file: BinaryIO) -> Listing:
    if file.read(4) != b"GGUF":
        raise ValueError("it is no GGUF file")
    (version,) = struct.unpack("<I", file.read(4))
    if not 2 <= version <= 3:
        raise ValueError(f"holocine knows no GGUF of version {version}")
    tensors, entries = _number(file), _number(file)
    architecture = ""
    for _ in range(entries):
        name = _text(file)
        (kind,) = struct.unpack("<I", file.read(4))
        if name == _ARCHITECTURE and kind == _TEXT:
            architecture = _text(file)
        else:
            _skip(file, kind)
    shapes: dict[str, Shape] = {}
    for _ in range(tensors):
        name = _text(file)
        (dimensions,) = struct.unpack("<I", file.read(4))
        if dimensions > 8:
            raise ValueError(f"{name!r:.80} has {dimensions} dimensions")
        sides = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
        file.seek(12, os.SEEK_CUR)  # Its type and where it lies.
        shapes[name] = tuple(reversed(sides))
    return Listing(shapes=shapes, architecture=architecture)


def _number(file: BinaryIO) -> int:
    (number,) = struct.unpack("<Q", file.read(8))
    if number > _MOST:
        raise ValueError(f"{number} of anything is too many")
    return int(number)


def _text(file: BinaryIO) -> str:
    length = _number(file)
    raw = file.read(length)
    if len(raw) != length:
        raise ValueError("it ends within its table")
    return raw.decode("utf-8")


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _TEXT:
        file.seek(_number(file), os.SEEK_CUR)
    elif kind == _LIST:
        (inner,) = struct.unpack("<I", file.read(4))
        count = _number(file)
        if inner == _LIST:
            raise ValueError("a list of lists is none of GGUF's")
        if inner == _TEXT:
            for _ in range(count):
                file.seek(_number(file), os.SEEK_CUR)
        else:
            file.seek(count * _width(inner), os.SEEK_CUR)
    else:
        file.seek(_width(kind), os.SEEK_CUR)


def _width(kind: int) -> int:
    if kind not in _WIDTHS:
        raise ValueError(f"{kind} is no type of GGUF's")
    return _WIDTHS[kind]


def _of_pickle(file: BinaryIO) -> Listing:
    with zipfile.ZipFile(file) as packed:
        pickled = [info for info in packed.infolist() if info.filename.endswith("/data.pkl")]
        if len(pickled) != 1 or pickled[0].file_size > _PICKLED:
            raise ValueError("it is no torch file")
        code = packed.read(pickled[0])
    texts = (given for _, given, _ in pickletools.genops(code) if isinstance(given, str))
    # Names of weights have a point and no space; those of functions are written with one.
    return Listing(shapes={text: None for text in texts if "." in text and " " not in text})
