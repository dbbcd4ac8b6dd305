"""A model's files are read to their headers' ends before the first step: what is wrong with any is
told by plan and render, with file and tensor, and no network is opened."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import Problem
from holocine_core.model.fitting import model_problems
from holocine_core.model.locate import find_model
from tests.model.checkpoints import (
    golden_state,
    with_original_vae,
    write_gguf,
    write_release,
)

HIGH = "HoloCine_dit/full/full_high_noise.safetensors"
LOW = "HoloCine_dit/full/full_low_noise.gguf"
VAE = "Wan2.2-T2V-A14B/Wan2.1_VAE.pth"
TEXT = "Wan2.2-T2V-A14B-Diffusers/text_encoder/model.safetensors"
Alter = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release tree with a file of every kind: safetensors, GGUF, a torch pickle."""
    root = write_release(tmp_path_factory.mktemp("whole"))
    with_original_vae(root)
    (root / LOW).with_suffix(".safetensors").unlink()
    write_gguf(golden_state(), root / LOW)
    return root


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to alter."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


def problems(model: Path) -> list[Problem]:
    located = find_model(str(model))
    return model_problems(located, frozenset(located.components))


def test_a_whole_model_has_none(whole: Path) -> None:
    assert problems(whole) == []


# --- ways to spoil a file ------------------------------------------------------------------------


def cut(path: Path, keep: float = 0.5) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])


def shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def page(path: Path) -> None:
    path.write_text("<!DOCTYPE html>\n<html><head><title>Entry not found</title></head></html>\n")


def pointer(path: Path) -> None:
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 28577\n"
    )


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def without_a_tensor(path: Path) -> None:
    if path.suffix == ".pth":
        state = torch.load(path, weights_only=True)
        state.popitem()
        torch.save(state, path)
        return
    state = golden_state() if path.suffix == ".gguf" else load_file(path)
    state.pop(sorted(state)[-1])
    write_gguf(state, path) if path.suffix == ".gguf" else save_file(state, path)


def of_a_larger_network(path: Path) -> None:
    if path.suffix == ".pth":
        state = torch.load(path, weights_only=True)
        torch.save({name: one.repeat_interleave(2, 0) for name, one in state.items()}, path)
        return
    state = golden_state() if path.suffix == ".gguf" else load_file(path)
    state = {name: one.repeat_interleave(2, 0) for name, one in state.items()}
    write_gguf(state, path) if path.suffix == ".gguf" else save_file(state, path)


def whole_numbers(path: Path) -> None:
    if path.suffix == ".pth":
        state = torch.load(path, weights_only=True)
        torch.save({name: one.to(torch.int8) for name, one in state.items()}, path)
    elif path.suffix == ".gguf":
        import gguf

        writer = gguf.GGUFWriter(str(path), "wan")
        for name, one in golden_state().items():
            writer.add_tensor(name, one.numpy().astype("int8"))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    else:
        save_file({name: one.to(torch.int8) for name, one in load_file(path).items()}, path)


SPOILED: dict[str, tuple[Alter, str]] = {
    "half of it": (cut, "cut short|header promises"),
    "a byte less": (shorter, "cut short|header promises|zip directory"),
    "a hundred bytes": (lambda path: cut(path, 100 / path.stat().st_size), "cut short"),
    "empty": (emptied, "it is empty"),
    "a web page": (page, "it is a web page"),
    "a pointer": (pointer, "it is a git-lfs pointer"),
    "zeros": (zeros, "is damaged"),
    "a tensor less": (without_a_tensor, "does not fit the network: .* is missing"),
    "a larger network's": (of_a_larger_network, "does not fit the network: .* is .*x"),
    "whole numbers": (whole_numbers, "I8"),
}


@pytest.mark.parametrize("file", [HIGH, LOW, VAE, TEXT])
@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_file_is_told_by_name(file: str, how: str, model: Path) -> None:
    alter, says = SPOILED[how]
    alter(model / file)
    started = time.perf_counter()
    (found,) = problems(model)
    assert time.perf_counter() - started < 1
    assert found.where == str(model / file)
    assert Path(file).name in found.message
    assert found.hint
    assert re.search(says, found.message), found.message
