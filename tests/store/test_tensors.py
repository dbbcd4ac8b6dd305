from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from holocine_core.errors import InputError, MachineError
from holocine_core.store.tensors import read_checked, same_weights, write_checked, write_tensors


def test_files_are_for_whom_the_mask_allows(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    before = os.umask(0o027)
    try:
        write_tensors(path, {"a": torch.arange(6).view(2, 3).T}, {"format": "pt"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert torch.equal(load_file(path)["a"], torch.arange(6).view(2, 3).T)


def test_refusals_keep_the_systems_number(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="os error") as refused:
        write_tensors(tmp_path / "nowhere" / "a.safetensors", {"a": torch.zeros(1)})
    assert refused.value.errno == errno.ENOENT


def test_the_same_tensors_are_the_same_file(tmp_path: Path) -> None:
    told = {f"key-{n}": f"wört \n{n}" for n in range(30)}
    tensors = {"b": torch.zeros(3), "a": torch.ones(2, 2).bfloat16()}
    paths = []
    for order in (sorted(told), sorted(told, reverse=True)):
        paths.append(tmp_path / f"{len(paths)}.safetensors")
        write_tensors(paths[-1], tensors, {name: told[name] for name in order})
    data = [path.read_bytes() for path in paths]
    assert data[0] == data[1]
    header = data[0][8 : 8 + int.from_bytes(data[0][:8], "little")].decode()
    places = [header.index(f'"{name}"') for name in sorted(told)]
    assert places == sorted(places)
    assert torch.equal(load_file(paths[0])["a"], tensors["a"])


@pytest.mark.parametrize("length", [0, 7, 2**24, 2**44, 2**63, 2**64 - 1])
def test_a_length_that_is_damaged_asks_for_no_memory(length: int, tmp_path: Path) -> None:
    whole, other = tmp_path / "whole.safetensors", tmp_path / "other.safetensors"
    write_tensors(whole, {"a": torch.zeros(3)})
    other.write_bytes(length.to_bytes(8, "little") + whole.read_bytes()[8:])
    with pytest.raises(ValueError, match=r"longer than the file|Expecting|Unterminated"):
        same_weights(whole, other)


def test_only_files_are_compared(tmp_path: Path) -> None:
    write_tensors(tmp_path / "whole.safetensors", {"a": torch.zeros(3)})
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(InputError, match="no file but a pipe"):
        same_weights(tmp_path / "whole.safetensors", tmp_path / "pipe.safetensors")


def test_a_checked_file_tells_when_it_is_not_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.safetensors"
    write_checked(path, {"a": torch.arange(5.0), "b": torch.zeros(0)}, {"made": "here"})
    tensors, told = read_checked(path)
    assert torch.equal(tensors["a"], torch.arange(5.0))
    assert told["made"] == "here"
    data = bytearray(path.read_bytes())
    for spoilt in (data[:-3], b"", data[:-1] + bytes([data[-1] ^ 1])):
        path.write_bytes(bytes(spoilt))
        with pytest.raises(MachineError, match="damaged"):
            read_checked(path)
        assert not path.exists()
    with pytest.raises(MachineError, match="could not read"):
        read_checked(path)
    # Files of earlier versions know no checksum.
    write_tensors(path, {"a": torch.ones(1)})
    assert read_checked(path)[1].keys() <= {"format"}
