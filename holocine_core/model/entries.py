"""What a weight file of any kind lists: names, types, shapes and places of its tensors. No torch
here, nothing is loaded, and no pickle is executed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from holocine_core.errors import MachineError
from holocine_core.model.gguf_header import read_packed
from holocine_core.model.headers import TensorEntry, read_header
from holocine_core.model.pickle_walk import RunsCode
from holocine_core.model.sorts import mistaken
from holocine_core.model.torch_file import read_kept
from holocine_core.store.files import stamp

Listing = Mapping[str, TensorEntry]


def read_entries(path: Path) -> Listing:
    """A weight file's tensors by its header, zip directory or list of records.

    Raises:
        MachineError: It can't be read, is cut short, damaged, or another file under this name.
    """
    try:
        return _read(path, stamp(path))
    except OSError as refused:
        raise MachineError(
            f"{path.name} can't be read: {refused.strerror or refused}",
            where=str(path),
            hint="check that the file is there and may be read",
        ) from refused


@lru_cache(maxsize=32)
def _read(path: Path, _: tuple[int, int, int]) -> Listing:
    """Kept: a film is planned more than once, and many are planned by one model."""
    other = mistaken(path)
    if other is not None:
        raise MachineError(
            f"{path.name} holds no weights: {other.what}", where=str(path), hint=other.hint
        )
    suffix = path.suffix.lower()
    try:
        if suffix == ".safetensors":
            return read_header(path)
        if suffix == ".gguf":
            return {
                name: TensorEntry(one.kind, one.shape, one.start, one.stop)
                for name, one in read_packed(path).items()
            }
        return {
            name: TensorEntry(one.dtype, one.shape, one.start, one.stop)
            for name, one in read_kept(path).items()
        }
    except RunsCode as unsafe:
        raise MachineError(
            f"{path.name} holds more than weights and is not opened: it would run {unsafe}",
            where=str(path),
            hint="get the file from its publisher, or the safetensors version",
        ) from unsafe
    except ValueError as broken:
        raise MachineError(
            f"{path.name} is damaged: {broken}",
            where=str(path),
            hint="fetch it again; `holocine models verify` checks every file of a model",
        ) from broken
