"""LoRA files: three namings, exact strengths, two experts, and refusals instead of silence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders import WanLoraLoaderMixin
from safetensors.torch import save_file
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.model.fp8 import store_in_fp8
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.read import read_change

LAYERS, WIDTH, FFN = 2, 24, 32
# diffusers' name -> (Wan's own name, inputs, outputs)
BLOCK = {
    "attn1.to_q": ("self_attn.q", WIDTH, WIDTH),
    "attn1.to_k": ("self_attn.k", WIDTH, WIDTH),
    "attn1.to_v": ("self_attn.v", WIDTH, WIDTH),
    "attn1.to_out.0": ("self_attn.o", WIDTH, WIDTH),
    "attn2.to_q": ("cross_attn.q", WIDTH, WIDTH),
    "attn2.to_k": ("cross_attn.k", WIDTH, WIDTH),
    "attn2.to_v": ("cross_attn.v", WIDTH, WIDTH),
    "attn2.to_out.0": ("cross_attn.o", WIDTH, WIDTH),
    "ffn.net.0.proj": ("ffn.0", WIDTH, FFN),
    "ffn.net.2": ("ffn.2", FFN, WIDTH),
}
OUTSIDE = {
    "condition_embedder.time_embedder.linear_1": ("time_embedding.0", 256, WIDTH),
    "condition_embedder.text_embedder.linear_2": ("text_embedding.2", WIDTH, WIDTH),
    "condition_embedder.time_proj": ("time_projection.1", WIDTH, 6 * WIDTH),
    "proj_out": ("head.head", WIDTH, 64),
}
IN_BLOCKS = {
    f"blocks.{i}.{name}": (f"blocks.{i}.{original}", inputs, outputs)
    for i in range(LAYERS)
    for name, (original, inputs, outputs) in BLOCK.items()
}
ALL = IN_BLOCKS | OUTSIDE


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Pair:
    down: Tensor
    up: Tensor
    alpha: float

    @property
    def delta(self) -> Tensor:
        return self.up @ self.down * (self.alpha / len(self.down))


def network(seed: int = 0) -> WanTransformer3DModel:
    torch.manual_seed(seed)
    return WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        ffn_dim=FFN,
        num_layers=LAYERS,
        rope_max_seq_len=32,
    ).eval()


def pairs_for(layers: Mapping[str, tuple[str, int, int]], seed: int) -> dict[str, Pair]:
    """Random pairs whose ranks and alphas differ from layer to layer."""
    generator = torch.Generator().manual_seed(seed)
    pairs = {}
    for index, (name, (_, inputs, outputs)) in enumerate(layers.items()):
        rank = 2 + index % 3
        down = torch.randn(rank, inputs, generator=generator) * 0.2
        up = torch.randn(outputs, rank, generator=generator) * 0.2
        pairs[name] = Pair(down, up, alpha=1.0 + index % 4)
    return pairs


def diffusers_style(pairs: Mapping[str, Pair], prefix: str = "transformer.") -> dict[str, Tensor]:
    """No alpha keys: this naming has its strength in the matrices (or in the header)."""
    state = {}
    for name, pair in pairs.items():
        state[f"{prefix}{name}.lora_A.weight"] = pair.down
        state[f"{prefix}{name}.lora_B.weight"] = pair.up * (pair.alpha / len(pair.down))
    return state


def comfy_style(pairs: Mapping[str, Pair]) -> dict[str, Tensor]:
    state = {}
    for name, pair in pairs.items():
        stem = f"diffusion_model.{ALL[name][0]}"
        state[f"{stem}.lora_down.weight"] = pair.down
        state[f"{stem}.lora_up.weight"] = pair.up
        state[f"{stem}.alpha"] = torch.tensor(pair.alpha)
    return state


def musubi_style(pairs: Mapping[str, Pair]) -> dict[str, Tensor]:
    return {
        "lora_unet_" + stem.replace(".", "_") + dot + role: tensor
        for key, tensor in comfy_style(pairs).items()
        for marker in (".lora_down", ".lora_up", ".alpha")
        if marker in key
        for stem, dot, role in [key.removeprefix("diffusion_model.").partition(marker)]
    }


STYLES = {"diffusers": diffusers_style, "comfyui": comfy_style, "musubi": musubi_style}


def written(path: Path, state: Mapping[str, Tensor], **metadata: str) -> Path:
    save_file({key: value.contiguous() for key, value in state.items()}, path, metadata or None)
    return path


@torch.no_grad()
def merged(
    net: WanTransformer3DModel, pairs: Mapping[str, Pair], weight: float
) -> WanTransformer3DModel:
    """The network with the change written into its weights by hand."""
    by_hand = deepcopy(net)
    for name, pair in pairs.items():
        by_hand.get_submodule(name).weight += weight * pair.delta
    return by_hand


@torch.no_grad()
def output(net: WanTransformer3DModel) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return net(
        torch.randn(1, 16, 2, 4, 4, generator=generator),
        torch.tensor([500]),
        torch.randn(1, 6, 32, generator=generator),
        return_dict=False,
    )[0]


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("weight", [1.0, 0.35, -0.5])
def test_a_file_changes_the_output_as_the_merged_weights_do(
    tmp_path: Path, style: str, weight: float
) -> None:
    net, pairs = network(), pairs_for(ALL, seed=1)
    expected, before = output(merged(net, pairs, weight)), output(net)
    path = written(tmp_path / "a.safetensors", STYLES[style](pairs))
    apply_loras(net, "transformer", [LoraFile(path=path, weight=weight)])
    assert distance(output(net), expected) < 1e-5
    assert distance(before, expected) > 1e-2


@pytest.mark.parametrize("style", STYLES)
def test_a_file_may_train_some_layers_only(tmp_path: Path, style: str) -> None:
    some = {name: IN_BLOCKS[name] for name in ("blocks.1.attn1.to_q", "blocks.0.ffn.net.2")}
    net, pairs = network(), pairs_for(some, seed=2)
    expected = output(merged(net, pairs, 1.0))
    path = written(tmp_path / "a.safetensors", STYLES[style](pairs))
    apply_loras(net, "transformer", [LoraFile(path=path)])
    assert distance(output(net), expected) < 1e-5


def test_matrices_are_those_that_diffusers_own_converters_give(tmp_path: Path) -> None:
    pairs = pairs_for(IN_BLOCKS, seed=3)
    for style in (comfy_style, musubi_style):
        state = style(pairs)
        copies = {key: tensor.clone() for key, tensor in state.items()}  # it scales them in place
        theirs = WanLoraLoaderMixin.lora_state_dict(copies)
        path = written(tmp_path / f"{style.__name__}.safetensors", state)
        ours = read_change(network(), "transformer", LoraFile(path=path)).low_rank
        assert {f"transformer.{name}.lora_A.weight" for name in ours} == {
            key for key in theirs if "lora_A" in key
        }
        for name, pair in ours.items():
            stem = f"transformer.{name}"
            delta = theirs[f"{stem}.lora_B.weight"] @ theirs[f"{stem}.lora_A.weight"]
            assert torch.allclose(pair.up_OR @ pair.down_RI, delta, atol=1e-6)


def test_two_files_add_up_with_their_own_weights(tmp_path: Path) -> None:
    net = network()
    first, second = pairs_for(IN_BLOCKS, seed=4), pairs_for(ALL, seed=5)
    expected = output(merged(merged(net, first, 0.7), second, -0.4))
    loras = [
        LoraFile(path=written(tmp_path / "a.safetensors", comfy_style(first)), weight=0.7),
        LoraFile(path=written(tmp_path / "b.safetensors", musubi_style(second)), weight=-0.4),
    ]
    apply_loras(net, "transformer", loras)
    assert distance(output(net), expected) < 1e-5


def test_each_expert_takes_its_own_files(tmp_path: Path) -> None:
    high, low, shared = (pairs_for(IN_BLOCKS, seed) for seed in (6, 7, 8))
    loras = [
        LoraFile(path=written(tmp_path / "h.safetensors", comfy_style(high)), expert="high"),
        LoraFile(path=written(tmp_path / "l.safetensors", diffusers_style(low)), expert="low"),
        LoraFile(path=written(tmp_path / "b.safetensors", musubi_style(shared)), weight=0.5),
    ]
    for part, own in (("transformer", high), ("transformer_2", low)):
        net = network()
        expected = output(merged(merged(net, own, 1.0), shared, 0.5))
        apply_loras(net, part, loras)
        assert distance(output(net), expected) < 1e-5


def test_a_file_of_both_experts_is_shared_out(tmp_path: Path) -> None:
    high, low = pairs_for(IN_BLOCKS, seed=9), pairs_for(IN_BLOCKS, seed=10)
    state = diffusers_style(high) | diffusers_style(low, prefix="transformer_2.")
    path = written(tmp_path / "a.safetensors", state)
    for part, own in (("transformer", high), ("transformer_2", low)):
        net = network()
        expected = output(merged(net, own, 1.0))
        apply_loras(net, part, [LoraFile(path=path)])
        assert distance(output(net), expected) < 1e-5
    with pytest.raises(InputError, match="both experts") as caught:
        apply_loras(network(), "transformer", [LoraFile(path=path, expert="high")])
    assert "expert: both" in caught.value.hint


def test_a_file_of_the_low_expert_alone_is_refused_on_both(tmp_path: Path) -> None:
    state = diffusers_style(pairs_for(IN_BLOCKS, seed=9), prefix="transformer_2.")
    path = written(tmp_path / "a.safetensors", state)
    with pytest.raises(InputError, match="low-noise expert only"):
        apply_loras(network(), "transformer", [LoraFile(path=path)])
    net = network()
    before = output(net)
    apply_loras(net, "transformer_2", [LoraFile(path=path, expert="low")])
    assert distance(output(net), before) > 1e-2


@pytest.mark.parametrize("prefix", ["transformer.", ""])
def test_strength_in_the_header_counts(tmp_path: Path, prefix: str) -> None:
    name = "blocks.0.attn1.to_q"
    pair = pairs_for({name: IN_BLOCKS[name], "blocks.1.ffn.net.2": ("", FFN, WIDTH)}, seed=11)
    state = {}
    for layer, one in pair.items():
        state[f"{prefix}{layer}.lora_A.weight"] = one.down
        state[f"{prefix}{layer}.lora_B.weight"] = one.up
    settings = {
        "r": len(pair[name].down),
        "lora_alpha": pair[name].alpha,
        "alpha_pattern": {"blocks.1.ffn.net.2": pair["blocks.1.ffn.net.2"].alpha},
    }
    header = json.dumps({f"{prefix}{key}": value for key, value in settings.items()})
    path = written(tmp_path / "a.safetensors", state, lora_adapter_metadata=header)
    net = network()
    expected = output(merged(net, pair, 1.0))
    apply_loras(net, "transformer", [LoraFile(path=path)])
    assert distance(output(net), expected) < 1e-5


def test_whole_differences_are_applied(tmp_path: Path) -> None:
    """Distilled LoRAs bring differences of biases, norms, modulation, patches and head."""
    net, pairs = network(), pairs_for(IN_BLOCKS, seed=12)
    generator = torch.Generator().manual_seed(13)
    places = {
        "blocks.0.self_attn.q.diff_b": "blocks.0.attn1.to_q.bias",
        "blocks.1.cross_attn.norm_k.diff": "blocks.1.attn2.norm_k.weight",
        "blocks.0.norm3.diff": "blocks.0.norm2.weight",
        "blocks.0.norm3.diff_b": "blocks.0.norm2.bias",
        "blocks.1.diff_m": "blocks.1.scale_shift_table",
        "head.diff_m": "scale_shift_table",
        "head.head.diff": "proj_out.weight",
        "head.head.diff_b": "proj_out.bias",
        "patch_embedding.diff": "patch_embedding.weight",
        "patch_embedding.diff_b": "patch_embedding.bias",
        "time_projection.1.diff_b": "condition_embedder.time_proj.bias",
    }
    by_hand = merged(net, pairs, 0.5)
    state = comfy_style(pairs)
    for key, name in places.items():
        parameter = by_hand.get_parameter(name)
        difference = torch.randn(parameter.shape, generator=generator) * 0.3
        state[f"diffusion_model.{key}"] = difference
        without = output(by_hand)
        parameter.data += 0.5 * difference
        assert distance(without, output(by_hand)) > 1e-5, f"{name} does not show in the output"
    path = written(tmp_path / "a.safetensors", state)
    apply_loras(net, "transformer", [LoraFile(path=path, weight=0.5)])
    assert distance(output(net), output(by_hand)) < 1e-5


def test_bfloat16_networks_take_bfloat16_adapters(tmp_path: Path) -> None:
    net, pairs = network(), pairs_for(IN_BLOCKS, seed=14)
    for block in net.blocks:
        for layer in (block.attn1, block.attn2, block.ffn):
            layer.to(torch.bfloat16)
    path = written(tmp_path / "a.safetensors", comfy_style(pairs))
    apply_loras(net, "transformer", [LoraFile(path=path)])
    adapters = {name: p.dtype for name, p in net.named_parameters() if ".lora_0." in name}
    assert len(adapters) == 2 * len(pairs)
    assert set(adapters.values()) == {torch.bfloat16}


def test_loras_stay_exact_when_their_layers_are_stored_in_fp8(tmp_path: Path) -> None:
    net, pairs = network(), pairs_for(IN_BLOCKS, seed=1)
    path = written(tmp_path / "a.safetensors", comfy_style(pairs))
    apply_loras(net, "transformer", [LoraFile(path=path)])
    store_in_fp8(net, torch.float32)
    layer = net.get_submodule("blocks.0.attn1.to_q")
    assert layer.base_layer.weight.dtype == torch.float8_e4m3fn
    assert torch.equal(layer.lora_A["lora_0"].weight, pairs["blocks.0.attn1.to_q"].down)


def test_the_other_experts_files_are_not_even_opened(tmp_path: Path) -> None:
    net = network()
    before = output(net)
    missing = LoraFile(path=tmp_path / "missing.safetensors", expert="low")
    apply_loras(net, "transformer", [missing])
    assert torch.equal(output(net), before)


def _zero_up(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: torch.zeros_like(v) if "lora_up" in k else v for k, v in state.items()}


def _narrow(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v[:, :12].clone() if k.endswith("down.weight") else v for k, v in state.items()}


def _without_ups(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if "blocks.1.ffn.0.lora_up" not in k}


def _deeper(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return state | {k.replace("blocks.1.", "blocks.39."): v.clone() for k, v in state.items()}


Q = "diffusion_model.blocks.0.self_attn.q"
BROKEN = {
    "another depth": (_deeper, "blocks.39", "T2V-A14B"),
    "another width": (_narrow, "made for another network: .* is 24x24, the LoRA's 24x12", "T2V"),
    "image to video": (
        lambda s: s | {"diffusion_model.blocks.0.cross_attn.k_img.lora_up.weight": torch.ones(2)},
        "1 of 61 keys .*k_img",
        "image-to-video",
    ),
    "OFT": (lambda s: s | {f"{Q}.oft_blocks": torch.ones(2, 2, 2)}, "oft_blocks", "LoKr"),
    "half a LoKr": (lambda s: s | {f"{Q}.lokr_w1": torch.ones(2, 2)}, "lokr_w1", "fetch"),
    "no effect": (_zero_up, "changes nothing in the high-noise expert", "take it out"),
    "half a pair": (_without_ups, r"2 matrices lack .*blocks\.1\.ffn\.0", "fetch"),
    "not a number": (lambda s: s | {f"{Q}.alpha": torch.tensor(torch.nan)}, "not finite", "fetch"),
    "alpha of many": (lambda s: s | {f"{Q}.alpha": torch.ones(3)}, "is not one number", "T2V"),
    "ranks differ": (lambda s: s | {f"{Q}.lora_up.weight": torch.ones(24, 9)}, "no pair", "T2V"),
    "norm of another width": (
        lambda s: s | {"diffusion_model.blocks.0.norm3.diff": torch.ones(48)},
        "blocks.0.norm2.weight is 24, the LoRA's 48",
        "T2V",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_nothing_is_ignored_in_silence(tmp_path: Path, case: str) -> None:
    spoil, message, hint = BROKEN[case]
    sound = comfy_style(pairs_for(IN_BLOCKS, seed=1))
    good = written(tmp_path / "good.safetensors", sound)
    bad = written(tmp_path / "bad.safetensors", spoil(dict(sound)))
    net = network()
    before = output(net)
    with pytest.raises(InputError, match=message) as caught:
        apply_loras(net, "transformer", [LoraFile(path=good), LoraFile(path=bad)])
    assert "bad.safetensors" in caught.value.message
    assert caught.value.where == str(bad)
    assert hint in caught.value.hint
    assert torch.equal(output(net), before), "a refused file must leave the network as it was"


def test_a_network_takes_its_loras_once(tmp_path: Path) -> None:
    net = network()
    lora = LoraFile(path=written(tmp_path / "a.safetensors", comfy_style(pairs_for(ALL, seed=1))))
    apply_loras(net, "transformer", [lora])
    with pytest.raises(ValueError, match="already has LoRAs"):
        apply_loras(net, "transformer", [lora])


@pytest.mark.parametrize(
    "header",
    [
        "[]",
        "{",
        '{"lora_alpha": "much"}',
        '{"lora_alpha": null}',
        '{"lora_alpha": 1, "alpha_pattern": {"(": 2}}',
        '{"lora_alpha": 1, "alpha_pattern": 3}',
    ],
)
def test_adapter_settings_that_are_none_are_refused(tmp_path: Path, header: str) -> None:
    name = "blocks.0.attn1.to_q"
    pair = pairs_for({name: IN_BLOCKS[name]}, seed=14)[name]
    state = {f"{name}.lora_A.weight": pair.down, f"{name}.lora_B.weight": pair.up}
    path = written(tmp_path / "a.safetensors", state, lora_adapter_metadata=header)
    with pytest.raises(InputError, match=r"a\.safetensors: its header's adapter settings"):
        apply_loras(network(), "transformer", [LoraFile(path=path)])


def test_rank_stabilised_strength_is_by_the_root_of_the_rank(tmp_path: Path) -> None:
    name = "blocks.0.attn1.to_q"
    pair = pairs_for({"": ("", 1, 1), name: IN_BLOCKS[name]}, seed=14)[name]
    rank = len(pair.down)
    assert rank > 1
    state = {f"{name}.lora_A.weight": pair.down, f"{name}.lora_B.weight": pair.up}
    header = json.dumps({"r": rank, "lora_alpha": 2.0, "use_rslora": True})
    path = written(tmp_path / "a.safetensors", state, lora_adapter_metadata=header)
    net = network()
    # A pair's own delta divides by the rank itself.
    root = Pair(pair.down, pair.up, alpha=2.0 * rank**0.5)
    expected = output(merged(net, {name: root}, 1.0))
    apply_loras(net, "transformer", [LoraFile(path=path)])
    assert distance(output(net), expected) < 1e-5
