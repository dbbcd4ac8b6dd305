"""Attention by its definition, slow and plain, to hold the engines against."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def masked(q: Tensor, k: Tensor, v: Tensor, counts: Tensor) -> Tensor:
    """Attention in which query n sees key l counts[n, l] times: a bias of log(count)."""
    scores = torch.einsum("bnhk,blhk->bhnl", q, k) / math.sqrt(q.shape[-1])
    weights = (scores + counts.log()).softmax(-1)
    return torch.einsum("bhnl,blhk->bnhk", weights, v)


def python_varlen(
    q: Tensor, k: Tensor, v: Tensor, at_q: Tensor, at_k: Tensor, max_q: int, max_k: int
) -> Tensor:
    """What a packed kernel computes, by the book."""
    assert at_q.dtype == at_k.dtype == torch.int32
    out = []
    for i in range(len(at_q) - 1):
        a, b, c, d = at_q[i], at_q[i + 1], at_k[i], at_k[i + 1]
        assert b - a <= max_q
        assert d - c <= max_k
        ones = torch.ones(b - a, d - c, dtype=q.dtype)
        out.append(masked(q[None, a:b], k[None, c:d], v[None, c:d], ones)[0])
    return torch.cat(out)
