"""The UMT5 encoder of small models, without transformers.

transformers' own class computes the same to the bit (a test says so), but importing it takes longer
than all else that a small film waits for before its first step (``python -m benchmarks.startup``).
So lean processes read their texts with this one (:mod:`holocine_core.model.lean`); all else takes
transformers'. Weights and config are its files, under the same names. Sources: Raffel et al., arXiv
1910.10683, and Chung et al., arXiv 2304.09151, by which every layer has its own position bias.

Letters: B batch, L text row, H head, K head width, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_READ = {
    "model_type": "umt5",
    "dense_act_fn": "gelu_new",
    "feed_forward_proj": "gated-gelu",
    "is_gated_act": True,
}
"""What a config has to say; another UMT5 is left to transformers."""
SMALL = 2**20
"""Most numbers in a layer's larger matrix: above, the import is no longer what one waits for."""


def reads(config: Mapping[str, Any]) -> bool:
    """Whether a config.json describes an encoder that :class:`Umt5Encoder` is for."""
    if any(config.get(key) != value for key, value in _READ.items()):
        return False
    return int(config["d_model"]) * int(config["d_ff"]) <= SMALL


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder gives, by transformers' name.

    Attributes:
        last_hidden_state: [B, L, D].
    """

    last_hidden_state: Tensor


class Umt5Encoder(nn.Module):
    """Token numbers to a vector each; whole texts, one length at a time.

    Args:
        config: Of transformers' ``UMT5EncoderModel``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.shared = _table(config["vocab_size"], config["d_model"])
        self.encoder = _Stack(config, self.shared)

    def set_input_embeddings(self, table: nn.Embedding) -> None:
        """Read tokens from another table."""
        self.shared = self.encoder.embed_tokens = table

    def forward(self, input_ids: Tensor) -> Encoded:
        """Encode texts [B, L]."""
        return Encoded(self.encoder(input_ids))


class _Stack(nn.Module):
    def __init__(self, config: Mapping[str, Any], table: nn.Embedding) -> None:
        super().__init__()
        self.embed_tokens = table
        self.block = nn.ModuleList(_Block(config) for _ in range(config["num_layers"]))
        self.final_layer_norm = _Norm(config)

    def forward(self, ids: Tensor) -> Tensor:
        x: Tensor = self.embed_tokens(ids)
        for block in self.block:
            x = block(x)
        normed: Tensor = self.final_layer_norm(x)
        return normed


class _Block(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.layer = nn.ModuleList([_AttentionLayer(config), _FeedForwardLayer(config)])

    def forward(self, x: Tensor) -> Tensor:
        attended: Tensor = self.layer[0](x)
        fed: Tensor = self.layer[1](attended)
        return fed


class _AttentionLayer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.SelfAttention = _Attention(config)
        self.layer_norm = _Norm(config)

    def forward(self, x: Tensor) -> Tensor:
        attended: Tensor = self.SelfAttention(self.layer_norm(x))
        return x + attended


class _FeedForwardLayer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.DenseReluDense = _FeedForward(config)
        self.layer_norm = _Norm(config)

    def forward(self, x: Tensor) -> Tensor:
        fed: Tensor = self.DenseReluDense(self.layer_norm(x))
        return x + fed


class _Attention(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self._heads = config["num_heads"]
        self._farthest = config["relative_attention_max_distance"]
        inner = self._heads * config["d_kv"]
        self.q = nn.Linear(config["d_model"], inner, bias=False)
        self.k = nn.Linear(config["d_model"], inner, bias=False)
        self.v = nn.Linear(config["d_model"], inner, bias=False)
        self.o = nn.Linear(inner, config["d_model"], bias=False)
        buckets = config["relative_attention_num_buckets"]
        self.relative_attention_bias = _table(buckets, self._heads)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        bias = self._bias(x.shape[1], x.device)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
        result: Tensor = self.o(attended.transpose(1, 2).flatten(2))
        return result

    def _bias(self, length: int, device: torch.device) -> Tensor:
        """What is added to the logits of every pair of rows [1, H, L, L]."""
        places = torch.arange(length, device=device)
        buckets = self._buckets(places[None] - places[:, None])
        bias: Tensor = self.relative_attention_bias(buckets)
        return bias.permute(2, 0, 1)[None].contiguous()

    def _buckets(self, ahead: Tensor) -> Tensor:
        """The bucket of every distance [L, L]: half of them look back and half ahead; near ones
        have one each, the others share, the more the farther they are."""
        half = self.relative_attention_bias.num_embeddings // 2
        near = half // 2
        distance = ahead.abs()
        farther = torch.log(distance.float() / near) / math.log(self._farthest / near)
        shared = (near + (farther * (half - near)).long()).clamp(max=half - 1)
        return torch.where(distance < near, distance, shared) + (ahead > 0) * half


class _FeedForward(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.wi_0 = nn.Linear(config["d_model"], config["d_ff"], bias=False)
        self.wi_1 = nn.Linear(config["d_model"], config["d_ff"], bias=False)
        self.wo = nn.Linear(config["d_ff"], config["d_model"], bias=False)

    def forward(self, x: Tensor) -> Tensor:
        fed: Tensor = self.wo(_gelu(self.wi_0(x)) * self.wi_1(x))
        return fed


def _table(rows: int, width: int) -> nn.Embedding:
    """An embedding that is still to be filled: to fill it at random where it takes no memory, torch
    would wake its compiler."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))


def _gelu(x: Tensor) -> Tensor:
    """Not torch's, which rounds otherwise."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
    return 0.5 * x * (1.0 + torch.tanh(inner))


class _Norm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config["d_model"]))
        self._eps = config["layer_norm_epsilon"]

    def forward(self, x: Tensor) -> Tensor:
        square = x.float().pow(2).mean(-1, keepdim=True)
        scaled = x * torch.rsqrt(square + self._eps)
        return self.weight * scaled.type_as(self.weight)
