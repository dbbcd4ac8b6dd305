"""Tensors into a safetensors file, with the operating system's refusals as OSError; and files that
know their own checksum."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import MachineError
from holocine_core.store.files import atomic
from holocine_core.store.vault import disk_errors

if TYPE_CHECKING:
    from torch import Tensor


CHECKSUM = "holocine_sha256"
"""Key of a checked file's metadata: of the bytes of all its tensors, by their names."""
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
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        if "__metadata__" not in header:
            return
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


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
            write_tensors(part, tensors, {**(metadata or {}), CHECKSUM: _checksum(tensors)})


def read_checked(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file; those of earlier versions have no checksum.

    Raises:
        MachineError: It is damaged, and is now called so, or it can't be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            metadata = dict(opened.metadata() or {})
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        sound = metadata.get(CHECKSUM) in (None, _checksum(tensors))
    except SafetensorError:
        sound = False
    except OSError as error:
        raise MachineError(
            f"could not read what was kept: {error.strerror or error}",
            where=str(path),
            hint="run the same command again: what is missing is made anew",
        ) from error
    if not sound:
        damaged = path.with_name(path.name + DAMAGED)
        with disk_errors("set aside", path):
            path.replace(damaged)
        raise MachineError(
            "what was kept is damaged",
            where=str(damaged),
            hint="run the same command again: it is made anew; if it happens again, check the disk",
        )
    return tensors, metadata


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        flat = tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(name.encode())
        digest.update(flat.numpy().data)
    return digest.hexdigest()
