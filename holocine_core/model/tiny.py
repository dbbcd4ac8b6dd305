"""Writes a complete, seconds-fast random model as a diffusers pipeline folder.

The weights are drawn from a seed, with gains chosen so that its films can be told apart: the
transformer carries its latents through and adds a colour that depends on the text each token sees,
and the decoder passes latents on as colours. It shows no pictures; it proves the pipeline.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from holocine_core.model.card import write_card
from holocine_core.model.spec import ModelSpec, NetworkShape, VaeShape
from holocine_core.model.tiny_tokenizer import build_tokenizer
from holocine_core.sampling import Attention, Profile

FREQUENCY_WIDTH = 64
TEXT_HEADS, VOCABULARY = 4, 1383
TINY_SHAPE = NetworkShape(
    layers=2,
    width=48,
    heads=2,
    ffn=96,
    text_width=32,
    text_layers=1,
    text_heads=TEXT_HEADS,
    vocabulary=VOCABULARY,
)
# Doubling the inner width keeps three channels, and so colour, after each upsampling.
TINY_VAE = VaeShape(base=3, multipliers=(1, 2, 2, 2), res_blocks=1)
TINY = ModelSpec(
    name="tiny",
    summary="A small random model that films in seconds.",
    attention="sparse",
    experts=2,
    boundary=0.875,
    shape=TINY_SHAPE,
    vae=TINY_VAE,
    text_tokens=512,
    fps=15,
    max_frames=241,
    profiles={
        "draft": Profile(width=80, height=48, steps=4, guidance=3.0, shift=5.0),
        "standard": Profile(width=112, height=64, steps=12, guidance=3.0, shift=5.0),
        "final": Profile(width=112, height=64, steps=30, guidance=3.0, shift=5.0),
    },
    licence="Apache-2.0",
    weight_bytes={"text_encoder": 109_440, "transformer": 174_752, "vae": 150_388},
    note="the weights are random: films prove the pipeline and show no pictures",
)
"""What ``write_tiny`` writes unless told otherwise; no row of the table has a part in it."""


def write_tiny(
    folder: Path,
    *,
    seed: int = 0,
    experts: int = 2,
    attention: Attention = "sparse",
    shape: NetworkShape = TINY_SHAPE,
    name: str = TINY.name,
) -> None:
    """Write model_index.json, every network, tokenizer, scheduler and card below ``folder``.

    The same arguments give the same weights on every machine with the same torch; the random
    state of the caller is left alone. With ``experts=1`` there is no transformer_2.
    """
    from diffusers import FlowMatchEulerDiscreteScheduler

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer.save_pretrained(folder / "tokenizer")
        _save_text_encoder(folder / "text_encoder", shape, vocabulary=len(tokenizer))
        parts = ("transformer", "transformer_2")[:experts]
        for part in parts:
            _transformer(shape).save_pretrained(folder / part)
        _vae(shape).save_pretrained(folder / "vae")
    FlowMatchEulerDiscreteScheduler(shift=5.0).save_pretrained(folder / "scheduler")
    _write_json(folder / "model_index.json", _index(parts, TINY.boundary))
    write_card(folder, replace(TINY, name=name, attention=attention))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _index(parts: tuple[str, ...], boundary: float) -> dict[str, object]:
    from diffusers import __version__

    experts: dict[str, object] = {
        part: ["diffusers", "WanTransformer3DModel"] if part in parts else [None, None]
        for part in ("transformer", "transformer_2")
    }
    return {
        "_class_name": "WanPipeline",
        "_diffusers_version": __version__,
        "boundary_ratio": boundary if len(parts) == 2 else None,
        "expand_timesteps": False,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
        **experts,
        "vae": ["diffusers", "AutoencoderKLWan"],
    }


def _save_text_encoder(folder: Path, shape: NetworkShape, vocabulary: int) -> None:
    from safetensors.torch import save_file
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(
        vocab_size=vocabulary,
        d_model=shape.text_width,
        d_kv=shape.text_width // TEXT_HEADS,
        d_ff=2 * shape.text_width,
        num_layers=shape.text_layers or 1,
        num_heads=TEXT_HEADS,
        dropout_rate=0.0,
        architectures=["UMT5EncoderModel"],
    )
    state = UMT5EncoderModel(config).state_dict()
    # The encoder's embedding is the shared one; a file holds it once.
    del state["encoder.embed_tokens.weight"]
    config.save_pretrained(folder)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def _transformer(shape: NetworkShape) -> Any:
    """A random transformer whose velocity is (carried latents + a colour from the text).

    Integrated from noise to 0 that fades most of the noise and leaves the colour. Tokens hold
    fewer numbers than a patch of latents, so only the first latent channels are carried; the
    decoder looks at no others.
    """
    from diffusers import WanTransformer3DModel

    net = WanTransformer3DModel(
        num_attention_heads=shape.heads,
        attention_head_dim=shape.width // shape.heads,
        in_channels=shape.latent_channels,
        out_channels=shape.latent_channels,
        text_dim=shape.text_width,
        freq_dim=FREQUENCY_WIDTH,
        ffn_dim=shape.ffn,
        num_layers=shape.layers,
        patch_size=(1, shape.patch, shape.patch),
        rope_max_seq_len=1024,
    ).eval()
    for block in net.blocks:
        # Sharp keys: a token picks few words, so padding does not drown a shot's own.
        nn.init.normal_(block.attn2.to_q.weight, std=0.3)
        nn.init.normal_(block.attn2.to_q.bias, std=1.0)
        block.attn2.norm_k.weight.fill_(12.0)
        nn.init.orthogonal_(block.attn2.to_v.weight, gain=1.5)
        nn.init.orthogonal_(block.attn2.to_out[0].weight, gain=1.2)
        nn.init.zeros_(block.attn2.to_v.bias)
        nn.init.zeros_(block.attn2.to_out[0].bias)
        block.scale_shift_table.mul_(0.5)
    embedder = net.condition_embedder.text_embedder
    for linear in (embedder.linear_1, embedder.linear_2):
        nn.init.orthogonal_(linear.weight, gain=1.6)
        nn.init.zeros_(linear.bias)
    net.scale_shift_table.mul_(0.1)
    _carry(net, shape)
    return net


def _carry(net: Any, shape: NetworkShape) -> None:
    """Set the way into and out of the tokens to be inverse on the first latent channels."""
    patch = shape.patch**2
    channels = min((shape.width - 2) // patch, shape.latent_channels)
    carried = channels * patch
    basis = torch.linalg.qr(
        torch.cat([torch.ones(shape.width, 1), torch.randn(shape.width, carried + 1)], 1)
    )[0]
    # The first column is constant (layer norm removes it), the second holds the norm steady.
    steady, carrier = basis[:, 1], basis[:, 2 : carried + 2]
    into = torch.zeros(shape.width, shape.latent_channels, patch)
    into[:, :channels] = carrier.unflatten(1, (channels, patch))
    net.patch_embedding.weight.copy_(into.view_as(net.patch_embedding.weight))
    net.patch_embedding.bias.copy_(2.0 * math.sqrt(shape.width) * steady)
    out_of = torch.zeros(patch, shape.latent_channels, shape.width)
    out_of[:, :channels] = into[:, :channels].permute(2, 1, 0)
    net.proj_out.weight.copy_(4.0 * out_of.flatten(0, 1))
    net.proj_out.bias.zero_()


@torch.no_grad()
def _vae(shape: NetworkShape) -> Any:
    """A random VAE whose decoder passes the latents' first channels on as smooth colours."""
    from diffusers import AutoencoderKLWan

    channels = shape.latent_channels
    vae = AutoencoderKLWan(
        base_dim=TINY_VAE.base,
        dim_mult=list(TINY_VAE.multipliers),
        z_dim=channels,
        num_res_blocks=TINY_VAE.res_blocks,
        temperal_downsample=[False, True, True],
        latents_mean=[round(0.02 * (i - channels / 2), 4) for i in range(channels)],
        latents_std=[round(0.9 + 0.01 * i, 4) for i in range(channels)],
    ).eval()
    for name, module in vae.decoder.named_modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            last = name.endswith(("conv2", "proj"))
            _pass_through(module, noise=0.15 if last else 0.05, keep=not last)
    _pass_through(vae.post_quant_conv, noise=0.0)
    nn.init.constant_(vae.decoder.conv_out.bias, -0.45)
    vae.decoder.conv_out.weight.mul_(1.3)
    return vae


def _pass_through(conv: Any, *, noise: float, keep: bool = True) -> None:
    """A convolution that copies its channels in turn (with a small blur) and adds randomness."""
    *time, height, width = conv.kernel_size
    nn.init.normal_(conv.weight, std=noise / math.sqrt(conv.weight[0].numel()))
    nn.init.zeros_(conv.bias)
    if not keep:
        return
    row = torch.tensor([0.25, 0.5, 0.25]) if height == 3 else torch.ones(1)
    column = torch.tensor([0.25, 0.5, 0.25]) if width == 3 else torch.ones(1)
    blur = row[:, None] * column[None, :]
    for out in range(conv.out_channels):
        kernel = conv.weight[out, out % conv.in_channels]
        # Causal convolutions see the present frame in their last tap.
        (kernel[-1] if time else kernel).add_(blur)
