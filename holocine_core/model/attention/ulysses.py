"""Ulysses: a network's tokens parted among ranks (DeepSpeed-Ulysses, arXiv 2309.14509).

Each rank has a stretch of the tokens for all that looks at one token at a time. Around
self-attention ranks exchange: each gets all tokens of some heads, so that attention and its shots
run as they do on one device. Cross-attention needs no exchange: texts are on every rank, and runs
are clipped to the rank's stretch.

Letters: B batch, N video token, H head, K head width, D width.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.model.attention.layout import ShotAttnProcessor, ShotContext
from holocine_core.model.parallel import Group


class Ulysses:
    """One network on several ranks, while a pass is :meth:`over` a group of them.

    Args:
        network: With shot-aware attention; changed in place.
        context: Of its processors.
    """

    def __init__(self, network: WanTransformer3DModel, context: ShotContext) -> None:
        self._context = context
        self._group: Group | None = None
        self._tokens = 0
        self._sliced: list[tuple[Tensor, Tensor]] = []
        for processor in network.attn_processors.values():
            assert isinstance(processor, ShotAttnProcessor)
            processor.attend = self._around(processor.attend)
        blocks = list(network.blocks)
        for number, block in enumerate(blocks):
            block.register_forward_pre_hook(self._before(first=number == 0), prepend=True)
        blocks[-1].register_forward_hook(self._after)

    @contextlib.contextmanager
    def over(self, group: Group | None) -> Iterator[None]:
        """While this is open, passes are made with a group's other ranks; None: alone."""
        self._group = group if group is not None and group.size > 1 else None
        self._context.part = None
        try:
            yield
        finally:
            self._group = self._context.part = None
            self._sliced.clear()

    def _before(self, *, first: bool) -> Any:
        def hook(block: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            group = self._group
            if group is None:
                return None
            hidden, text, time, rotary = args
            if first:
                self._tokens = hidden.shape[1]
                self._context.part = group.share(self._tokens)
                hidden = hidden[:, self._context.part]
            if time.ndim == 4:  # A timestep for every token.
                time = self._slice(time)
            return hidden, text, time, tuple(self._slice(table) for table in rotary)

        return hook

    def _slice(self, whole: Tensor) -> Tensor:
        """A table's rows of this rank; the same tensor for the same table, as layers keep what they
        make of it."""
        for of, found in self._sliced:
            if of is whole:
                return found
        found = whole[:, self._context.part]
        self._sliced.append((whole, found))
        return found

    def _after(self, block: Any, args: tuple[Any, ...], hidden: Tensor) -> Tensor:
        """All tokens again, on every rank: what follows the blocks costs little."""
        group = self._group
        if group is None:
            return hidden
        edges = group.edges(self._tokens)
        batch, _, width = hidden.shape
        shapes = [(batch, stop - start, width) for start, stop in pairwise(edges)]
        parts = group.exchange([hidden] * group.size, shapes)
        return torch.cat(parts, dim=1)

    def _around(self, attend: Any) -> Any:
        def attended(q: Tensor, k: Tensor, v: Tensor, *, crossing: bool) -> Tensor:
            if self._group is None or crossing:
                out: Tensor = attend(q, k, v, crossing=crossing)
                return out
            q, k, v = (self._to_heads(x, self._group) for x in (q, k, v))
            return self._to_tokens(attend(q, k, v, crossing=False), self._group)

        return attended

    def _to_heads(self, x: Tensor, group: Group) -> Tensor:
        """[B, n, H, K] of this rank's tokens -> [B, N, H / size, K] of its heads."""
        batch, _, heads, width = x.shape
        edges = group.edges(self._tokens)
        shapes = [
            (batch, stop - start, heads // group.size, width) for start, stop in pairwise(edges)
        ]
        return torch.cat(group.exchange(x.chunk(group.size, dim=2), shapes), dim=1)

    def _to_tokens(self, x: Tensor, group: Group) -> Tensor:
        """[B, N, H / size, K] of this rank's heads -> [B, n, H, K] of its tokens."""
        batch, _, heads, width = x.shape
        edges = group.edges(self._tokens)
        sizes = [stop - start for start, stop in pairwise(edges)]
        shape = (batch, sizes[group.rank], heads, width)
        return torch.cat(group.exchange(torch.split(x, sizes, dim=1), [shape] * group.size), dim=2)
