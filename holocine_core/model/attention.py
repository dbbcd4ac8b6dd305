"""Shot-aware attention for diffusers' Wan transformer (HoloCine, sections 3.2 and 3.3).

Window cross-attention: video tokens of a shot attend to the global caption, their own shot's text
and the padding. Sparse inter-shot self-attention: queries of a shot attend to all tokens of that
shot and then to the summary tokens of every shot, its own included, so a shot's first latent frame
counts twice in its softmax.

Both are segment attentions: contiguous queries per shot, a list of keys per shot. Engines:

- ``loop``: one scaled_dot_product_attention per shot. Any device, exact, differentiable.
- ``varlen``: one packed call of torch's varlen attention. CUDA, bf16 or fp16, differentiable.
- ``dense``: diffusers' attention dispatcher over all tokens, for full self-attention.

Letters: B batch, N video token, L context row, H head, K head width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor
from torch.nn import functional as F

from holocine_core.script.timeline import Span

Engine = Literal["auto", "loop", "varlen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotLayout:
    """Where the shots of a scene lie among its tokens; the same for every item of a batch.

    Args:
        shots: Latent frames of every shot, end to end from 0.
        frame_tokens: Video tokens of one latent frame.
        windows: Per shot, the context rows its tokens attend to; None opens all rows to all.
        item_windows: Instead of ``windows``, for batches whose items have texts of their own: per
            item and shot, its rows.
        item_padding: With ``item_windows``: per item, how many identical padding rows the last row
            of each of its windows stands for (as one key with the logarithm of that number added
            to its logit, which gives the same softmax).
        sparse: Sparse inter-shot self-attention; otherwise all tokens see all.
        summaries: Whether sparse attention sees the other shots' summary tokens; without them
            every shot is on its own.
    """

    shots: tuple[Span, ...]
    frame_tokens: int
    windows: tuple[tuple[int, ...], ...] | None = None
    item_windows: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    item_padding: tuple[int, ...] | None = None
    sparse: bool = False
    summaries: bool = True

    def __post_init__(self) -> None:
        edges = [0, *(span.stop for span in self.shots)]
        if [span.start for span in self.shots] != edges[:-1] or not all(map(len, self.shots)):
            raise ValueError("shots must follow each other from latent frame 0 and hold one each")
        if self.windows is not None and len(self.windows) != len(self.shots):
            raise ValueError(f"{len(self.windows)} text windows for {len(self.shots)} shots")
        if self.windows is not None and self.item_windows is not None:
            raise ValueError("a layout has windows for all items or for each, not both")
        items = self.item_windows or ()
        if any(len(windows) != len(self.shots) for windows in items):
            raise ValueError(f"every item needs text windows for {len(self.shots)} shots")
        if self.item_padding is not None and len(self.item_padding) != len(items):
            raise ValueError(f"{len(self.item_padding)} paddings for {len(items)} items")

    @property
    def token_spans(self) -> tuple[Span, ...]:
        n = self.frame_tokens
        return tuple(Span(shot.start * n, shot.stop * n) for shot in self.shots)

    @property
    def summary(self) -> list[int]:
        """The summary tokens: those of every shot's first latent frame."""
        n = self.frame_tokens
        return [t for shot in self.shots for t in range(shot.start * n, (shot.start + 1) * n)]


@dataclass(frozen=True, slots=True)
class Segments:
    """Queries in contiguous runs, each with its own list of keys."""

    queries: tuple[Span, ...]
    keys: tuple[Tensor, ...]
    """Per run, the positions of its keys, int64: [n], or [B, n] where items differ."""
    bias: tuple[Tensor, ...] = ()
    """Per run, what is added to its keys' logits [B, 1, 1, n], -inf for those an item lacks."""
    packed: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Where items differ: per item and run, its keys, repeated rather than weighted."""


class ShotContext:
    """The layout all processors of a network share.

    Set it before a forward pass and leave it until the backward pass is over: gradient
    checkpointing runs the forward twice.
    """

    def __init__(self) -> None:
        self._layout: ShotLayout | None = None
        self._segments: dict[tuple[str, torch.device], Segments | None] = {}

    @property
    def layout(self) -> ShotLayout:
        if self._layout is None:
            raise RuntimeError("no shot layout was set before the network ran")
        return self._layout

    @layout.setter
    def layout(self, layout: ShotLayout) -> None:
        if layout != self._layout:
            self._segments.clear()
        self._layout = layout

    def self_segments(self, device: torch.device) -> Segments | None:
        """Segments of self-attention; None where all tokens see all."""
        return self._cached("self", device, _self_segments)

    def text_segments(self, device: torch.device) -> Segments | None:
        """Segments of cross-attention; None where all tokens see all rows."""
        return self._cached("text", device, _text_segments)

    def _cached(
        self,
        name: str,
        device: torch.device,
        make: Callable[[ShotLayout, torch.device], Segments | None],
    ) -> Segments | None:
        key = (name, device)
        if key not in self._segments:
            self._segments[key] = make(self.layout, device)
        return self._segments[key]


def _self_segments(layout: ShotLayout, device: torch.device) -> Segments | None:
    if not layout.sparse:
        return None
    summary = torch.tensor(layout.summary if layout.summaries else [], device=device).long()
    keys = tuple(
        torch.cat([torch.arange(span.start, span.stop, device=device), summary])
        for span in layout.token_spans
    )
    return Segments(layout.token_spans, keys)


def _text_segments(layout: ShotLayout, device: torch.device) -> Segments | None:
    if layout.item_windows is not None:
        return _item_segments(layout, layout.item_windows, device)
    if layout.windows is None:
        return None
    keys = tuple(torch.tensor(window, device=device) for window in layout.windows)
    return Segments(layout.token_spans, keys)


def _item_segments(
    layout: ShotLayout, items: tuple[tuple[tuple[int, ...], ...], ...], device: torch.device
) -> Segments:
    padding = layout.item_padding or (1,) * len(items)
    keys, bias = [], []
    for shot in range(len(layout.shots)):
        windows = [windows[shot] for windows in items]
        longest = max(map(len, windows))
        rows = torch.zeros(len(items), longest, dtype=torch.long)
        weight = torch.full((len(items), longest), -torch.inf)
        for i, (window, count) in enumerate(zip(windows, padding, strict=True)):
            rows[i, : len(window)] = torch.tensor(window)
            weight[i, : len(window)] = 0
            weight[i, len(window) - 1] = math.log(count)
        keys.append(rows.to(device))
        bias.append(weight[:, None, None].to(device))
    packed = tuple(
        tuple(window + window[-1:] * (count - 1) for window in windows)
        for windows, count in zip(items, padding, strict=True)
    )
    return Segments(layout.token_spans, tuple(keys), tuple(bias), packed)


def loop_attention(q: Tensor, k: Tensor, v: Tensor, segments: Segments) -> Tensor:
    """Segment attention, one fused kernel per shot.

    Args:
        q: Queries [B, N, H, K].
        k: Keys [B, L, H, K].
        v: Values [B, L, H, K].
        segments: Runs of queries and their keys.

    Returns:
        [B, N, H, K].
    """
    outputs = []
    for i, (span, keys) in enumerate(zip(segments.queries, segments.keys, strict=True)):
        one = _attend(
            q[:, span.start : span.stop].transpose(1, 2),
            _rows(k, keys).transpose(1, 2),
            _rows(v, keys).transpose(1, 2),
            segments.bias[i].to(q.dtype) if segments.bias else None,
        )
        outputs.append(one.transpose(1, 2))
    return torch.cat(outputs, dim=1)


def _rows(x: Tensor, keys: Tensor) -> Tensor:
    """The rows of a run: the same of every item, or each item's own."""
    if keys.ndim == 1:
        return x.index_select(1, keys)
    return x[torch.arange(len(keys), device=keys.device)[:, None], keys]


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of [B, H, n, K]."""
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and torch.is_grad_enabled():
        # For training on a CPU: at these lengths the fused kernel's backward is up to six times
        # slower than two products and a softmax (benchmarks/step.py).
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
        return (scores if bias is None else scores + bias).softmax(-1) @ v
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


VarlenKernel = Callable[..., Any]


def varlen_attention(
    q: Tensor, k: Tensor, v: Tensor, segments: Segments, kernel: VarlenKernel | None = None
) -> Tensor:
    """Segment attention, all shots of all batch items in one packed kernel call.

    Arguments as :func:`loop_attention`; ``kernel`` has the face of torch's ``varlen_attn``.
    """
    if kernel is None:
        from torch.nn.attention import varlen

        kernel = varlen.varlen_attn
    batch = q.shape[0]
    q_lengths = [len(span) for span in segments.queries] * batch
    if segments.packed:
        runs = [
            [row + i * k.shape[1] for row in run]
            for i, item in enumerate(segments.packed)
            for run in item
        ]
        k_lengths = [len(run) for run in runs]
        rows = torch.tensor([row for run in runs for row in run], device=k.device)
        flat_k, flat_v = (x.flatten(0, 1).index_select(0, rows) for x in (k, v))
    else:
        rows = torch.cat(segments.keys)
        k_lengths = [len(keys) for keys in segments.keys] * batch
        flat_k, flat_v = (x.index_select(1, rows).flatten(0, 1) for x in (k, v))
    packed: Any = kernel(
        q.flatten(0, 1),
        flat_k,
        flat_v,
        _offsets(q_lengths, q.device),
        _offsets(k_lengths, q.device),
        max(q_lengths),
        max(k_lengths),
    )
    attended: Tensor = packed.view(batch, -1, *packed.shape[1:])
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
    """Segment attention by the named engine; ``auto`` takes varlen where it runs, else loop."""
    if engine == "auto":
        engine = "varlen" if varlen_available(q.device, q.dtype, q.shape[-1]) else "loop"
    return (varlen_attention if engine == "varlen" else loop_attention)(q, k, v, segments)


class ShotAttnProcessor:
    """Attention processor of one Wan attention layer, self or cross, that knows the shots.

    Keeps diffusers' class attributes, so that backend switching and the like still find it.
    """

    _attention_backend: Any = None
    _parallel_config: Any = None

    def __init__(self, context: ShotContext, engine: Engine = "auto") -> None:
        self.context = context
        self.engine = engine

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        if attention_mask is not None:
            raise ValueError("shot-aware attention builds its own masks")
        crossing = encoder_hidden_states is not None
        source = encoder_hidden_states if crossing else hidden_states
        q = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        k = attn.norm_k(attn.to_k(source)).unflatten(2, (attn.heads, -1))
        v = attn.to_v(source).unflatten(2, (attn.heads, -1))
        if rotary_emb is not None:
            q, k = rotate(q, *rotary_emb), rotate(k, *rotary_emb)
        device = hidden_states.device
        segments = (
            self.context.text_segments(device) if crossing else self.context.self_segments(device)
        )
        if segments is None:
            parallel = None if crossing else self._parallel_config
            out = dispatch_attention_fn(
                q, k, v, backend=self._attention_backend, parallel_config=parallel
            )
        else:
            out = segment_attention(q, k, v, segments, self.engine)
        out = out.flatten(2, 3).type_as(q)
        projected: Tensor = attn.to_out[1](attn.to_out[0](out))
        return projected


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Wan's rotary embedding: neighbouring pairs of channels turn by the position's angle.

    Args:
        x: [B, N, H, K].
        cos: [1, N, 1, K], every value twice in a row.
        sin: As ``cos``.
    """
    even, odd = x[..., 0::2], x[..., 1::2]
    c, s = cos[..., 0::2], sin[..., 1::2]
    return torch.stack((even * c - odd * s, even * s + odd * c), dim=-1).flatten(-2).type_as(x)


def install(
    transformer: WanTransformer3DModel, context: ShotContext, engine: Engine = "auto"
) -> None:
    """Give every attention layer of a transformer a processor that follows ``context``.

    Raises:
        ValueError: For networks with image keys or fused projections, which HoloCine has not.
    """
    for block in transformer.blocks:
        for attn in (block.attn1, block.attn2):
            if attn.fused_projections or attn.add_k_proj is not None:
                raise ValueError("shot-aware attention needs separate text-only projections")
    names = transformer.attn_processors.keys()
    transformer.set_attn_processor({name: ShotAttnProcessor(context, engine) for name in names})
