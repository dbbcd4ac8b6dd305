"""Names of UMT5's weights: Wan's original file -> transformers. No torch here.

The original numbers its blocks flat and calls the two halves of the gated feed-forward ``gate``
(with the activation) and ``fc1``; transformers calls them ``wi_0`` and ``wi_1``. Each block of
either has its own table of relative positions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

_TOP = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
_BLOCK = {
    "norm1.weight": "layer.0.layer_norm.weight",
    "attn.q.weight": "layer.0.SelfAttention.q.weight",
    "attn.k.weight": "layer.0.SelfAttention.k.weight",
    "attn.v.weight": "layer.0.SelfAttention.v.weight",
    "attn.o.weight": "layer.0.SelfAttention.o.weight",
    "pos_embedding.embedding.weight": "layer.0.SelfAttention.relative_attention_bias.weight",
    "norm2.weight": "layer.1.layer_norm.weight",
    "ffn.gate.0.weight": "layer.1.DenseReluDense.wi_0.weight",
    "ffn.fc1.weight": "layer.1.DenseReluDense.wi_1.weight",
    "ffn.fc2.weight": "layer.1.DenseReluDense.wo.weight",
}
_NUMBERED = re.compile(r"blocks\.(\d+)\.(.+)")


def text_encoder_names(state: Mapping[str, T]) -> dict[str, T]:
    """The same weights under transformers' names; a name of neither scheme stays as it is."""
    return {_renamed(name): value for name, value in state.items()}


def _renamed(name: str) -> str:
    numbered = _NUMBERED.fullmatch(name)
    if numbered and numbered[2] in _BLOCK:
        return f"encoder.block.{numbered[1]}.{_BLOCK[numbered[2]]}"
    return _TOP.get(name, name)
