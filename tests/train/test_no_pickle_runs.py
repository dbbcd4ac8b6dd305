"""Nothing that a checkpoint or a weight file holds is run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.distributed.checkpoint.metadata import BytesStorageMetadata
from torch.distributed.checkpoint.state_dict_saver import save

from holocine_core.errors import HolocineError, MachineError
from holocine_core.model.lora.file import LoraFile, check_lora_files
from holocine_core.model.weights import read_state_dict
from holocine_core.train.parted import load

WEIGHTS = {"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.bfloat16)}


class Trap:
    """Unpickled without care, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of several ranks."""
    save(dict(WEIGHTS), checkpoint_id=tmp_path / "step-0000001")
    return tmp_path / "step-0000001"


def test_a_checkpoint_of_ranks_is_read(folder: Path) -> None:
    read = {name: torch.zeros_like(tensor) for name, tensor in WEIGHTS.items()}
    load(read, folder)
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


def test_a_list_of_tensors_that_would_do_something_is_refused(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    (folder / ".metadata").write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(MachineError, match="it holds more than tensors"):
        load({"a": torch.zeros(3)}, folder)
    assert not trap.exists()


def test_bytes_in_a_tensors_place_are_not_opened(folder: Path, tmp_path: Path) -> None:
    trap, listing = tmp_path / "sprung", folder / ".metadata"
    told = pickle.loads(listing.read_bytes())
    told.state_dict_metadata["a"] = BytesStorageMetadata()
    listing.write_bytes(pickle.dumps(told))
    for share in folder.glob("*.distcp"):
        torch.save(Trap(trap), share)
    with pytest.raises(MachineError, match="BytesStorageMetadata"):
        load({"a": torch.zeros(3)}, folder)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["../other/{}", "{folder}/../other/{}", "../other\\{}", "..", 3])
def test_a_checkpoint_reads_files_of_its_own_folder_alone(
    name: object, folder: Path, tmp_path: Path
) -> None:
    save({n: torch.full_like(t, 7) for n, t in WEIGHTS.items()}, checkpoint_id=tmp_path / "other")
    told = pickle.loads((folder / ".metadata").read_bytes())
    for place in told.storage_data.values():
        its = place.relative_path
        place.relative_path = name.format(its, folder=folder) if isinstance(name, str) else name
    (folder / ".metadata").write_bytes(pickle.dumps(told))
    read = {name: torch.zeros_like(tensor) for name, tensor in WEIGHTS.items()}
    with pytest.raises(MachineError, match="names a file outside its folder"):
        load(read, folder)
    assert not any(tensor.any() for tensor in read.values())


@pytest.mark.parametrize("name", ["codec.pth", "codec.pt", "codec.ckpt", "codec.safetensors"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_weight_file_runs_nothing(name: str, zipped: bool, tmp_path: Path) -> None:
    trap, path = tmp_path / "sprung", tmp_path / name
    for value in (Trap(trap), {"a": Trap(trap)}, {Trap(trap): torch.ones(1)}):
        torch.save(value, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(MachineError, match=name) as raised:
            read_state_dict(path)
        assert raised.value.where == str(path)
    path.write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(MachineError, match=name):
        read_state_dict(path)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["look.pt", "look.safetensors"])
def test_a_lora_runs_nothing(name: str, tmp_path: Path) -> None:
    trap, path = tmp_path / "sprung", tmp_path / name
    torch.save({"x.lora_A.weight": Trap(trap)}, path)
    with pytest.raises(HolocineError):
        check_lora_files([LoraFile(path=path)], experts=1)
    assert not trap.exists()
    save_file({"x.lora_A.weight": torch.ones(1, 1)}, tmp_path / "whole.safetensors")
    check_lora_files([LoraFile(path=tmp_path / "whole.safetensors")], experts=1)
