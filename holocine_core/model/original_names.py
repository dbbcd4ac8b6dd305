"""Wan's original names of weights, from diffusers' names: what a file calls a tensor. No torch.

The other way is diffusers' own, in torch; a test holds one against the other.
"""

from __future__ import annotations

import re

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
    (".norm2.", ".norm3."),
    ("scale_shift_table", "modulation"),
)
_RESIDUAL = (
    (".norm1.", ".residual.0."),
    (".conv1.", ".residual.2."),
    (".norm2.", ".residual.3."),
    (".conv2.", ".residual.6."),
    (".conv_shortcut.", ".shortcut."),
)
_VAE_TOP = (
    ("post_quant_conv.", "conv2."),
    ("quant_conv.", "conv1."),
    (".conv_in.", ".conv1."),
    (".conv_out.", ".head.2."),
    (".norm_out.", ".head.0."),
)
_MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
_UP = re.compile(r"\.up_blocks\.(\d+)\.(?:resnets\.(\d+)|upsamplers\.0)")
_BLOCK = re.compile(r"\.(?:down_blocks\.|up_blocks\.|mid_block\.resnets\.)")
_RESNETS = 3
"""Residual blocks on each level of the original decoder, before its step up."""


def original_name(part: str, name: str) -> str:
    """What Wan's own files call a transformer's or a VAE's tensor; ``name`` is diffusers'."""
    return _of_vae(name) if part == "vae" else _of_transformer(name)


def _of_transformer(name: str) -> str:
    if name == "scale_shift_table":
        return "head.modulation"
    for ours, theirs in _TRANSFORMER:
        name = name.replace(ours, theirs)
    return name


def _of_vae(name: str) -> str:
    if not _BLOCK.search(name):
        for ours, theirs in _VAE_TOP:
            if ours in name:
                return _middle(name.replace(ours, theirs, 1))
        return _middle(name)
    for ours, theirs in _RESIDUAL:
        name = name.replace(ours, theirs)
    name = name.replace(".down_blocks.", ".downsamples.")
    return _middle(_UP.sub(_upsample, name))


def _middle(name: str) -> str:
    for ours, theirs in _MIDDLE.items():
        name = name.replace(f".mid_block.{ours}.", f".middle.{theirs}.")
    return name


def _upsample(found: re.Match[str]) -> str:
    level, resnet = int(found[1]), int(found[2] or _RESNETS)
    return f".upsamples.{(_RESNETS + 1) * level + resnet}"
