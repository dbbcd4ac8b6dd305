"""Attention of contiguous runs of queries, each to its own list of keys.

Engines:

- ``loop``: one scaled_dot_product_attention per run. Any device, exact, differentiable. On a CPU
  training and bfloat16 take two products and a softmax instead, which is faster on many.
- ``fused``: the same, without that exception but for training.
- ``varlen``: one packed call of torch's varlen attention. CUDA, bf16 or fp16, differentiable.
- ``masked``: one scaled_dot_product_attention of all queries and all keys, those a run does not
  list masked. Most of its products are thrown away, but training short scenes on a GPU waits for
  the number of its kernels and for gradients that are added row by row, not for products.

Letters: B batch, N query, L key, H head, K head width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from holocine_core.model.attention.cpu import by_hand, products
from holocine_core.script.timeline import TokenSpan

Engine = Literal["auto", "loop", "fused", "varlen", "masked"]
MASKED = 2**27
"""Most entries of a mask; larger ones would cost more than they save."""
_MASKABLE = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""cuDNN's kernels take masks too, but plan anew for every length of text."""

Windows = tuple[tuple[int, ...], ...]
"""Per run, its keys; one that is listed n times counts as n keys that are alike."""


def opened(windows: Windows) -> Windows:
    """Windows that open to every run what any of them reads."""
    rows = Counter[int]()
    for window in windows:
        rows |= Counter(window)
    return (tuple(sorted(rows.elements())),) * len(windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Queries in contiguous runs, each with its own list of keys.

    Args:
        queries: The runs.
        keys: Per run, the positions of its keys, int64: [n], or [B, n] where items differ.
        bias: Per run, what is added to its keys' logits, float32 [B or 1, 1, 1, n]: the logarithm
            of how often a key counts, -inf where an item's list is shorter than n; None for zeros.
        listed: Every item's windows, or one for all, where ``keys`` alone does not tell them.
        stretches: Per run, its keys as stretches one after the other; empty where they are single
            rows.
        repeats: How often a run's softmax counts a key at most.
    """

    queries: tuple[TokenSpan, ...]
    keys: tuple[Tensor, ...]
    bias: tuple[Tensor | None, ...]
    listed: tuple[Windows, ...] = ()
    stretches: tuple[tuple[TokenSpan, ...], ...] = ()
    repeats: int = 1
    _packings: dict[tuple[int, int], Packing] = field(default_factory=dict, repr=False)
    _masks: dict[tuple[int, torch.dtype], Tensor] = field(default_factory=dict, repr=False)

    def of_part(self, start: int, stop: int) -> Segments:
        """The runs of a stretch of the queries, counted from its first one."""
        kept = [
            (i, TokenSpan(max(span.start, start) - start, min(span.stop, stop) - start))
            for i, span in enumerate(self.queries)
            if span.start < stop and span.stop > start
        ]
        runs = [i for i, _ in kept]
        return Segments(
            queries=tuple(span for _, span in kept),
            keys=tuple(self.keys[i] for i in runs),
            bias=tuple(self.bias[i] for i in runs),
            listed=tuple(tuple(windows[i] for i in runs) for windows in self.listed),
            stretches=tuple(self.stretches[i] for i in runs) if self.stretches else (),
            repeats=self.repeats,
        )

    def packing(self, batch: int, rows: int) -> Packing:
        """Where the packed kernel finds the keys of a batch that has ``rows`` keys an item."""
        if (batch, rows) not in self._packings:
            self._packings[batch, rows] = _pack(self, batch, rows)
        return self._packings[batch, rows]

    def mask(self, rows: int, dtype: torch.dtype) -> Tensor:
        """What is added to the logits of ``rows`` keys [B or 1, 1, N, rows]: the logarithm of how
        often each counts, -inf where it does not."""
        if (rows, dtype) not in self._masks:
            self._masks[rows, dtype] = _mask(self, rows).to(dtype)
        return self._masks[rows, dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Keys of all runs of all items, end to end.

    Args:
        rows: Their positions among the keys of the batch laid end to end, int64.
        q_offsets: Where each run's queries begin and the last ends, int32.
        k_offsets: The same of keys.
        longest: Most queries and most keys of a run.
    """

    rows: Tensor
    q_offsets: Tensor
    k_offsets: Tensor
    longest: tuple[int, int]


def _pack(segments: Segments, batch: int, rows: int) -> Packing:
    device = segments.keys[0].device
    if segments.listed:
        items = segments.listed * (batch // len(segments.listed))
        k_lengths = [len(window) for windows in items for window in windows]
        flat = [
            row + item * rows
            for item, windows in enumerate(items)
            for window in windows
            for row in window
        ]
        positions = torch.tensor(flat, device=device)
    else:
        k_lengths = [len(keys) for keys in segments.keys] * batch
        first = torch.arange(batch, device=device)[:, None] * rows
        positions = (first + torch.cat(segments.keys)).flatten()
    q_lengths = [len(span) for span in segments.queries] * batch
    return Packing(
        rows=positions,
        q_offsets=_offsets(q_lengths, device),
        k_offsets=_offsets(k_lengths, device),
        longest=(max(q_lengths), max(k_lengths)),
    )


def _mask(segments: Segments, rows: int) -> Tensor:
    runs = []
    for keys, bias in zip(segments.keys, segments.bias, strict=True):
        table = keys if keys.ndim == 2 else keys[None]
        times = torch.ones(table.shape, device=keys.device)
        if bias is not None:
            times = bias.flatten(1).exp().expand_as(table)
        count = torch.zeros(len(table), rows, device=keys.device)
        runs.append(count.scatter_add_(1, table, times).log())
    most = max(map(len, runs))
    lengths = torch.tensor([len(span) for span in segments.queries], device=runs[0].device)
    stacked = torch.stack([run.expand(most, -1) for run in runs], dim=1)
    queries = sum(map(len, segments.queries))
    return stacked.repeat_interleave(lengths, dim=1, output_size=queries)[:, None]


def masked_attention(q: Tensor, k: Tensor, v: Tensor, segments: Segments) -> Tensor:
    """Segment attention as one masked attention of all queries to all keys; arguments as
    :func:`loop_attention`."""
    mask = segments.mask(k.shape[1], q.dtype)
    with sdpa_kernel(_MASKABLE):
        attended = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask
        )
    return attended.transpose(1, 2)


def masks_pay(q: Tensor, k: Tensor, segments: Segments) -> bool:
    """Whether ``masked`` is the engine: short scenes that train on a GPU. Logarithms of larger
    counts would be rounded to sixteen bits."""
    if q.device.type != "cuda" or not (q.requires_grad and torch.is_grad_enabled()):
        return False
    items = max(len(keys) if keys.ndim == 2 else 1 for keys in segments.keys)
    return segments.repeats <= 2 and items * q.shape[1] * k.shape[1] <= MASKED


def loop_attention(
    q: Tensor, k: Tensor, v: Tensor, segments: Segments, *, fused: bool = False
) -> Tensor:
    """Segment attention, run by run.

    Args:
        q: Queries [B, N, H, K].
        k: Keys [B, L, H, K].
        v: Values [B, L, H, K].
        segments: Runs of queries and their keys.
        fused: Whether torch's fused kernel is taken where two products would be; runs whose keys
            have a bias keep those, for its precision.

    Returns:
        [B, N, H, K].
    """
    if by_hand(q, fused=fused and not any(bias is not None for bias in segments.bias)):
        keys = segments.stretches or segments.keys
        return products(q, k, v, segments.queries, keys, segments.bias)
    runs = zip(
        segments.queries,
        _gather(k, segments.keys),
        _gather(v, segments.keys),
        segments.bias,
        strict=True,
    )
    outputs = [
        _attend(
            q[:, span.start : span.stop].transpose(1, 2),
            run_k.transpose(1, 2),
            run_v.transpose(1, 2),
            bias,
        ).transpose(1, 2)
        for span, run_k, run_v, bias in runs
    ]
    return torch.cat(outputs, dim=1)


def _gather(x: Tensor, keys: Sequence[Tensor]) -> list[Tensor]:
    """The rows of every run [B, n, H, K]: the same of all items, or each item's own."""
    if keys[0].ndim == 1:
        return [x.index_select(1, run) for run in keys]
    first = torch.arange(len(x), device=x.device)[:, None] * x.shape[1]
    flat = x.flatten(0, 1)
    # Not x[items, keys]: the backward of that kind of indexing runs on one core.
    shapes = [(*run.shape, *x.shape[2:]) for run in keys]
    return [
        flat.index_select(0, (first + run).flatten()).view(shape)
        for run, shape in zip(keys, shapes, strict=True)
    ]


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of [B, H, n, K]."""
    if bias is not None and q.dtype in (torch.bfloat16, torch.float16):
        # Sixteen bits are too few for the logarithm of a number of rows.
        scores = (q * q.shape[-1] ** -0.5) @ k.mT + bias
        attended: Tensor = scores.softmax(-1).type_as(v) @ v
        return attended
    mask = None if bias is None else bias.to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


VarlenKernel = Callable[..., Any]


def varlen_attention(
    q: Tensor, k: Tensor, v: Tensor, segments: Segments, kernel: VarlenKernel | None = None
) -> Tensor:
    """Segment attention, all runs of all batch items in one packed kernel call.

    Arguments as :func:`loop_attention`; ``kernel`` has the face of torch's ``varlen_attn``.
    """
    if kernel is None:
        from torch.nn.attention import varlen

        kernel = varlen.varlen_attn
    packing = segments.packing(len(k), k.shape[1])
    # The gradient of a row that is listed hundreds of times is summed in float32.
    wide = torch.float32 if segments.listed else k.dtype
    packed: Any = kernel(
        q.flatten(0, 1),
        k.flatten(0, 1).to(wide).index_select(0, packing.rows).type_as(k),
        v.flatten(0, 1).to(wide).index_select(0, packing.rows).type_as(v),
        packing.q_offsets,
        packing.k_offsets,
        *packing.longest,
    )
    attended: Tensor = packed.view(len(q), -1, *packed.shape[1:])
    return attended


def _offsets(lengths: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([0, *accumulate(lengths)], device=device, dtype=torch.int32)


def varlen_available(device: torch.device, dtype: torch.dtype, head_width: int) -> bool:
    """Whether torch's varlen attention runs there (flash attention: Ampere or newer, 16 bit)."""
    if device.type != "cuda" or dtype not in (torch.bfloat16, torch.float16):
        return False
    fits = head_width % 8 == 0 and head_width <= 256  # What the flash kernels take.
    return fits and torch.cuda.get_device_capability(device) >= (8, 0)


def segment_attention(
    q: Tensor, k: Tensor, v: Tensor, segments: Segments, engine: Engine = "auto"
) -> Tensor:
    """Segment attention by the named engine; ``auto`` takes masked where it pays, varlen where that
    runs, else loop."""
    if engine == "auto" and masks_pay(q, k, segments):
        engine = "masked"
    if engine == "auto":
        engine = "varlen" if varlen_available(q.device, q.dtype, q.shape[-1]) else "loop"
    if engine == "masked":
        return masked_attention(q, k, v, segments)
    if engine == "varlen":
        return varlen_attention(q, k, v, segments)
    return loop_attention(q, k, v, segments, fused=engine == "fused")
