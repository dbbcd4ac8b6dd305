"""Names and shapes of the weights that a config.json describes, without building the network.

What a render opens is compared with this before its first step, in a plan as well; building the
networks takes torch and seconds. A test holds every table against the network itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from holocine_core.model.config_schema import WanConfig
from holocine_core.model.expected_vae import Shapes, vae_shapes
from holocine_core.model.on_disk import PLACED_CLASS

WAVES = 8
"""Cosines along each axis of the embedded model's positions."""
SECOND_EMBEDDING = "encoder.embed_tokens.weight"
EMBEDDING = "shared.weight"
"""Two names of one tensor: files hold either, or both."""

Named = Iterator[tuple[str, tuple[int, ...]]]


def expected_shapes(part: str, config: Mapping[str, Any]) -> Shapes:
    """Parameter -> shape, by the names diffusers and transformers give them.

    Args:
        part: text_encoder, transformer, transformer_2 or vae.
        config: Of :func:`holocine_core.model.config_schema.read_config`.
    """
    if part == "vae":
        return vae_shapes(config)
    return dict(_text_encoder(config) if part == "text_encoder" else _transformer(config))


def _linear(name: str, inputs: int, outputs: int) -> Named:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _transformer(config: Mapping[str, Any]) -> Named:
    told = WanConfig.model_validate(config)
    width = told.num_attention_heads * told.attention_head_dim
    patch = tuple(told.patch_size or (1, 2, 2))
    yield "patch_embedding.weight", (width, told.in_channels, *patch)
    yield "patch_embedding.bias", (width,)
    if config.get("_class_name") == PLACED_CLASS:
        yield "patch_embedding.places.weight", (width, 2 * WAVES)
    yield from _linear("condition_embedder.time_embedder.linear_1", told.freq_dim, width)
    yield from _linear("condition_embedder.time_embedder.linear_2", width, width)
    yield from _linear("condition_embedder.time_proj", width, 6 * width)
    yield from _linear("condition_embedder.text_embedder.linear_1", told.text_dim, width)
    yield from _linear("condition_embedder.text_embedder.linear_2", width, width)
    for number in range(told.num_layers):
        yield from _block(f"blocks.{number}", width, told)
    yield from _linear("proj_out", width, told.out_channels * math.prod(patch))
    yield "scale_shift_table", (1, 2, width)


def _block(home: str, width: int, told: WanConfig) -> Named:
    for attention in ("attn1", "attn2"):
        for layer in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from _linear(f"{home}.{attention}.{layer}", width, width)
        for norm in ("norm_q", "norm_k"):
            yield f"{home}.{attention}.{norm}.weight", (width,)
    if told.cross_attn_norm:
        yield f"{home}.norm2.weight", (width,)
        yield f"{home}.norm2.bias", (width,)
    yield from _linear(f"{home}.ffn.net.0.proj", width, told.ffn_dim)
    yield from _linear(f"{home}.ffn.net.2", told.ffn_dim, width)
    yield f"{home}.scale_shift_table", (1, 6, width)


def _text_encoder(config: Mapping[str, Any]) -> Named:
    width, inner = config.get("d_model", 512), config.get("d_ff", 1024)
    heads = config.get("num_heads", 6)
    attended = heads * config.get("d_kv", 64)
    gated = str(config.get("feed_forward_proj", "gated-gelu")).startswith("gated")
    buckets = config.get("relative_attention_num_buckets", 32)
    table = (config.get("vocab_size", 250112), width)
    yield EMBEDDING, table
    yield SECOND_EMBEDDING, table
    for number in range(config.get("num_layers", 8)):
        first, second = (f"encoder.block.{number}.layer.{half}" for half in (0, 1))
        for layer in "qkv":
            yield f"{first}.SelfAttention.{layer}.weight", (attended, width)
        yield f"{first}.SelfAttention.o.weight", (width, attended)
        yield f"{first}.SelfAttention.relative_attention_bias.weight", (buckets, heads)
        yield f"{first}.layer_norm.weight", (width,)
        for layer in ("wi_0", "wi_1") if gated else ("wi",):
            yield f"{second}.DenseReluDense.{layer}.weight", (inner, width)
        yield f"{second}.DenseReluDense.wo.weight", (width, inner)
        yield f"{second}.layer_norm.weight", (width,)
    yield "encoder.final_layer_norm.weight", (width,)
