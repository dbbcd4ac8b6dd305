"""A torch file's tensors (.pth, .pt, .bin), without torch: its zip directory, or the older layout's
own, and its pickle followed by :mod:`holocine_core.model.pickle_walk`. Nothing is executed."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from holocine_core.model.pickle_walk import RunsCode, Storage, Tensor, walked

SIZES: Mapping[str, int] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
}
"""Bytes of a number by type, in safetensors' words."""
MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of the older layout."""
_LIST_BYTES = 2**27
"""Most bytes of the pickle that lists the tensors."""
_CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class Kept:
    """One tensor of a torch file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Its first byte in the file."""
    stop: int
    """Behind its last."""


def read_kept(path: Path, inside: str | None = None) -> dict[str, Kept]:
    """Name -> tensor.

    Args:
        path: The file.
        inside: The entry that holds the weights, where the file has such an entry.

    Raises:
        RunsCode: Opened without care it would run something, which is named.
        ValueError: It is cut short, lies, or is no list of weights.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                listed, places = _zipped(file)
            else:
                file.seek(0)
                listed, places = _older(file, path.stat().st_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as broken:
        raise ValueError(str(broken)) from broken
    if isinstance(listed, dict) and inside is not None and inside in listed:
        listed = listed[inside]
    if not isinstance(listed, dict) or not listed:
        raise ValueError("it is no list of weights")
    return {_text(name): _placed(_text(name), value, places) for name, value in listed.items()}


def broken_record(path: Path) -> str | None:
    """The first record of a zipped torch file whose bytes are not those it was written with, by
    the checksum in its directory; None where all are, or where the file is of the older layout.

    Raises:
        ValueError: The directory itself is damaged.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                return None
            with zipfile.ZipFile(file) as records:
                for record in records.infolist():
                    # torch can leave checksums out, and writes 0.
                    if record.CRC and not _reads(records, record):
                        return record.filename
    except (zipfile.BadZipFile, NotImplementedError) as broken:
        raise ValueError(str(broken)) from broken
    return None


def _reads(records: zipfile.ZipFile, record: zipfile.ZipInfo) -> bool:
    try:
        with records.open(record) as one:
            while one.read(_CHUNK):
                pass
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Place:
    """Of a storage in the file."""

    start: int
    bytes: int


Places = Mapping[str, _Place]


def _zipped(file: BinaryIO) -> tuple[Any, Places]:
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as records:
        names = [one for one in records.namelist() if one.endswith("/data.pkl")]
        if len(names) != 1:
            raise ValueError("it is a zip file without the list of a torch file (data.pkl)")
        listing = records.getinfo(names[0])
        if listing.file_size > _LIST_BYTES:
            raise ValueError(f"a list of {listing.file_size} bytes is none")
        raw = _content(file, listing, size)
        top = names[0].removesuffix("data.pkl")
        order = [one for one in records.infolist() if one.filename == f"{top}byteorder"]
        if order and (said := _content(file, order[0], size)) not in (b"little", b"big"):
            raise ValueError(f"its numbers have the byte order {said!r:.40}")
        home = f"{top}data/"
        places = {
            one.filename.removeprefix(home): _Place(_data_of(file, one, size), one.file_size)
            for one in records.infolist()
            if one.filename.startswith(home)
        }
    return walked(io.BytesIO(raw)), places


def _data_of(file: BinaryIO, record: zipfile.ZipInfo, size: int) -> int:
    """Where a record's bytes begin, which stand there as they are."""
    if record.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{record.filename!r:.80} is compressed, which torch's records are not")
    file.seek(record.header_offset)
    head = file.read(30)
    if len(head) != 30 or head[:4] != b"PK\x03\x04":
        raise ValueError(f"{record.filename!r:.80} does not lie where the zip directory says")
    lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    start = record.header_offset + 30 + lengths
    if start + record.file_size > size:
        raise ValueError(f"it is cut short: {record.filename!r:.80} ends behind its end")
    return start


def _content(file: BinaryIO, record: zipfile.ZipInfo, size: int) -> bytes:
    """A record's bytes, which have to be those of its checksum where there is one: torch can leave
    them out, and writes 0."""
    file.seek(_data_of(file, record, size))
    raw = file.read(record.file_size)
    if record.CRC and zlib.crc32(raw) != record.CRC:
        raise ValueError(f"{record.filename!r:.80} is not what its checksum says")
    return raw


def _older(file: BinaryIO, size: int) -> tuple[Any, Places]:
    """torch before 1.6: pickles one behind the other, then the storages."""
    try:
        magic = walked(file)
    except ValueError as broken:
        raise _no_zip(broken) from broken
    if magic != MAGIC:
        return magic, {}  # A plain pickle; if it is a list, its tensors lie nowhere.
    walked(file)  # The layout's version.
    walked(file)  # Sizes of the writer's numbers.
    listed = walked(file)
    used = {one.storage.key: one.storage for one in _tensors(listed)}
    places: dict[str, _Place] = {}
    for key in walked(file):
        count = int.from_bytes(file.read(8), "little")
        storage = used.get(_text(key))
        each = 1 if storage is None else SIZES[storage.dtype]
        places[_text(key)] = _Place(file.tell(), count * each)
        if file.tell() + count * each > size:
            raise ValueError(f"it is cut short within the storage {_text(key)}")
        file.seek(count * each, io.SEEK_CUR)
    return listed, places


def _no_zip(broken: ValueError) -> ValueError:
    if isinstance(broken, RunsCode):
        return broken
    return ValueError(
        "it is cut short, or no torch file: it has neither a zip directory at its end nor the "
        "older layout"
    )


def _tensors(listed: Any) -> Iterator[Tensor]:
    """Every tensor in whatever was listed."""
    waiting, seen = [listed], set()
    for one in waiting:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, dict | list | tuple) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, dict) else one


def _placed(name: str, tensor: Any, places: Places) -> Kept:
    if not isinstance(tensor, Tensor):
        raise ValueError(f"it is no list of weights: {name!r:.80} is none")
    each, storage = SIZES[tensor.dtype], tensor.storage
    place = places.get(storage.key)
    if place is None:
        raise ValueError(f"{name!r:.80} lies in the record {storage.key!r:.40}, which is not there")
    if _bytes(storage) != place.bytes:
        raise ValueError(
            f"{name!r:.80} lies in a record of {place.bytes} bytes where its list says "
            f"{_bytes(storage)}"
        )
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    end = 0 if 0 in tensor.shape else tensor.offset + last + 1
    if end * each > place.bytes:
        raise ValueError(f"{name!r:.80} reaches beyond its record")
    start = place.start + tensor.offset * each
    return Kept(tensor.dtype, tensor.shape, start, max(start, place.start + end * each))


def _bytes(storage: Storage) -> int:
    return storage.count * SIZES[storage.dtype]


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"it is no list of weights: {name!r:.40} is no name")
    return name


def elements(kept: Kept) -> int:
    """Numbers of a tensor."""
    return math.prod(kept.shape)
