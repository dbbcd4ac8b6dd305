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

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor
from torch.nn import functional as F

from holocine_core.script.timeline import Span

Engine = Literal["auto", "loop", "varlen"]


Windows = tuple[tuple[int, ...], ...]
"""Per shot, context rows; a row that is listed n times counts as n rows that are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotLayout:
    """Where the shots of a scene lie among its tokens; the same for every item of a batch.

    Args:
        shots: Latent frames of every shot, end to end from 0.
        frame_tokens: Video tokens of one latent frame.
        windows: Per shot, the context rows its tokens attend to; None opens all rows to all.
        item_windows: Instead of ``windows``, for batches whose items have texts of their own: the
            windows of every item.
        sparse: Sparse inter-shot self-attention; otherwise all tokens see all.
        summaries: Whether sparse attention sees the other shots' summary tokens; without them
            every shot is on its own.
    """

    shots: tuple[Span, ...]
    frame_tokens: int
    windows: Windows | None = None
    item_windows: tuple[Windows, ...] | None = None
    sparse: bool = False
    summaries: bool = True

    def __post_init__(self) -> None:
        edges = [0, *(span.stop for span in self.shots)]
        if [span.start for span in self.shots] != edges[:-1] or not all(map(len, self.shots)):
            raise ValueError("shots must follow each other from latent frame 0 and hold one each")
        if self.windows is not None and self.item_windows is not None:
            raise ValueError("a layout has windows for all items or for each, not both")
        shared = () if self.windows is None else (self.windows,)
        for windows in self.item_windows or shared:
            if len(windows) != len(self.shots):
                raise ValueError(f"{len(windows)} text windows for {len(self.shots)} shots")
            if not all(windows):
                raise ValueError("a text window without rows")

    @property
    def token_spans(self) -> tuple[Span, ...]:
        n = self.frame_tokens
        return tuple(Span(shot.start * n, shot.stop * n) for shot in self.shots)

    @property
    def summary(self) -> list[int]:
        """The summary tokens: those of every shot's first latent frame."""
        n = self.frame_tokens
        return [t for shot in self.shots for t in range(shot.start * n, (shot.start + 1) * n)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Queries in contiguous runs, each with its own list of keys.

    Args:
        queries: The runs.
        keys: Per run, the positions of its keys, int64: [n], or [B, n] where items differ.
        bias: Per run, what is added to its keys' logits, float32 [B or 1, 1, 1, n]: the logarithm
            of how often a key counts, -inf where an item's list is shorter than n; None for zeros.
        listed: Every item's windows, or one for all, where ``keys`` alone does not tell them.
    """

    queries: tuple[Span, ...]
    keys: tuple[Tensor, ...]
    bias: tuple[Tensor | None, ...]
    listed: tuple[Windows, ...] = ()
    _packings: dict[tuple[int, int], Packing] = field(default_factory=dict, repr=False)

    def packing(self, batch: int, rows: int) -> Packing:
        """Where the packed kernel finds the keys of a batch that has ``rows`` keys an item."""
        if (batch, rows) not in self._packings:
            self._packings[batch, rows] = _pack(self, batch, rows)
        return self._packings[batch, rows]


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
    return Segments(queries=layout.token_spans, keys=keys, bias=(None,) * len(keys))


def _text_segments(layout: ShotLayout, device: torch.device) -> Segments | None:
    items = layout.item_windows
    if items is None:
        if layout.windows is None:
            return None
        items = (layout.windows,)
    tables = [_key_table(windows, device) for windows in zip(*items, strict=True)]
    alike = len(items) == 1 or all(windows == items[0] for windows in items)
    keys = tuple(table[0] if alike else table for table, _ in tables)
    bias = tuple(None if one is None else one[:1] if alike else one for _, one in tables)
    listed = () if alike and not any(one is not None for one in bias) else items
    return Segments(queries=layout.token_spans, keys=keys, bias=bias, listed=listed)


def _key_table(
    windows: Sequence[tuple[int, ...]], device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Keys [B, n] and bias of one run: n keys that are alike weigh as one and log(n) in its logit.

    Items with fewer keys repeat one of theirs, at weight zero.
    """
    counts = [Counter(window) for window in windows]
    longest = max(map(len, counts))
    keys = [[*count, *[next(iter(count))] * (longest - len(count))] for count in counts]
    table = torch.tensor(keys, device=device)
    if all(len(windows[i]) == len(count) == longest for i, count in enumerate(counts)):
        return table, None
    times = [[*count.values(), *[0] * (longest - len(count))] for count in counts]
    return table, torch.tensor(times, device=device).float().log()[:, None, None]


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
    short = q.dtype in (torch.bfloat16, torch.float16)
    training = q.device.type == "cpu" and torch.is_grad_enabled()
    if short and (training or bias is not None):
        # At these lengths the fused CPU kernel's backward is up to six times slower than two
        # products and a softmax (benchmarks/step.py); and 16 bits are too few for a logarithm.
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
        weights = (scores if bias is None else scores + bias).softmax(-1)
        attended: Tensor = weights.type_as(v) @ v
        return attended
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=None if bias is None else bias.to(q.dtype)
    )


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
        # On a GPU, autocast norms in float32, which the fast kernels do not take.
        q, k = q.type_as(v), k.type_as(v)
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
