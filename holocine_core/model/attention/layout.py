"""Shot-aware attention for diffusers' Wan transformer (HoloCine, sections 3.2 and 3.3).

Window cross-attention: video tokens of a shot attend to the global caption, their own shot's text
and the padding. Sparse inter-shot self-attention: queries of a shot attend to all tokens of that
shot and then to the summary tokens of every shot, its own included, so a shot's first latent frame
counts twice in its softmax.

Both are segment attentions (segments.py): contiguous queries per shot, a list of keys per shot.
Full self-attention takes diffusers' attention dispatcher over all tokens.

Letters: B batch, N video token, L context row, H head, K head width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor

from holocine_core.model.attention.cpu import by_hand, normed, products
from holocine_core.model.attention.segments import Engine, Segments, Windows, segment_attention
from holocine_core.script.timeline import LatentSpan, TokenSpan

KEPT_LAYOUTS = 2
"""Layouts whose segments are kept: of what is told and of what guidance leads away from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotLayout:
    """Where the shots of a scene lie among its tokens.

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

    shots: tuple[LatentSpan, ...]
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
    def token_spans(self) -> tuple[TokenSpan, ...]:
        n = self.frame_tokens
        return tuple(TokenSpan(shot.start * n, shot.stop * n) for shot in self.shots)

    @property
    def summary(self) -> list[int]:
        """The summary tokens: those of every shot's first latent frame."""
        n = self.frame_tokens
        return [t for shot in self.shots for t in range(shot.start * n, (shot.start + 1) * n)]


class ShotContext:
    """The layout all processors of a network share: one for all items of a batch, or one each.

    Set it before a forward pass and leave it until the backward pass is over: gradient
    checkpointing runs the forward twice.
    """

    def __init__(self) -> None:
        self._layouts: tuple[ShotLayout, ...] = ()
        self._found: dict[ShotLayout, dict[tuple[str, torch.device], Segments | None]] = {}
        self._turns: tuple[Tensor, Tensor] | None = None
        self.part: slice | None = None
        """The stretch of tokens that this rank has (attention/ulysses.py); None: all."""

    @property
    def layout(self) -> ShotLayout:
        """All items'; the first one's where each has its own."""
        if not self._layouts:
            raise RuntimeError("no shot layout was set before the network ran")
        return self._layouts[0]

    @layout.setter
    def layout(self, layout: ShotLayout) -> None:
        self.items = (layout,)

    @property
    def items(self) -> tuple[ShotLayout, ...]:
        """One layout for all items of a batch, or one for each in their order."""
        return self._layouts

    @items.setter
    def items(self, layouts: tuple[ShotLayout, ...]) -> None:
        self._layouts = layouts
        for layout in layouts:
            # The newest last. Guided passes have two in turn, and finding segments takes a while.
            self._found[layout] = self._found.pop(layout, {})
        while len(self._found) > max(KEPT_LAYOUTS, len(layouts)):
            del self._found[next(iter(self._found))]

    def turns(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Wan's rotary embedding, of :func:`rotate`, as complex factors [N, 1, K / 2]. All layers
        of a pass are given the same two tensors."""
        if self._turns is None or self._turns[0] is not cos:
            real, imaginary = (table[0, ..., 0::2].float() for table in (cos, sin))
            self._turns = cos, torch.complex(real, imaginary)
        return self._turns[1]

    def self_segments(self, device: torch.device, item: int = 0) -> Segments | None:
        """Segments of self-attention; None where all tokens see all."""
        return self._cached(item, "self", device, _self_segments)

    def text_segments(self, device: torch.device, item: int = 0) -> Segments | None:
        """Segments of cross-attention; None where all tokens see all rows."""
        if self.part is None:
            return self._cached(item, "text", device, _text_segments)
        part = self.part

        def clipped(layout: ShotLayout, device: torch.device) -> Segments | None:
            whole = _text_segments(layout, device)
            return None if whole is None else whole.of_part(part.start, part.stop)

        return self._cached(item, f"text {part.start}-{part.stop}", device, clipped)

    def _cached(
        self,
        item: int,
        name: str,
        device: torch.device,
        make: Callable[[ShotLayout, torch.device], Segments | None],
    ) -> Segments | None:
        layout, key = self.layout if item == 0 else self._layouts[item], (name, device)
        found = self._found[layout]
        if key not in found:
            found[key] = make(layout, device)
        return found[key]


def _self_segments(layout: ShotLayout, device: torch.device) -> Segments | None:
    if not layout.sparse:
        return None
    summary = torch.tensor(layout.summary if layout.summaries else [], device=device).long()
    keys = tuple(
        torch.cat([torch.arange(span.start, span.stop, device=device), summary])
        for span in layout.token_spans
    )
    n = layout.frame_tokens
    first = [TokenSpan(shot.start * n, (shot.start + 1) * n) for shot in layout.shots]
    return Segments(
        queries=layout.token_spans,
        keys=keys,
        bias=(None,) * len(keys),
        stretches=tuple(
            (span, *(first if layout.summaries else ())) for span in layout.token_spans
        ),
        repeats=2 if layout.summaries else 1,
    )


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
    return Segments(
        queries=layout.token_spans,
        keys=keys,
        bias=bias,
        listed=listed,
        repeats=max(len(window) - len({*window}) + 1 for windows in items for window in windows),
    )


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


class ShotAttnProcessor:
    """Attention processor of one Wan attention layer, self or cross, that knows the shots.

    Keeps diffusers' class attributes, so that backend switching and the like still find it.
    """

    _attention_backend: Any = None
    _parallel_config: Any = None

    def __init__(self, context: ShotContext, engine: Engine = "auto") -> None:
        self.context = context
        self.engine = engine
        self.attend: Callable[..., Tensor] = self._attend

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
        q = self._heads(attn.norm_q, attn.to_q(hidden_states), attn.heads, rotary_emb)
        k = self._heads(attn.norm_k, attn.to_k(source), attn.heads, rotary_emb)
        v = attn.to_v(source).unflatten(2, (attn.heads, -1))
        out = self.attend(q, k, v, crossing=crossing).flatten(2, 3).type_as(q)
        projected: Tensor = attn.to_out[1](attn.to_out[0](out))
        return projected

    def _heads(
        self, norm: Any, x: Tensor, heads: int, rotary_emb: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Queries or keys [B, N, C] normed, rotated and parted into heads [B, N, H, K]."""
        if by_hand(x):
            turns = None if rotary_emb is None else self.context.turns(*rotary_emb)
            return normed(x, norm.weight, norm.eps, turns).view(*x.shape[:2], heads, -1)
        # Autocast computes norms in float32; attention takes what products give.
        parted: Tensor = norm(x).type_as(x).unflatten(2, (heads, -1))
        return parted if rotary_emb is None else rotate(parted, *rotary_emb)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, *, crossing: bool) -> Tensor:
        """Attention of heads [B, N, H, K], to the text's rows if ``crossing``."""
        count = len(self.context.items)
        if count <= 1:
            return self._attend_alike(q, k, v, 0, crossing=crossing)
        parts = zip(*(torch.split(x, 1) for x in (q, k, v)), strict=True)
        return torch.cat(
            [
                self._attend_alike(one, keys, values, number, crossing=crossing)
                for number, (one, keys, values) in enumerate(parts)
            ]
        )

    def _attend_alike(
        self, q: Tensor, k: Tensor, v: Tensor, item: int, *, crossing: bool
    ) -> Tensor:
        """Attention of items that share the layout of ``item``."""
        find = self.context.text_segments if crossing else self.context.self_segments
        segments = find(q.device, item)
        if segments is not None:
            return segment_attention(q, k, v, segments, self.engine)
        if by_hand(q, fused=self.engine == "fused"):
            return products(
                q, k, v, [TokenSpan(0, q.shape[1])], [[TokenSpan(0, k.shape[1])]], [None]
            )
        parallel = None if crossing else self._parallel_config
        attended: Tensor = dispatch_attention_fn(
            q, k, v, backend=self._attention_backend, parallel_config=parallel
        )
        return attended


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

    Args:
        transformer: Changed in place.
        context: Tells where the shots lie.
        engine: Of segments.py.

    Raises:
        ValueError: For networks with image keys or fused projections, which HoloCine has not.
    """
    for block in transformer.blocks:
        for attn in (block.attn1, block.attn2):
            if attn.fused_projections or attn.add_k_proj is not None:
                raise ValueError("shot-aware attention needs separate text-only projections")
    names = transformer.attn_processors.keys()
    transformer.set_attn_processor({name: ShotAttnProcessor(context, engine) for name in names})


def gelu_by_erf(transformer: WanTransformer3DModel) -> None:
    """Compute the feed-forward layers' gelu by erf, which their definition approximates by tanh."""
    for block in transformer.blocks:
        block.ffn.net[0].approximate = "none"


def leave_uncompiled(transformer: WanTransformer3DModel) -> None:
    """Have compiled blocks call attention as it is: it changes with every layout."""
    for processor in transformer.attn_processors.values():
        # Not as a decorator: it would import torch's compiler into every render.
        processor.attend = torch.compiler.disable(processor.attend)  # type: ignore[no-untyped-call]
