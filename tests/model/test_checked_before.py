"""A model's files are read to their headers' ends before the first step: what is wrong with any is
told by plan and render, with file and tensor, and no network is opened."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import MachineError, Problem
from holocine_core.model import gguf_header
from holocine_core.model.entries import read_entries
from holocine_core.model.expected import expected_shapes
from holocine_core.model.fitting import model_problems
from holocine_core.model.locate import find_model
from holocine_core.model.original_names import original_name
from holocine_core.model.release import CONFIGS
from holocine_core.model.weights import load_component
from tests.altered_files import altered
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


def test_a_package_that_lacks_is_told(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_header, "find_spec", lambda name: None)
    (found,) = problems(whole)
    assert "the package gguf is not installed" in found.message
    assert found.where == str(whole / LOW)


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


def sentence(path: Path) -> None:
    """What a hub answers in place of a file."""
    path.write_text("Invalid username or password.\n")


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
    "a sentence": (sentence, "it is a line of text: Invalid username or password"),
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


@pytest.mark.parametrize(
    ("file", "name", "says"),
    [
        (HIGH, "high.gguf", "a safetensors file under another name"),
        (LOW, "low.safetensors", "a GGUF file under another name"),
        (VAE, "vae.safetensors", "a torch file under another name"),
        (HIGH, "high.pth", "a safetensors file under another name"),
    ],
)
def test_a_renamed_file_is_told_what_it_is(
    file: str, name: str, says: str, whole: Path, tmp_path: Path
) -> None:
    shutil.copy(whole / file, tmp_path / name)
    with pytest.raises(MachineError, match=says) as raised:
        read_entries(tmp_path / name)
    assert raised.value.where == str(tmp_path / name)


def test_shards_are_judged_together(tiny: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny, tmp_path / "model"))
    home, single = model / "transformer_2", "diffusion_pytorch_model.safetensors"
    state = load_file(home / single)
    (home / single).unlink()
    names = sorted(state)
    shards = {f"part-{i}.safetensors": names[i::3] for i in range(3)}
    for shard, held in shards.items():
        save_file({name: state[name] for name in held}, home / shard)
    index = {name: shard for shard, held in shards.items() for name in held}
    (home / f"{single}.index.json").write_text(json.dumps({"weight_map": index}))
    assert problems(model) == []
    shutil.copy(home / "part-0.safetensors", home / "part-1.safetensors")
    (found,) = problems(model)
    assert "is in two files of transformer_2" in found.message
    few = {name: state[name] for name in shards["part-1.safetensors"][1:]}
    save_file(few, home / "part-1.safetensors")
    (found,) = problems(model)
    assert "is missing" in found.message
    (home / "part-2.safetensors").write_bytes(b"")
    (found,) = problems(model)
    assert found.where == str(home / "part-2.safetensors")


def sparse(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str, size: int) -> None:
    """A safetensors file of a real one's length that takes no room."""
    listed, at = {}, 0
    for name, shape in shapes.items():
        end = at + math.prod(shape) * size
        listed[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    header = json.dumps(listed).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + at)


def write_full_size(root: Path) -> None:
    """The 14B release with its real names, shapes and lengths: 65 GB that take no room."""
    shapes = {
        part: expected_shapes(part, json.loads((CONFIGS / part / "config.json").read_text()))
        for part in ("transformer", "vae", "text_encoder")
    }
    experts = {original_name("transformer", n): one for n, one in shapes["transformer"].items()}
    for noise in ("high", "low"):
        sparse(root / f"HoloCine_dit/full/full_{noise}_noise.safetensors", experts, "BF16", 2)
    home = root / "Wan2.2-T2V-A14B-Diffusers"
    texts = {n: shape for n, shape in shapes["text_encoder"].items() if "embed_tokens" not in n}
    names, index = list(texts), {}
    for i in range(5):
        shard = f"model-{i}.safetensors"
        sparse(home / "text_encoder" / shard, {n: texts[n] for n in names[i::5]}, "BF16", 2)
        index |= dict.fromkeys(names[i::5], shard)
    listing = home / "text_encoder" / "model.safetensors.index.json"
    listing.write_text(json.dumps({"weight_map": index}))
    sparse(home / "vae/diffusion_pytorch_model.safetensors", shapes["vae"], "F32", 4)
    for part in ("vae", "text_encoder"):
        shutil.copy(CONFIGS / part / "config.json", home / part)


def test_headers_of_the_full_size_take_no_time_and_no_torch(tmp_path: Path) -> None:
    write_full_size(tmp_path)
    low = tmp_path / "HoloCine_dit/full/full_low_noise.safetensors"
    assert low.stat().st_size > 28e9
    code = (
        "import sys, time\n"
        "from holocine_core.model.fitting import model_problems\n"
        "from holocine_core.model.locate import find_model\n"
        f"located = find_model({str(tmp_path)!r})\n"
        "started = time.perf_counter()\n"
        "found = model_problems(located, frozenset(located.components))\n"
        "assert time.perf_counter() - started < 5\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "print(*(one.message for one in found))\n"
    )

    def told() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert told() == ""
    with low.open("r+b") as file:
        file.truncate(low.stat().st_size - 1)
    assert told().startswith("full_low_noise.safetensors is damaged")


@pytest.mark.parametrize("file", [LOW, VAE])
def test_what_is_found_well_can_be_opened(file: str, whole: Path, tmp_path: Path) -> None:
    """Whatever is altered in a GGUF or a torch file: what the header shows no fault of, the network
    takes, or holds other numbers."""
    model = Path(shutil.copytree(whole, tmp_path / "model"))
    part = "vae" if file == VAE else "transformer_2"
    well = 0
    for number in range(60):
        (model / file).write_bytes(altered(whole / file, number))
        found = problems(model)
        assert all(one.where == str(model / file) for one in found)
        if found:
            continue
        well += 1
        load_component(find_model(str(model)).component(part), torch.float32)
    assert well < 40
