"""Torch files by their zip directory and their pickle: the very tensors that torch reads, and
nothing that runs."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch

from holocine_core.errors import MachineError
from holocine_core.model.entries import read_entries
from holocine_core.model.pickle_walk import RunsCode, walked
from holocine_core.model.torch_file import read_kept
from holocine_core.model.weights import read_state_dict
from tests.altered_files import altered

TENSORS: dict[str, torch.Tensor] = {
    "float": torch.randn(3, 4),
    "bfloat": torch.randn(5).bfloat16(),
    "half": torch.randn(2, 2).half(),
    "double": torch.randn(2).double(),
    "eight": torch.randn(6).to(torch.float8_e4m3fn),
    "unsigned": torch.zeros(4, dtype=torch.uint16),
    "whole": torch.arange(6, dtype=torch.int8),
    "part": torch.randn(10)[2:5],
    "turned": torch.randn(3, 4).t(),
    "number": torch.tensor(3.5),
    "nothing": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "tied": torch.ones(2),
}
TENSORS["again"] = TENSORS["tied"]


def save(state: Any, path: Path, *, zipped: bool = True) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_the_tensors_are_those_that_torch_reads(kind: Any, zipped: bool, tmp_path: Path) -> None:
    # The older layout knows no types without a storage of their own.
    state = {n: t for n, t in TENSORS.items() if zipped or n not in ("unsigned", "eight")}
    path = save(kind(state), tmp_path / "some.pth", zipped=zipped)
    raw, read = path.read_bytes(), torch.load(path, weights_only=True)
    found = read_kept(path)
    assert list(found) == list(state)
    for name, tensor in read.items():
        kept = found[name]
        assert kept.shape == tuple(tensor.shape)
        if tensor.is_contiguous():
            content = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
            assert raw[kept.start : kept.stop] == content
    assert found["bfloat"].dtype == "BF16"
    assert not zipped or found["eight"].dtype == "F8_E4M3"


def test_a_modules_own_list_is_read(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    found = read_kept(save(module.state_dict(), tmp_path / "some.pth"))
    assert found.keys() == module.state_dict().keys()


def test_weights_inside_are_found(tmp_path: Path) -> None:
    path = save({"model_state": {"a": torch.ones(2)}, "step": 3}, tmp_path / "some.pth")
    assert list(read_kept(path, "model_state")) == ["a"]
    with pytest.raises(ValueError, match="no list of weights"):
        read_kept(path)


class Trap:
    """Unpickled without care, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_run(zipped: bool, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    state = {"a": torch.ones(2), "b": Trap(trap)}
    path = save(state, tmp_path / "some.pth", zipped=zipped)
    with pytest.raises(MachineError, match=r"more than weights .* would run .*getattr") as told:
        read_entries(path)
    assert told.value.where == str(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'touch sprung'\ntR.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"(S'touch sprung'\nios\nsystem\n.",
        b"\x80\x02cposix\nsystem\nX\x0c\x00\x00\x00touch sprung\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0ctouch sprung\x85R.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81}X\x01\x00\x00\x00acos\nsystem\nsb.",
        b"\x80\x02}(X\x01\x00\x00\x00aP1\nu.",
    ],
)
def test_a_bare_pickle_runs_nothing(
    code: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "some.pth"
    path.write_bytes(code)
    with pytest.raises(MachineError, match=r"some\.pth"):
        read_entries(path)
    assert not (tmp_path / "sprung").exists()


def rewritten(path: Path, change: dict[str, bytes | None]) -> Path:
    """The file with some records others, by the ends of their names; None leaves one out."""
    with zipfile.ZipFile(path) as records:
        held = {one.filename: records.read(one) for one in records.infolist()}
    with zipfile.ZipFile(path, "w") as records:
        for name, raw in held.items():
            other = next((new for end, new in change.items() if name.endswith(end)), raw)
            if other is not None:
                records.writestr(name, other)
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data/0": b"1234"}, "'a' lies in a record of 4 bytes where its list says 48"),
        ({"data/1": None}, "'b' lies in the record '1', which is not there"),
        ({"data.pkl": None}, r"without the list of a torch file"),
        ({"data.pkl": b""}, "is damaged"),
        ({"byteorder": b"middle"}, "the byte order b'middle'"),
        ({"data.pkl": pickle.dumps([1, 2], 2)}, "no list of weights"),
        ({"data.pkl": pickle.dumps({"a": 1}, 2)}, "'a' is none"),
        ({"data.pkl": pickle.dumps({1: 1}, 2)}, "1 is no name"),
    ],
)
def test_a_list_that_lies_is_told(
    change: dict[str, bytes | None], says: str, tmp_path: Path
) -> None:
    state = {"a": torch.ones(3, 4), "b": torch.ones(3)}
    path = rewritten(save(state, tmp_path / "some.pth"), change)
    with pytest.raises(MachineError, match=says):
        read_entries(path)


def test_a_tensor_that_reaches_beyond_its_record_is_told(tmp_path: Path) -> None:
    path = save({"a": torch.ones(3, 4)}, tmp_path / "some.pth")
    with zipfile.ZipFile(path) as records:
        (name,) = (one for one in records.namelist() if one.endswith("data.pkl"))
        raw = records.read(name)
    # The shape (3, 4) and the strides (4, 1) as small whole numbers.
    larger = raw.replace(b"K\x03K\x04\x86", b"K\x09K\x04\x86")
    assert larger != raw
    with pytest.raises(MachineError, match="'a' reaches beyond its record"):
        read_entries(rewritten(path, {"data.pkl": larger}))


def test_records_that_are_compressed_are_none_of_torchs(tmp_path: Path) -> None:
    path = save({"a": torch.ones(3, 4)}, tmp_path / "some.pth")
    with zipfile.ZipFile(path) as records:
        held = {one.filename: records.read(one) for one in records.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as records:
        for name, raw in held.items():
            records.writestr(name, raw)
    with pytest.raises(MachineError, match="is compressed"):
        read_entries(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_whatever_is_altered_is_answered_as_torch_does(zipped: bool, tmp_path: Path) -> None:
    """What torch opens is read, but for what names no longer agree; all else is told."""
    whole, path = tmp_path / "whole.pth", tmp_path / "codec.pth"
    save({"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}, whole, zipped=zipped)
    refused = []
    for number in range(200):
        path.write_bytes(altered(whole, number))
        try:
            read = read_state_dict(path)
        except MachineError:
            read = None
        try:
            found = read_entries(path)
        except MachineError as error:
            refused.append(error)
            continue
        assert read is None or {n: tuple(t.shape) for n, t in read.items()} == {
            name: entry.shape for name, entry in found.items()
        }
    assert len(refused) > 20
    assert all(error.where == str(path) for error in refused)


def test_what_would_run_is_named() -> None:
    with pytest.raises(RunsCode, match=re.escape("os.system")):
        walked(BytesIO(b"cos\nsystem\n(S'true'\ntR."))
