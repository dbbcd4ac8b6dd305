"""Checkpoints of many ranks: a folder that each rank writes its share into (torch's DCP).

torch's files know no checksum, and a folder that was killed in the middle looks like another: each
is written under a hidden name, looked through, described in ``holocine.json`` and then renamed.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.state_dict_loader import load as load_distributed
from torch.distributed.checkpoint.state_dict_saver import async_save
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from holocine_core.errors import MachineError
from holocine_core.model.parallel import Team
from holocine_core.store.files import open_file, read_json, write_json
from holocine_core.store.vault import disk_errors, file_hash

_LISTED: Mapping[str, tuple[str, ...]] = {
    "collections": ("OrderedDict",),
    "pathlib": ("PosixPath", "WindowsPath"),
    "pathlib._local": ("PosixPath", "WindowsPath"),
    "torch": ("Size",),
    "torch.distributed.checkpoint.filesystem": ("_StorageInfo",),
    "torch.distributed.checkpoint.metadata": (
        "ChunkStorageMetadata",
        "Metadata",
        "MetadataIndex",
        "StorageMeta",
        "TensorProperties",
        "TensorStorageMetadata",
        "_MEM_FORMAT_ENCODING",
    ),
    "torch.serialization": ("_get_layout",),
}
"""What torch lists tensors with. Not its BytesStorageMetadata: what that names would be run."""
ABOUT = "holocine.json"
"""In a checkpoint's folder: what a safetensors file's header says, and every file's hash."""


class Saving:
    """A checkpoint that is being written beside training.

    Args:
        tensors: What to keep: parted weights, and others that every rank has.
        folder: What it will be called.
        about: What to write down of it.
        team: The ranks.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], folder: Path, about: Mapping[str, str], team: Team
    ) -> None:
        self._folder, self._about, self._team = folder, about, team
        self._part = folder.with_name(f".{folder.name}.part")
        if team.leads:
            with disk_errors("keep a checkpoint", folder):
                shutil.rmtree(self._part, ignore_errors=True)
                self._part.mkdir(parents=True)
        team.any(False)
        # A group of its own: beside training's exchanges one of theirs would wait for ever.
        saving = async_save(
            dict(tensors), checkpoint_id=str(self._part), process_group=team.keeping
        )
        assert isinstance(saving, Future)
        self._future: Future[Any] = saving

    @property
    def is_done(self) -> bool:
        """Whether this rank waits for nothing any more."""
        return self._future.done()

    def settle(self) -> Path:
        """Wait until it is written, and give it its name.

        Raises:
            MachineError: The disk is full, or a rank could not write.
        """
        failed = ""
        try:
            self._future.result()
        except CheckpointException as error:
            failed = _reason(error)
        except (RuntimeError, OSError) as error:
            failed = str(error).partition("\n")[0]
        if self._team.any(bool(failed)):
            raise MachineError(
                f"could not keep a checkpoint: {failed or 'another rank could not write'}",
                where=str(self._part),
                hint="free some space and run the same command again: the checkpoint before it "
                "is whole",
            )
        if self._team.leads:
            with disk_errors("keep a checkpoint", self._folder):
                files = {path.name: file_hash(path) for path in sorted(self._part.iterdir())}
                write_json(self._part / ABOUT, {**self._about, "files": files})
                shutil.rmtree(self._folder, ignore_errors=True)
                self._part.rename(self._folder)
        self._team.any(False)
        return self._folder


def _reason(error: CheckpointException) -> str:
    """What the first rank that failed says."""
    for cause, _ in error.failures.values():
        return str(cause).partition("\n")[0] or type(cause).__name__
    return "no reason given"


def about(folder: Path) -> dict[str, Any] | None:
    """What a checkpoint's folder says of itself; None where it is not whole."""
    told = read_json(folder / ABOUT)
    return told if told and isinstance(told.get("files"), dict) else None


def is_sound(folder: Path, team: Team | None) -> bool:
    """Whether every file of a checkpoint is what was written; each rank looks at some."""
    told = about(folder)
    names = sorted(told["files"]) if told else []
    mine = names if team is None else names[team.rank :: team.size]
    wrong = told is None
    for name in mine:
        path = folder / name
        wrong = wrong or not path.is_file() or file_hash(path) != (told or {})["files"][name]
    return not (wrong if team is None else team.any(wrong))


def load(template: Mapping[str, Tensor], folder: Path) -> None:
    """Fill tensors from a checkpoint's folder, however many ranks wrote it.

    Raises:
        MachineError: It can't be read.
    """
    try:
        # In a group where there is one; alone otherwise.
        load_distributed(dict(template), storage_reader=_Reader(folder))
    except CheckpointException as error:
        raise MachineError(
            f"the checkpoint can't be read: {_reason(error)}",
            where=str(folder),
            hint="remove this folder: the checkpoint before it is used then",
        ) from None


class _Reader(FileSystemReader):
    """torch's, which would run whatever the list of a folder's tensors, a pickle, asks for, and
    read whatever file it names."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with open_file(Path(self.path) / ".metadata") as file:
            metadata: Metadata = _Listing(file).load()
        if not isinstance(metadata, Metadata):
            raise pickle.UnpicklingError("its list of tensors is none")
        for place in (metadata.storage_data or {}).values():
            _require_within(place.relative_path)
        metadata.storage_meta = metadata.storage_meta or StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


def _require_within(name: object) -> None:
    """Refuse what is not the plain name of a file in the checkpoint's own folder."""
    plain = isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
    if not plain:
        raise pickle.UnpicklingError(f"it names a file outside its folder: {name!r:.80}")


class _Listing(pickle.Unpickler):
    """Reads lists of tensors, and nothing that does anything."""

    def find_class(self, module: str, name: str) -> Any:
        is_type = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if is_type or name in _LISTED.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds more than tensors: {module}.{name}")


@torch.no_grad()
def load_shares(template: Mapping[str, Tensor], path: Path) -> None:
    """Fill parted tensors from one safetensors file, each rank its share."""
    with safe_open(path, "pt") as opened:
        for name, tensor in template.items():
            if not isinstance(tensor, DTensor):
                tensor.copy_(opened.get_tensor(name))
                continue
            shape, offset = compute_local_shape_and_global_offset(
                tensor.shape, tensor.device_mesh, tensor.placements
            )
            if 0 in shape:
                continue
            begin = offset[0] if offset else 0
            rows = opened.get_slice(name)[begin : begin + shape[0]]
            tensor.to_local().copy_(rows)
