"""LoRAs folded into a model are the model with them, in files that others read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError
from holocine_core.model.folders import locate_folder
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.merge import MERGED, merge_loras
from holocine_core.model.weights import load_component, named_as_diffusers
from tests.model.checkpoints import write_release
from tests.model.test_lora import Pair, diffusers_style, distance, output, written

pytestmark = pytest.mark.slow
LAYERS = ("blocks.0.attn1.to_q", "blocks.1.ffn.net.2", "blocks.1.attn2.to_v")


def _lora(network: WanTransformer3DModel, path: Path, seed: int) -> Path:
    rng = torch.Generator().manual_seed(seed)
    pairs = {}
    for name in LAYERS:
        out, into = network.get_submodule(name).weight.shape
        down, up = torch.randn(2, into, generator=rng), torch.randn(out, 2, generator=rng)
        pairs[name] = Pair(down * 0.1, up * 0.1, alpha=1.0)
    return written(path, diffusers_style(pairs))


@pytest.fixture
def loras(tiny: Path, tmp_path: Path) -> list[LoraFile]:
    network = load_component(locate_folder(tiny).component("transformer"), torch.float32)
    paths = [_lora(network, tmp_path / f"{name}.safetensors", i) for i, name in enumerate("ab")]
    return [
        LoraFile(path=paths[0], weight=0.7, expert="both"),
        LoraFile(path=paths[1], weight=-0.4, expert="high"),
    ]


@pytest.mark.parametrize("part", ["transformer", "transformer_2"])
def test_a_merged_model_answers_as_one_with_loras(
    tiny: Path, tmp_path: Path, loras: list[LoraFile], part: str
) -> None:
    merge_loras(locate_folder(tiny), loras, tmp_path / "out")
    laid_over = load_component(locate_folder(tiny).component(part), torch.float32)
    plain = output(laid_over)
    apply_loras(laid_over, part, loras)  # type: ignore[arg-type]
    mine = load_component(locate_folder(tmp_path / "out").component(part), torch.float32)
    assert distance(output(mine), output(laid_over)) < 1e-6
    assert distance(output(mine), plain) > 1e-3
    (path,) = (tmp_path / "out" / part).glob("*.safetensors")
    with safe_open(path, "pt") as opened:
        told = json.loads(opened.metadata()[MERGED])
        names = set(opened.keys())
    assert [one["weight"] for one in told] == ([0.7, -0.4] if part == "transformer" else [0.7])
    network = load_component(locate_folder(tiny).component(part), torch.float32)
    assert names == set(network.state_dict())
    theirs = WanTransformer3DModel.from_pretrained(tmp_path / "out" / part)
    assert distance(output(theirs), output(laid_over)) < 1e-6


def test_nothing_is_replaced_and_misfits_are_refused(
    tiny: Path, tmp_path: Path, loras: list[LoraFile]
) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="is there already"):
        merge_loras(locate_folder(tiny), loras, tmp_path / "out")
    shutil.copy(tiny / "model_index.json", tmp_path / "bad.safetensors")
    bad = LoraFile(path=tmp_path / "bad.safetensors", weight=1.0, expert="both")
    with pytest.raises(InputError):
        merge_loras(locate_folder(tiny), [bad], tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("said", ["no JSON", "{}"])
def test_weights_that_say_nonsense_of_earlier_loras_are_refused(
    tiny: Path, tmp_path: Path, loras: list[LoraFile], said: str
) -> None:
    strange = tmp_path / "strange"
    shutil.copytree(tiny, strange)
    (weights,) = (strange / "transformer").glob("*.safetensors")
    save_file(load_file(weights), weights, {"format": "pt", MERGED: said})
    with pytest.raises(InputError, match="can not be read") as refused:
        merge_loras(locate_folder(strange), loras, tmp_path / "out")
    assert refused.value.where == str(weights)
    assert not (tmp_path / "out").exists()


def test_a_release_in_original_names_becomes_a_pipeline(tmp_path: Path) -> None:
    located = locate_folder(write_release(tmp_path / "release", "sparse"))
    plain = load_component(located.component("transformer"), torch.float32)
    loras = [LoraFile(path=_lora(plain, tmp_path / "a.safetensors", 5), weight=1.0, expert="high")]
    merge_loras(located, loras, tmp_path / "out")
    merged = locate_folder(tmp_path / "out")
    assert (merged.spec.experts, merged.spec.attention) == (2, "sparse")
    low = named_as_diffusers(merged.component("transformer_2"))
    expected = named_as_diffusers(located.component("transformer_2"))
    assert all(torch.equal(low[name], expected[name]) for name in expected)
    high = load_component(merged.component("transformer"), torch.float32).state_dict()
    before = plain.state_dict()
    changed = {name for name in before if not torch.equal(high[name], before[name])}
    assert changed == {f"{layer}.weight" for layer in LAYERS}
