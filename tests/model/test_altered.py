"""Weight files, configs and tokenizers that are not what they should be: each is refused with the
file and the tensor or field in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from holocine_core.errors import HolocineError, InputError, MachineError
from holocine_core.model.components import ComponentFiles
from holocine_core.model.gguf import load_gguf_transformer
from holocine_core.model.headers import read_header
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.vocabulary import read_vocabulary
from holocine_core.model.weights import check_state, load_component, read_state_dict
from tests.altered_files import DEEP, altered, difference, kind_of
from tests.model.checkpoints import golden_state, write_gguf

BASE = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
DEEP_JSON = b'{"a":' * DEEP


def tensors(path: Path, header: object, data: int = 16) -> Path:
    """A safetensors file of a header, or of bytes in its place."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    return path


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    """A pipeline to alter."""
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({**BASE, "b": BASE["a"]}, "'b' lies where another one does"),
        ({"b": {**BASE["a"], "data_offsets": [8, 16]}}, "'b' leaves a gap"),
        ({**BASE, "b": {**BASE["a"], "dtype": "F64", "data_offsets": [8, 16]}}, "'b' is longer"),
        ({"b": {**BASE["a"], "dtype": "X9"}}, "'b' is of the type 'X9'"),
        ({"b": {**BASE["a"], "dtype": []}}, "'b' is of the type"),
        ({"b": {**BASE["a"], "shape": [-2]}}, "'b' can not have the shape"),
        ({"b": {**BASE["a"], "shape": [True, 2]}}, "'b' can not have the shape"),
        ({"b": {**BASE["a"], "shape": [0, 2**63]}}, "'b' can not have the shape"),
        ({"b": {**BASE["a"], "data_offsets": ["0", "8"]}}, "'b' can not lie at"),
        ({"b": {**BASE["a"], "data_offsets": None}}, "'b' can not lie at"),
        ({"b": 3}, "'b' is listed as no tensor"),
        ({**BASE, "__metadata__": {"recipe": 3}}, "__metadata__ must hold texts"),
        ([], "lists no tensors"),
        (DEEP_JSON, "nested too deep"),
        (b"\xff\xfe{}", "no JSON"),
        (b'{"\\ud800": 3}', "no JSON"),
        (BASE, r"it has \d+ bytes where its header promises \d+"),
    ],
)
def test_a_header_that_lies_is_told_with_the_tensor(
    header: object, says: str, tmp_path: Path
) -> None:
    path = tensors(tmp_path / "some.safetensors", header)
    with pytest.raises(MachineError, match=says) as raised:
        read_header(path)
    assert raised.value.where == str(path)


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    with path.open("wb") as file:
        file.write((2**33).to_bytes(8, "little"))
        file.truncate(2**34)  # Takes no room.
    with pytest.raises(MachineError, match="header of 8589934592 bytes"):
        read_header(path)


@pytest.mark.parametrize(
    ("file", "fields", "says"),
    [
        ("text_encoder", {"dropout_rate": "16"}, "dropout_rate can't be '16'"),
        ("text_encoder", {"num_layers": 10**9}, "num_layers can't be"),
        ("text_encoder", {"initializer_factor": 10**40}, "initializer_factor can't be"),
        ("text_encoder", {"d_kv": True}, "d_kv can't be True"),
        ("transformer", {"eps": "x"}, "eps can't be 'x'"),
        ("transformer", {"num_layers": 10**40}, "num_layers can't be"),
        ("transformer", {"rope_max_seq_len": 10**9}, "rope_max_seq_len can't be"),
        ("transformer", {"attention_head_dim": -2}, "attention_head_dim can't be -2"),
        ("transformer", {"patch_size": [1, 2, "2"]}, r"patch_size\[2\] can't be '2'"),
        ("vae", {"dim_mult": [1, "x", 2, 2]}, r"dim_mult\[1\] can't be 'x'"),
        ("vae", {"dim_mult": []}, "dim_mult can't be"),
        ("vae", {"temperal_downsample": [True]}, "temperal_downsample must have one entry less"),
        ("vae", {"base_dim": "16"}, "base_dim can't be '16'"),
        ("vae", {"latents_mean": [0.0]}, "latents_mean or latents_std has 1 numbers"),
        ("vae", {"latents_std": [float("nan")] * 16}, "latents_std.*can't be nan"),
    ],
)
def test_a_config_is_checked_field_by_field(
    file: str, fields: dict[str, Any], says: str, model: Path
) -> None:
    path = model / file / "config.json"
    change(path, **fields)
    with pytest.raises(InputError, match=says) as raised:
        find_model(str(model))
    assert raised.value.where == str(path)


def test_a_number_without_a_point_is_a_number(model: Path) -> None:
    change(model / "text_encoder" / "config.json", initializer_factor=1)
    opened(model, "text_encoder")


def test_what_transformers_refuses_is_told(model: Path) -> None:
    path = model / "text_encoder" / "config.json"
    change(path, id2label=3)
    with pytest.raises(InputError, match="no UMT5EncoderModel can be made of this config") as told:
        opened(model, "text_encoder")
    assert told.value.where == str(path)


@pytest.mark.parametrize("name", ["model_index.json", "holocine.json", "vae/config.json"])
@pytest.mark.parametrize("content", [DEEP_JSON, b"[]", b"\xff", b'{"a": "\\ud800"}', b""])
def test_what_is_no_object_of_json_is_told(name: str, content: bytes, model: Path) -> None:
    (model / name).write_bytes(content)
    with pytest.raises(InputError, match=Path(name).name) as raised:
        find_model(str(model))
    assert raised.value.where == str(model / name)


@pytest.mark.parametrize("shard", ["../other.safetensors", "/etc/hosts", 3, "", "x.pth"])
def test_shards_are_files_beside_their_list(shard: object, model: Path) -> None:
    home = model / "transformer"
    (home / "diffusion_pytorch_model.safetensors").unlink()
    index = home / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(InputError, match="weight_map must name a file beside it"):
        find_model(str(model))


@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text.replace('"model"', '"modal"', 1),
        lambda text: text.replace('"type"', '"tape"', 1),
        lambda text: json.dumps({**json.loads(text), "post_processor": {"type": "x"}}),
        lambda text: json.dumps({**json.loads(text), "added_tokens": 3}),
        lambda text: json.dumps({**json.loads(text), "model": {"type": "WordLevel", "vocab": {}}}),
        lambda text: text[: len(text) // 2],
        lambda text: '{"a":' * DEEP,
        lambda text: "\udcff" + text,
    ],
)
def test_a_tokenizer_that_reads_nothing_is_refused(
    alter: Callable[[str], str], model: Path
) -> None:
    path = model / "tokenizer" / "tokenizer.json"
    text = alter(path.read_text(encoding="utf-8"))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(MachineError, match=r"tokenizer\.json") as raised:
        load_tokenizer(find_model(str(model)))
    assert raised.value.where == str(path)


@pytest.mark.parametrize("chars", ["AAAA", "EAAAAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=="])
def test_a_tokenizer_that_panics_is_refused(chars: str, model: Path) -> None:
    """What it raises then is no Exception."""
    path = model / "tokenizer" / "tokenizer.json"
    change(path, normalizer={"type": "Precompiled", "precompiled_charsmap": chars})
    with pytest.raises(MachineError, match=r"tokenizer\.json can not be used") as raised:
        load_tokenizer(find_model(str(model)))
    assert raised.value.where == str(path)


@pytest.mark.parametrize(
    "content",
    [
        {"taught": {"colours": "red"}, "words": [], "nearest": {}},
        {"taught": {}, "words": "red", "nearest": {}},
        {"taught": {}, "words": [3], "nearest": {}},
        {"taught": {}, "words": [], "nearest": {"a": 1}},
        {"taught": {}, "words": [], "nearest": {}, "origin": 3},
    ],
)
def test_a_vocabulary_holds_texts(content: object, model: Path) -> None:
    path = model / "tokenizer" / "vocabulary.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="must hold taught, words and nearest") as raised:
        read_vocabulary(find_model(str(model)))
    assert raised.value.where == str(path)


def opened(model: Path, part: str) -> None:
    load_component(find_model(str(model)).component(part), torch.float32)


def refusal(work: Callable[[], object]) -> str:
    """All that our error says; empty where there is none."""
    try:
        work()
    except HolocineError as error:
        return f"{error.message} {error.where} {error.hint}"
    return ""


@pytest.mark.parametrize("zipped", [False, True])
def test_altered_pickles_are_damaged_files(zipped: bool, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.pth", tmp_path / "codec.pth"
    state = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}
    torch.save(state, whole, _use_new_zipfile_serialization=zipped)
    told = []
    for number in range(80):
        path.write_bytes(altered(whole, number))
        told.append(refusal(lambda: read_state_dict(path)))
    assert all(str(path) in one for one in told if one)
    assert sum("is damaged" in one for one in told) > 10


def test_altered_gguf_files_are_damaged_files(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.gguf", tmp_path / "expert.gguf"
    write_gguf(golden_state(), whole)
    files = ComponentFiles(name="transformer", form="gguf", paths=(path,), config=path)
    network = torch.nn.Module()
    cut = whole.stat().st_size
    for content in (b"", b"GGUF", whole.read_bytes()[: cut // 2], whole.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(MachineError, match=r"expert\.gguf is damaged") as raised:
            load_gguf_transformer(files, torch.float32, network, check_state)
        assert raised.value.where == str(path)


def test_every_alteration_of_a_few_is_answered(model: Path, tiny: Path) -> None:
    """``python -m benchmarks.altered`` asks for more of them, and more of each."""
    parts = ("vae", "text_encoder")
    names = ("config.json", "diffusion_pytorch_model.safetensors", "model.safetensors")
    files = [tiny / part / name for part in parts for name in names]
    files = [path for path in files if path.is_file()]
    told = []
    for number in range(40):
        whole = files[number % len(files)]
        path = model / whole.relative_to(tiny)
        path.write_bytes(altered(whole, number))
        told.append(refusal(partial(opened, model, path.parent.name)))
        assert path.name in told[-1] or not told[-1]
        shutil.copy(whole, path)
    assert sum(map(bool, told)) > 10


def test_what_was_altered_is_told(tiny: Path) -> None:
    """By this the benchmark counts what is taken with no word."""
    weights = tiny / "vae" / "diffusion_pytorch_model.safetensors"
    raw = weights.read_bytes()
    first = 8 + int.from_bytes(raw[:8], "little")
    assert kind_of(weights, raw[:first] + b"\0" * (len(raw) - first)) == "values"
    header = raw.replace(b"F32", b"I32", 1)
    assert kind_of(weights, header) == "a header"
    assert "dtype: 'F32' -> 'I32'" in difference(weights, header)
    config = tiny / "vae" / "config.json"
    told = json.loads(config.read_text())
    assert kind_of(config, json.dumps(told, indent=5).encode()) == "nothing that JSON says"
    other = json.dumps({**told, "z_dim": 3}).encode()
    assert kind_of(config, other) == "JSON"
    assert difference(config, other).startswith(".z_dim: ")
