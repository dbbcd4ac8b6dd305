"""Writes small checkpoints under the release's own file and key names."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from holocine_core.model.spec import NetworkShape
from holocine_core.model.tiny import write_tiny

GOLDEN = Path(__file__).parent / "golden"
WAN = "Wan2.2-T2V-A14B-Diffusers"
ORIGINAL_WAN = "Wan2.2-T2V-A14B"
NOISES = ("high_noise", "low_noise")

State = dict[str, Tensor]


def golden_config() -> dict[str, object]:
    """The golden network's dimensions as a WanTransformer3DModel config."""
    dims = json.loads((GOLDEN / "cases.json").read_text())["config"]
    return {
        "_class_name": "WanTransformer3DModel",
        "patch_size": [1, 2, 2],
        "num_attention_heads": dims["heads"],
        "attention_head_dim": dims["dim"] // dims["heads"],
        "in_channels": dims["in_dim"],
        "out_channels": dims["in_dim"],
        "text_dim": dims["text_dim"],
        "freq_dim": dims["freq_dim"],
        "ffn_dim": dims["ffn_dim"],
        "num_layers": dims["layers"],
    }


def golden_state() -> State:
    """The golden network's weights in Wan's original names."""
    return load_file(GOLDEN / "transformer.safetensors")


def golden_shape() -> NetworkShape:
    return NetworkShape(
        layers=2, width=48, heads=2, ffn=96, text_width=32, text_layers=1, latent_channels=4
    )


def write_release(root: Path, attention: str = "full") -> Path:
    """A release tree with the golden transformer as both experts, told apart by one bias.

    Tokenizer, text encoder and VAE are tiny ones in diffusers' layout.
    """
    write_experts(root / "HoloCine_dit" / attention, attention)
    pipeline = root / "pipeline"
    write_tiny(pipeline, shape=golden_shape())
    for part in ("tokenizer", "text_encoder", "vae"):
        shutil.copytree(pipeline / part, root / WAN / part)
    shutil.rmtree(pipeline)
    return root


def with_original_vae(root: Path) -> None:
    """The codec of a release tree as Wan's own file instead of diffusers'."""
    from diffusers import AutoencoderKLWan

    shutil.rmtree(root / WAN / "vae")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        vae = AutoencoderKLWan(
            base_dim=2, z_dim=4, num_res_blocks=2, latents_mean=[0.1] * 4, latents_std=[2.0] * 4
        )
    path = root / ORIGINAL_WAN / "Wan2.1_VAE.pth"
    path.parent.mkdir()
    torch.save(original_vae(vae.state_dict()), path)
    path.with_suffix(".json").write_text(json.dumps(dict(vae.config)))


def write_experts(home: Path, attention: str, state: State | None = None) -> None:
    home.mkdir(parents=True)
    state = golden_state() if state is None else state
    for number, noise in enumerate(NOISES):
        expert = {**state, "head.head.bias": state["head.head.bias"] + number}
        save_file(expert, home / f"{attention}_{noise}.safetensors")
    (home / "config.json").write_text(json.dumps(golden_config()))


def scatter(pipeline: Path, root: Path, name: str = "holocine_sparse_{}.safetensors") -> Path:
    """The networks of a pipeline as ComfyUI keeps them: single files in three folders, in Wan's
    original names, each with its config beside it; the pipeline's card and tokenizer too.

    Args:
        pipeline: With two experts.
        root: A new folder.
        name: Of the experts' files, with a place for the expert.
    """
    weights = "diffusion_pytorch_model.safetensors"
    for part, noise in (("transformer", "high"), ("transformer_2", "low")):
        path = root / "diffusion_models" / name.format(noise)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(original_transformer(load_file(pipeline / part / weights)), path)
        shutil.copy(pipeline / part / "config.json", path.with_suffix(".json"))
    single = {
        "text_encoder/model.safetensors": "text_encoders/umt5_xxl_fp16.safetensors",
        f"vae/{weights}": "vae/wan_2.1_vae.safetensors",
    }
    for theirs, ours in single.items():
        path = root / ours
        path.parent.mkdir()
        shutil.copy(pipeline / theirs, path)
        shutil.copy(pipeline / Path(theirs).parent / "config.json", path.with_suffix(".json"))
    shutil.copy(pipeline / "tokenizer" / "tokenizer.json", root / "text_encoders")
    shutil.copy(pipeline / "holocine.json", root)
    return root


_TRANSFORMER = (
    ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
    ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
    ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
    ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
    ("condition_embedder.time_proj", "time_projection.1"),
    ("proj_out", "head.head"),
    ("attn1", "self_attn"),
    ("attn2", "cross_attn"),
    ("to_out.0", "o"),
    ("to_q", "q"),
    ("to_k", "k"),
    ("to_v", "v"),
    ("ffn.net.0.proj", "ffn.0"),
    ("ffn.net.2", "ffn.2"),
    # The norm before cross-attention is the third in Wan, the second in diffusers.
    (".norm2.", ".norm3."),
)


def original_transformer(state: State) -> State:
    """A diffusers transformer's weights under Wan's original names."""
    renamed = {}
    for name, tensor in state.items():
        if name == "scale_shift_table":
            renamed["head.modulation"] = tensor
            continue
        for ours, theirs in (*_TRANSFORMER, ("scale_shift_table", "modulation")):
            name = name.replace(ours, theirs)
        renamed[name] = tensor
    return renamed


_VAE = (
    ("conv_in", "conv1"),
    ("conv_out", "head.2"),
    ("norm_out", "head.0"),
    ("mid_block.resnets.0", "middle.0"),
    ("mid_block.attentions.0", "middle.1"),
    ("mid_block.resnets.1", "middle.2"),
)
_RESIDUAL = (
    ("norm1.", "residual.0."),
    ("conv1.", "residual.2."),
    ("norm2.", "residual.3."),
    ("conv2.", "residual.6."),
    ("conv_shortcut.", "shortcut."),
)


def original_vae(state: State) -> State:
    """A diffusers Wan VAE's weights under the original names (two residual blocks a stage)."""
    renamed = {}
    for name, tensor in state.items():
        if name.startswith(("quant_conv", "post_quant_conv")):
            name = name.replace("post_quant_conv", "conv2").replace("quant_conv", "conv1")
            renamed[name] = tensor
            continue
        if "resnets" in name or "down_blocks" in name:
            for ours, theirs in _RESIDUAL:
                name = name.replace(ours, theirs)
        for ours, theirs in _VAE:
            if ".residual." not in name or "mid_block" in ours:
                name = name.replace(ours, theirs)
        name = name.replace("down_blocks.", "downsamples.")
        name = re.sub(
            r"up_blocks\.(\d)\.resnets\.(\d)",
            lambda m: f"upsamples.{4 * int(m[1]) + int(m[2])}",
            name,
        )
        name = re.sub(
            r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"upsamples.{4 * int(m[1]) + 3}", name
        )
        renamed[name] = tensor
    return renamed


def write_gguf(state: State, path: Path, plain: Collection[str] = ()) -> None:
    """Weights in original names as GGUF: matrices in Q8_0 where their rows divide by 32; those
    named ``plain`` in BF16, as a widespread converter leaves them."""
    import gguf

    writer = gguf.GGUFWriter(str(path), "wan")
    for name, tensor in state.items():
        array = tensor.float().numpy()
        if name in plain:
            packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.BF16)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.BF16)
        elif array.ndim == 2 and array.shape[1] % 32 == 0:
            packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_transformer(**changes: object) -> torch.nn.Module:
    """A small WanTransformer3DModel whose matrices divide by 32."""
    from diffusers import WanTransformer3DModel

    config = {
        **golden_config(),
        "attention_head_dim": 32,
        "ffn_dim": 128,
        "text_dim": 64,
        **changes,
    }
    torch.manual_seed(3)
    return WanTransformer3DModel.from_config(config).eval()


def short_film(pipeline: Any) -> Any:
    """Five frames by a pipeline of diffusers' own, in one step [1, T, H, W, 3]."""
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        "a lighthouse", height=32, width=48, num_frames=5, num_inference_steps=1,
        guidance_scale=1.0, generator=torch.Generator().manual_seed(0), output_type="np",
    ).frames  # fmt: skip


def of_wans_size(state: State) -> State:
    """Weights whose matrices in blocks have numbers as small as Wan's: 0.02 and less, in some rows
    a tenth of that."""
    draw = torch.Generator().manual_seed(4)
    small = dict(state)
    for name, value in state.items():
        if name.startswith("blocks.") and value.ndim == 2:
            rows = 10 ** -torch.rand(len(value), 1, generator=draw)
            small[name] = value / value.std() * 0.02 * rows
    return small


def quantised(weight: Tensor, dtype: torch.dtype, *, rows: bool) -> tuple[Tensor, Tensor]:
    """A matrix in float8 and its scale, by the formula that publishers give: the largest number
    over the type's largest."""
    largest = torch.finfo(dtype).max
    wide = weight.float()
    scale = (wide.abs().amax(dim=1, keepdim=True) if rows else wide.abs().amax()) / largest
    return (wide / scale).clamp(-largest, largest).to(dtype), scale


FP8_NAMINGS = ("kijai", "comfyui", "comfyui new", "comfyui header", "lightx2v", "bare")
"""Ways in which float8 files are published."""


def in_fp8(
    state: State,
    naming: str,
    dtype: torch.dtype = torch.float8_e4m3fn,
    *,
    rows: bool = False,
    prefix: str = "",
) -> tuple[State, dict[str, str], State]:
    """Weights as a float8 file holds them: its tensors, its header, and the weights that are meant,
    float32. Matrices of blocks are in float8; so is the last one."""
    file: State = {}
    meant: State = {}
    layers: dict[str, object] = {}
    for name, value in state.items():
        layer = name.removesuffix(".weight")
        if value.ndim != 2 or not ("block" in name or "head" in name) or layer == name:
            file[prefix + name] = value.contiguous()
            meant[name] = value.float()
            continue
        if naming == "bare":
            file[prefix + name] = value.to(dtype)
            meant[name] = value.to(dtype).float()
            continue
        file[prefix + name], scale = quantised(value, dtype, rows=rows)
        meant[name] = file[prefix + name].float() * scale
        old = naming in ("kijai", "comfyui")
        file[f"{prefix}{layer}.{'scale_weight' if old else 'weight_scale'}"] = scale.contiguous()
        how = {"format": str(dtype).removeprefix("torch.")}
        if naming.startswith("comfyui"):
            file[f"{prefix}{layer}.{'scale_input' if old else 'input_scale'}"] = torch.tensor(1.5)
        if naming == "comfyui new":
            told = json.dumps({**how, "full_precision_matrix_mult": True}).encode()
            file[f"{prefix}{layer}.comfy_quant"] = torch.tensor(list(told), dtype=torch.uint8)
        layers[layer] = how
    if naming in ("kijai", "comfyui"):
        file[f"{prefix}scaled_fp8"] = torch.empty(2 if naming == "comfyui" else 0, dtype=dtype)
    header = {"format": "pt"}
    if naming == "comfyui header":
        header["_quantization_metadata"] = json.dumps({"format_version": "1.0", "layers": layers})
    return file, header, meant
