"""LoKr, LoHa and DoRA do to a network what a merge by hand does to its weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.model.components import ComponentFiles
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.weights import load_transformer
from tests.model.checkpoints import original_transformer, random_transformer, write_gguf
from tests.model.test_lora import IN_BLOCKS, distance, network, output, written

State = dict[str, Tensor]
Made = tuple[State, Callable[[Tensor], Tensor]]
"""A layer's keys, and what they make of its weight at weight 1."""
RANK, ALPHA = 3, 1.5
EXACT = 5e-7


def drawn(*shape: int, seed: int = 0, size: float = 0.3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape) + seed)) * size


def halves(wide: int) -> tuple[int, int]:
    """Factors of a width."""
    small = next(n for n in (6, 4, 3, 2) if wide % n == 0)
    return small, wide // small


def put_together(one: Tensor, two: Tensor) -> Tensor:
    """A Kronecker product, by its definition."""
    rows, columns = one.shape[0] * two.shape[0], one.shape[1] * two.shape[1]
    return torch.einsum("ac,bd->abcd", one, two).reshape(rows, columns)


def lokr(outputs: int, inputs: int, form: tuple[str, str]) -> Made:
    (a, b), (c, d) = halves(outputs), halves(inputs)
    state: State = {"alpha": torch.tensor(ALPHA)}
    one, two, scale = drawn(a, c), drawn(b, d, seed=1), 1.0
    if form[0] == "low":
        state["lokr_w1_a"], state["lokr_w1_b"] = drawn(a, RANK, seed=2), drawn(RANK, c, seed=3)
        one, scale = state["lokr_w1_a"] @ state["lokr_w1_b"], ALPHA / RANK
    else:
        state["lokr_w1"] = one
    if form[1] == "low":
        state["lokr_w2_a"], state["lokr_w2_b"] = drawn(b, RANK, seed=4), drawn(RANK, d, seed=5)
        two, scale = state["lokr_w2_a"] @ state["lokr_w2_b"], ALPHA / RANK
    else:
        state["lokr_w2"] = two
    return state, lambda weight: weight + scale * put_together(one, two)


def loha(outputs: int, inputs: int) -> Made:
    state = {
        "hada_w1_a": drawn(outputs, RANK),
        "hada_w1_b": drawn(RANK, inputs),
        "hada_w2_a": drawn(outputs, RANK, seed=1),
        "hada_w2_b": drawn(RANK, inputs, seed=1),
        "alpha": torch.tensor(ALPHA),
    }
    change = state["hada_w1_a"] @ state["hada_w1_b"] * (state["hada_w2_a"] @ state["hada_w2_b"])
    return state, lambda weight: weight + change * (ALPHA / RANK)


def dora(outputs: int, inputs: int, key: str, *, columns: bool = False) -> Made:
    lengths = drawn(1 if columns else outputs, inputs if columns else 1).abs() + 0.5
    state = {
        "lora_down.weight": drawn(RANK, inputs),
        "lora_up.weight": drawn(outputs, RANK, seed=1),
        "alpha": torch.tensor(ALPHA),
        key: lengths if key == "dora_scale" else lengths.flatten(),
    }
    change = state["lora_up.weight"] @ state["lora_down.weight"] * (ALPHA / RANK)

    def of(weight: Tensor) -> Tensor:
        moved = weight + change
        return lengths * moved / moved.square().sum(0 if columns else 1, keepdim=True).sqrt()

    return state, of


def dora_of_lokr(outputs: int, inputs: int) -> Made:
    state, of = lokr(outputs, inputs, ("full", "low"))
    lengths = drawn(outputs, 1).abs() + 0.5

    def decomposed(weight: Tensor) -> Tensor:
        moved = of(weight)
        return lengths * moved / moved.square().sum(1, keepdim=True).sqrt()

    return {**state, "dora_scale": lengths}, decomposed


KINDS: Mapping[str, Callable[[int, int], Made]] = {
    "lokr of two whole": lambda o, i: lokr(o, i, ("full", "full")),
    "lokr, second low": lambda o, i: lokr(o, i, ("full", "low")),
    "lokr, both low": lambda o, i: lokr(o, i, ("low", "low")),
    "loha": loha,
    "dora": lambda o, i: dora(o, i, "dora_scale"),
    "dora by columns": lambda o, i: dora(o, i, "dora_scale", columns=True),
    "dora of peft": lambda o, i: dora(o, i, "lora_magnitude_vector"),
    "dora of peft, a module": lambda o, i: dora(o, i, "lora_magnitude_vector.weight"),
    "dora of lokr": dora_of_lokr,
}
NAMINGS: Mapping[str, Callable[[str, str], str]] = {
    "musubi": lambda name, original: f"lora_unet_{original.replace('.', '_')}",
    "comfyui": lambda name, original: f"diffusion_model.{original}",
    "simpletuner": lambda name, original: f"lycoris_{name.replace('.', '_')}",
    "peft": lambda name, original: f"base_model.model.{name}",
    "peft around diffusers": lambda name, original: f"base_model.model.transformer.{name}",
}


def file_and_merge(
    path: Path, kind: str, naming: str, weight: float
) -> tuple[LoraFile, WanTransformer3DModel]:
    """A file that changes all layers of the blocks, and the network changed by hand."""
    by_hand, state = deepcopy(network()), {}
    for name, (original, inputs, outputs) in IN_BLOCKS.items():
        keys, of = KINDS[kind](outputs, inputs)
        stem = NAMINGS[naming](name, original)
        state |= {f"{stem}.{key}": value for key, value in keys.items()}
        parameter = by_hand.get_submodule(name).weight
        parameter.data += weight * (of(parameter.data.double()) - parameter.data.double()).float()
    return LoraFile(path=written(path, state), weight=weight), by_hand


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weight", [1.0, -0.5])
def test_each_kind_is_merged_exactly(tmp_path: Path, kind: str, weight: float) -> None:
    lora, by_hand = file_and_merge(tmp_path / "a.safetensors", kind, "comfyui", weight)
    ours = network()
    apply_loras(ours, "transformer", [lora])
    assert distance(output(ours), output(by_hand)) < EXACT
    assert distance(output(network()), output(by_hand)) > 0.01


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("kind", ["lokr, second low", "loha", "dora of peft"])
def test_each_naming_is_read(tmp_path: Path, kind: str, naming: str) -> None:
    lora, by_hand = file_and_merge(tmp_path / "a.safetensors", kind, naming, 1.0)
    ours = network()
    apply_loras(ours, "transformer", [lora])
    assert distance(output(ours), output(by_hand)) < EXACT


@pytest.mark.parametrize("pair", [(".lora.down.weight", ".lora.up.weight")])
def test_former_diffusers_endings_are_read(tmp_path: Path, pair: tuple[str, str]) -> None:
    state, by_hand = {}, deepcopy(network())
    for name, (_, inputs, outputs) in IN_BLOCKS.items():
        down, up = drawn(RANK, inputs), drawn(outputs, RANK)
        state |= {f"transformer.{name}{pair[0]}": down, f"transformer.{name}{pair[1]}": up}
        by_hand.get_submodule(name).weight.data += up @ down
    ours = network()
    apply_loras(ours, "transformer", [LoraFile(path=written(tmp_path / "a.safetensors", state))])
    assert distance(output(ours), output(by_hand)) < EXACT


def broken(state: State, fault: str) -> State:
    """A file's keys with a fault in one layer."""
    name = next(key for key in state if key.endswith("lokr_w2_a"))
    stem = name.removesuffix("lokr_w2_a")
    match fault:
        case "half":
            del state[name]
        case "unmultiplied":
            state[name] = state[name][:, :-1]
        case "narrow":
            state[name] = state[name][:-1]
        case "tucker":
            state[f"{stem}lokr_t2"] = torch.ones(1, 1, 1, 1)
        case "twice":
            state[f"{stem}diff"] = torch.ones(2, 2)
        case "lengths":
            state[f"{stem}dora_scale"] = torch.ones(5, 1)
        case "infinite":
            state[name] = torch.full_like(state[name], torch.inf)
    return state


FAULTS = {
    "half": "lack their other half",
    "unmultiplied": "can not be multiplied",
    "narrow": "made for another network",
    "tucker": "have no place in the network",
    "twice": "changed in more than one way",
    "lengths": "are no lengths of",
    "infinite": "not finite",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_whole_file_is_refused_by_name(tmp_path: Path, fault: str) -> None:
    state: State = {}
    for original, inputs, outputs in IN_BLOCKS.values():
        keys, _ = KINDS["lokr, second low"](outputs, inputs)
        state |= {f"diffusion_model.{original}.{key}": value for key, value in keys.items()}
    lora = LoraFile(path=written(tmp_path / "look.safetensors", broken(state, fault)))
    before, ours = output(network()), network()
    with pytest.raises(InputError, match=FAULTS[fault]) as refused:
        apply_loras(ours, "transformer", [lora])
    assert "look.safetensors" in str(refused.value)
    assert torch.equal(output(ours), before)


@pytest.fixture
def packed(tmp_path: Path) -> WanTransformer3DModel:
    """A network from a GGUF file, its head in BF16 and its other matrices in Q8_0."""
    config = tmp_path / "config.json"
    wide = random_transformer()
    config.write_text(json.dumps(dict(wide.config)))
    state = original_transformer(wide.state_dict())
    write_gguf(state, tmp_path / "wan.gguf", plain={"head.head.weight"})
    files = ComponentFiles(
        name="transformer", form="gguf", paths=(tmp_path / "wan.gguf",), config=config
    )
    return load_transformer(files, torch.float32)


@torch.no_grad()
def test_a_plain_head_of_a_packed_network_takes_a_whole_difference(
    tmp_path: Path, packed: WanTransformer3DModel
) -> None:
    head = packed.proj_out.weight
    before, difference = head.detach().clone(), drawn(*head.shape, size=0.01)
    assert head.dtype == torch.float32
    path = written(tmp_path / "a.safetensors", {"diffusion_model.head.head.diff": difference})
    apply_loras(packed, "transformer", [LoraFile(path=path)])
    assert torch.equal(packed.proj_out.weight, before + difference)


def test_what_changes_a_packed_weight_whole_is_refused(
    tmp_path: Path, packed: WanTransformer3DModel
) -> None:
    layer = packed.blocks[0].ffn.net[2]
    keys, _ = loha(layer.out_features, layer.in_features)
    state = {f"diffusion_model.blocks.0.ffn.2.{key}": value for key, value in keys.items()}
    path = written(tmp_path / "a.safetensors", state)
    with pytest.raises(InputError, match="packed in a GGUF file") as refused:
        apply_loras(packed, "transformer", [LoraFile(path=path)])
    assert "bfloat16" in refused.value.hint
