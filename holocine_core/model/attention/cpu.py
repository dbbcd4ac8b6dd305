"""Steps of attention for a CPU, in training and in bfloat16: same maths, fewer passes over memory.

Written out, because there the general ones cost more than the products between them
(benchmarks/step.py): torch's fused attention is slow in bfloat16 and backwards, autocast makes
softmax and the norms float32 tensors of their own, and rows picked by index add their gradients one
by one.

Letters: B batch, N query, L key, H head, K head width, C channel of all heads, R run.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from holocine_core.model import hardware
from holocine_core.script.timeline import TokenSpan

SCORES = 2**22
"""Most scores that are held at a time where no gradient asks for them again: what the processor's
cache holds, so that the softmax and the second product find them there."""

ROWS = 128
"""Fewest queries that are worth a product; where keys are too many for it, heads take turns."""


def by_hand(x: Tensor, *, fused: bool = False) -> bool:
    """Whether these steps take a tensor: on the CPU, if its gradients will be asked for or autocast
    made it bfloat16; only the former where torch's ``fused`` attention is preferred."""
    if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.bfloat16):
        return False
    if x.requires_grad and torch.is_grad_enabled():
        return True
    return not fused and x.dtype == torch.bfloat16 and torch.is_autocast_enabled("cpu")


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return hardware.multiplies_bfloat16()


def computes_bf16(precision: str, device: torch.device) -> bool:
    """Whether passes run in bfloat16; ``auto`` takes it where the device multiplies it itself."""
    return multiplies_bfloat16(device) if precision == "auto" else precision == "bf16"


def products(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    queries: Sequence[TokenSpan],
    keys: Sequence[Tensor | Sequence[TokenSpan]],
    bias: Sequence[Tensor | None],
) -> Tensor:
    """Attention of runs of queries, each to its keys, by two products and a softmax a run.

    Args:
        q: Queries [B, N, H, K].
        k: Keys [B, L, H, K].
        v: Values [B, L, H, K].
        queries: The runs, end to end.
        keys: Per run: stretches of keys, or positions [n] or [B, n].
        bias: Per run: added to the logits [B or 1, 1, 1, n], or None.

    Returns:
        [B, N, H, K].
    """
    if torch.is_grad_enabled():
        attended: Tensor = _Products.apply(q, k, v, queries, keys, bias)  # type: ignore[no-untyped-call]
        return attended
    of_query = max(map(_count, keys)) * q.shape[0] * q.shape[2]
    if q.shape[2] > 1 and SCORES // of_query < ROWS:
        of_heads = zip(*(x.chunk(x.shape[2], 2) for x in (q, k, v)), strict=True)
        apart = [products(one, key, value, queries, keys, bias) for one, key, value in of_heads]
        return torch.cat(apart, 2)
    out = torch.empty_like(q, memory_format=torch.contiguous_format)
    q, k, v = _by_heads(q, k, v)
    # One place for all scores: the cache holds it, and it is not mapped anew for every run.
    space = q.new_empty(0)
    for span, some, extra in zip(queries, keys, bias, strict=True):
        of_query = _count(some) * q.shape[0] * q.shape[1]
        most = min(max(1, SCORES // of_query), len(span))
        if space.numel() < most * of_query:
            space = q.new_empty(most * of_query)
        for start in range(span.start, span.stop, most):
            part = TokenSpan(start, min(start + most, span.stop))
            _attend(out, q, k, v, part, some, extra, space)
    return out


def _count(keys: Tensor | Sequence[TokenSpan]) -> int:
    return keys.shape[-1] if isinstance(keys, Tensor) else sum(map(len, keys))


def _by_heads(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[B, N, H, K] as [B, H, N, K], queries scaled."""
    q, k, v = (x.transpose(1, 2).contiguous() for x in (q, k, v))
    return q * q.shape[-1] ** -0.5, k, v


def _attend(
    out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    span: TokenSpan,
    some: Tensor | Sequence[TokenSpan],
    extra: Tensor | None,
    space: Tensor | None = None,
) -> Tensor:
    """Write a run's attention into ``out`` [B, N, H, K]; its weights [B * H, n, L], in ``space``
    where that is given."""
    rows, columns = _rows(q, [span]), _rows(k, some)
    room = None
    if space is not None:
        shape = len(rows), len(span), columns.shape[1]
        room = space[: prod(shape)].view(shape)
    scores = torch.bmm(rows, columns.mT, out=room)
    weights = _softmax(scores, extra, q.shape[1])
    one = weights @ _rows(v, some)
    out[:, span.start : span.stop] = one.view(*q.shape[:2], *one.shape[1:]).transpose(1, 2)
    return weights


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, *runs: Any) -> Tensor:
        queries, keys, bias = runs
        out = torch.empty_like(q, memory_format=torch.contiguous_format)
        q, k, v = _by_heads(q, k, v)
        weights = [
            _attend(out, q, k, v, span, some, extra)
            for span, some, extra in zip(queries, keys, bias, strict=True)
        ]
        ctx.save_for_backward(q, k, v, *weights)
        ctx.runs = queries, keys
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        q, k, v, *weights = ctx.saved_tensors
        grad = grad.transpose(1, 2)
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for span, some, one in zip(*ctx.runs, weights, strict=True):
            run = _rows(grad, [span])
            _give(dv, some, one.mT @ run)
            scores = run @ _rows(v, some).mT
            torch._softmax_backward_data(scores, one, -1, one.dtype, grad_input=scores)
            dq[:, :, span.start : span.stop] = (scores @ _rows(k, some)).view(
                *q.shape[:2], len(span), -1
            )
            _give(dk, some, scores.mT @ _rows(q, [span]))
        dq *= q.shape[-1] ** -0.5
        return *(x.transpose(1, 2) for x in (dq, dk, dv)), None, None, None


def _softmax(scores: Tensor, bias: Tensor | None, heads: int) -> Tensor:
    """Weights of scores [B * H, N, n], in place where nothing is added."""
    if bias is None:
        return torch.softmax(scores, -1, out=scores)
    # Sixteen bits are too few for the logarithm of a number of rows.
    wide = (scores.view(-1, heads, *scores.shape[1:]) + bias).flatten(0, 1)
    return torch.softmax(wide, -1, out=wide).type_as(scores)


def _rows(x: Tensor, keys: Tensor | Sequence[TokenSpan]) -> Tensor:
    """Rows of [B, H, L, K], as [B * H, n, K]."""
    if isinstance(keys, Tensor):
        return x.gather(2, _everywhere(keys, x)).flatten(0, 1)
    parts = [x[:, :, span.start : span.stop] for span in keys]
    return (parts[0] if len(parts) == 1 else torch.cat(parts, 2)).flatten(0, 1)


def _give(x: Tensor, keys: Tensor | Sequence[TokenSpan], rows: Tensor) -> None:
    """Add rows [B * H, n, K] where :func:`_rows` took them."""
    rows = rows.view(*x.shape[:2], *rows.shape[1:])
    if isinstance(keys, Tensor):
        x.scatter_add_(2, _everywhere(keys, x), rows)
        return
    at = 0
    for span in keys:
        x[:, :, span.start : span.stop] += rows[:, :, at : at + len(span)]
        at += len(span)


def _everywhere(keys: Tensor, x: Tensor) -> Tensor:
    """Positions [n] or [B, n] as an index of [B, H, L, K]."""
    shared = keys if keys.ndim == 2 else keys[None]
    return shared[:, None, :, None].expand(len(x), x.shape[1], -1, x.shape[3])


def normed(x: Tensor, weight: Tensor, eps: float, turns: Tensor | None) -> Tensor:
    """Root-mean-square norm over all heads, then rotary embedding.

    Args:
        x: [B, N, C].
        weight: Of the norm [C].
        eps: Of the norm.
        turns: Per position and pair of a head's channels, a complex factor [N, 1, K / 2]; None
            for no rotation.
    """
    result: Tensor = _Normed.apply(x, weight, eps, turns)  # type: ignore[no-untyped-call]
    return result


class _Normed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, turns: Tensor | None) -> Tensor:
        wide = x.float()
        scale = wide.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale, turns)
        y = (wide * scale).mul_(weight)
        if turns is not None:
            _pairs(y, turns).mul_(turns)
        return y.type_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight, scale, turns = ctx.saved_tensors
        wide = grad.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
        if turns is not None:
            _pairs(wide, turns).mul_(turns.conj())
        unit = x * scale
        slope = wide * unit
        mean = (slope @ weight.float())[..., None] / x.shape[-1]
        wide = wide.mul_(weight).addcmul_(unit, mean, value=-1).mul_(scale)
        return wide.type_as(x), slope.sum((0, 1)).type_as(weight), None, None


def _pairs(x: Tensor, turns: Tensor) -> Tensor:
    """[B, N, C] in complex numbers [B, N, H, K / 2], in place."""
    return torch.view_as_complex(x.view(*x.shape[:2], -1, turns.shape[-1], 2))
