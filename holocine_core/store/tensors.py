"""Tensors into a safetensors file, with the operating system's refusals as OSError; and files that
know their own checksum."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from holocine_core.errors import MachineError
from holocine_core.store.files import atomic, open_file, parse_json
from holocine_core.store.vault import disk_errors

if TYPE_CHECKING:
    from torch import Tensor


CHECKSUM = "holocine_sha256"
"""Key of a checked file's metadata: of the bytes of all its tensors, by their names. Earlier
versions wrote it."""
SUM = "holocine_sum"
"""Key of a checked file's metadata: of its tensors with their types and shapes, and of all else
that it says."""
_PART = 2**22
"""Bytes that are compared at a time."""
DAMAGED = ".damaged"
"""Added to the name of a file that is not what was written."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file.

    Raises:
        OSError: With the system's number where safetensors tells it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(whole, path, dict(metadata) if metadata is not None else None)
        _in_order(path)
        # safetensors keeps files to their owner; those of a cluster's other users may be wanted.
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)
    except SafetensorError as failed:
        found = re.search(r"os error (\d+)", str(failed))
        number = int(found[1]) if found else None
        raise OSError(number, str(failed)) from failed


def _in_order(path: Path) -> None:
    """Sort what a file's header says about itself: safetensors orders it otherwise in every
    process, and the same tensors would make another file."""
    with path.open("r+b") as file:
        header, length = _header(file)
        if "__metadata__" not in header:
            return
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


def same_weights(one: Path, other: Path) -> bool:
    """Whether two safetensors files say the same: earlier versions ordered what they say of
    themselves anew in every process.

    Raises:
        ValueError: One of them is damaged.
        InputError: What has its name is no file.
        OSError: It is not there, or can't be read.
    """
    with open_file(one) as first, open_file(other) as second:
        if _header(first)[0] != _header(second)[0]:
            return False
        while part := first.read(_PART):
            if part != second.read(_PART):
                return False
        return not second.read(1)


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """What a file that was just opened lists, and the bytes of that; ValueError where it can't."""
    length = int.from_bytes(file.read(8), "little")
    if length > os.fstat(file.fileno()).st_size - 8:  # As much memory would be asked for.
        raise ValueError(f"a header of {length} bytes is longer than the file")
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header lists no tensors")
    return header, length


def write_checked(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file that knows its checksum; it appears whole.

    Raises:
        MachineError: The disk is full, or the folder can't be written.
    """
    with disk_errors("keep tensors", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as part:
            write_tensors(part, tensors, with_sum(tensors, metadata or {}))


def with_sum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata by which a file can be checked."""
    return {**metadata, SUM: _sum(tensors, metadata)}


def is_whole(path: Path) -> bool:
    """Whether a safetensors file is what was written; of one without a sum, whether it can be read.

    Raises:
        OSError: It can't be opened.
    """
    from safetensors import SafetensorError

    try:
        return _read(path)[2]
    except SafetensorError:
        return False


def read_one_of(folder: Path, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """As :func:`read_checked`, of a file in a folder of such. Where it is damaged all others are
    looked at too: one more call makes them all anew, and not one call each."""
    try:
        return read_checked(path)
    except MachineError:
        for other in sorted(folder.rglob("[!.]*.safetensors")):
            with suppress(MachineError):
                read_checked(other)
        raise


def read_checked(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file; those of earlier versions have no checksum.

    Raises:
        MachineError: It is damaged, and is now called so, or it can't be read.
    """
    from safetensors import SafetensorError

    sound = False
    try:
        tensors, metadata, sound = _read(path)
    except SafetensorError:
        pass
    except OSError as error:
        raise MachineError(
            f"could not read what was kept: {error.strerror or error}",
            where=str(path),
            hint="run the same command again: what is missing is made anew",
        ) from error
    if not sound:
        raise set_aside(path)
    return tensors, metadata


def set_aside(path: Path) -> MachineError:
    """Call a damaged file so, that it is made anew; the error that tells.

    Raises:
        MachineError: It can't be renamed.
    """
    damaged = path.with_name(path.name + DAMAGED)
    with disk_errors("set aside", path):
        path.replace(damaged)
    return MachineError(
        "what was kept is damaged",
        where=str(damaged),
        hint="run the same command again: it is made anew; if it happens again, check the disk",
    )


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str], bool]:
    """Tensors, metadata, and whether both are what was written."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as opened:
        metadata = dict(opened.metadata() or {})
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if SUM in metadata:
        told = {name: text for name, text in metadata.items() if name != SUM}
        return tensors, metadata, metadata[SUM] == _sum(tensors, told)
    if CHECKSUM in metadata:
        return tensors, metadata, metadata[CHECKSUM] == _checksum(tensors)
    return tensors, metadata, True


def _sum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    kinds = {name: [str(t.dtype), list(t.shape)] for name, t in tensors.items()}
    told = json.dumps([kinds, dict(metadata)], sort_keys=True)
    return hashlib.sha256(f"{told}\n{_checksum(tensors)}".encode()).hexdigest()


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        flat = tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(name.encode())
        digest.update(flat.numpy().data)
    return digest.hexdigest()
