"""A pass of a network beside the same network with diffusers' own attention, on this CPU.

    python -m benchmarks.stock [--frames 81 241 961] [--rounds 3] [--model nano]

Three pairs, in turn, in float32 and as films are computed here: full attention beside diffusers'
network as it comes; sparse attention beside a processor that loops over the shots with diffusers'
attention (the obvious way to write HoloCine); and sparse beside full, against its share of the
FLOPs. Texts have 512 rows in diffusers' network, as Wan pads them. The first round only warms up,
except at the longest length, which has one round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model import kernels
from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.model.attention.layout import (
    ShotContext,
    ShotLayout,
    gelu_by_erf,
    install,
    rotate,
)
from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from holocine_core.script.timeline import LatentSpan

ROWS, COLUMNS = 16, 28
"""Latents of nano's pictures."""
OF_ALL, OF_SHOT, CONTEXT = 30, 15, 512
"""Rows of text: the global caption's, each shot's, and with the padding."""
SHOTS = {81: 3, 241: 6, 961: 13}
ONCE = 961
"""Frames from which there is one round."""
WAYS = ("full", "stock", "sparse", "stock, shot by shot")


class ShotLoop:
    """Attention shot by shot, each call diffusers' own, keys gathered for it."""

    _attention_backend: Any = None
    _parallel_config: Any = None

    def __init__(self, layout: ShotLayout) -> None:
        self.layout = layout
        self.summary = torch.tensor(layout.summary)
        self.windows = [torch.tensor(window) for window in layout.windows or ()]

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        text = encoder_hidden_states
        source = hidden_states if text is None else text
        q = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        k = attn.norm_k(attn.to_k(source)).unflatten(2, (attn.heads, -1))
        v = attn.to_v(source).unflatten(2, (attn.heads, -1))
        if rotary_emb is not None:
            q, k = rotate(q, *rotary_emb), rotate(k, *rotary_emb)
        q, k = q.type_as(v), k.type_as(v)
        attended = []
        for number, span in enumerate(self.layout.token_spans):
            if text is not None:
                keys = self.windows[number]
            else:
                keys = torch.cat([torch.arange(span.start, span.stop), self.summary])
            attended.append(
                dispatch_attention_fn(q[:, span.start : span.stop], k[:, keys], v[:, keys])
            )
        out = torch.cat(attended, 1).flatten(2).type_as(q)
        shown: Tensor = attn.to_out[1](attn.to_out[0](out))
        return shown


@dataclass(frozen=True, slots=True)
class Scene:
    """Evenly cut, with a text for all shots and one for each.

    Attributes:
        latents: Its geometry.
        sparse: Its layout.
        full: The same with full attention and texts of all shots open to all.
    """

    latents: Geometry
    sparse: ShotLayout
    full: ShotLayout


def scene(frames: int, shots: int) -> Scene:
    count = (frames - 1) // 4 + 1
    edges = [count * shot // shots for shot in range(shots + 1)]
    spans = tuple(LatentSpan(a, b) for a, b in pairwise(edges))
    told = OF_ALL + shots * OF_SHOT
    padding = range(told, CONTEXT)
    windows = [
        (*range(OF_ALL), *range(OF_ALL + s * OF_SHOT, OF_ALL + (s + 1) * OF_SHOT), *padding)
        for s in range(shots)
    ]
    tokens = ROWS * COLUMNS // 4
    sparse = ShotLayout(shots=spans, frame_tokens=tokens, windows=tuple(windows), sparse=True)
    full = ShotLayout(shots=spans, frame_tokens=tokens, windows=None, sparse=False)
    return Scene(Geometry(rows=ROWS, columns=COLUMNS, shots=spans), sparse, full)


def folded(layout: ShotLayout, told: int) -> ShotLayout:
    """The layout as films have it: all rows of padding are one that is listed as often."""
    windows = layout.windows
    if windows is None:
        windows = (tuple(range(CONTEXT)),) * len(layout.shots)
    found = tuple(tuple(min(row, told) for row in window) for window in windows)
    return ShotLayout(
        shots=layout.shots, frame_tokens=layout.frame_tokens, windows=found, sparse=layout.sparse
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a scene's passes took, by way.

    Attributes:
        seconds: The median.
        error: Relative distance to diffusers' output of the same pass.
        flops: Of the pass.
    """

    seconds: dict[str, float]
    error: dict[str, float]
    flops: dict[str, int]


def passes(frames: int, shots: int, model: str, rounds: int, *, bf16: bool, kernel: str) -> Found:
    """Time every way in turn."""
    located = find_model(model)
    ours = load_component(located.component("transformer"), torch.float32).requires_grad_(False)
    stock = load_component(located.component("transformer"), torch.float32).requires_grad_(False)
    made = scene(frames, shots)
    told = OF_ALL + shots * OF_SHOT
    draw = torch.Generator().manual_seed(0)
    size = (1, ours.config.in_channels, made.latents.frames, ROWS, COLUMNS)
    text = torch.randn(1, told + 1, ours.config.text_dim, generator=draw)
    rows = torch.tensor([min(row, told) for row in range(CONTEXT)])
    given = {
        "hidden_states": torch.randn(size, generator=draw),
        "timestep": torch.tensor([700.0]),
        "return_dict": False,
    }
    context, plain = ShotContext(), dict(stock.attn_processors)
    fused = bf16 and kernel.startswith("fused")
    install(ours, context, "fused" if fused else "auto")
    if bf16 and kernel.endswith("erf"):
        gelu_by_erf(ours)

    def ours_by(layout: ShotLayout) -> Callable[[], Tensor]:
        there = folded(layout, told)

        def once() -> Tensor:
            context.layout = there
            shown: Tensor = ours(encoder_hidden_states=text, **given)[0]
            return shown

        return once

    def stock_by(processors: Any) -> Callable[[], Tensor]:
        with_names = isinstance(processors, dict)

        def once() -> Tensor:
            # A mapping is emptied by it.
            stock.set_attn_processor(dict(processors) if with_names else processors)
            shown: Tensor = stock(encoder_hidden_states=text[:, rows], **given)[0]
            return shown

        return once

    ways = {
        "full": ours_by(made.full),
        "stock": stock_by(plain),
        "sparse": ours_by(made.sparse),
        "stock, shot by shot": stock_by(ShotLoop(made.sparse)),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    shown = {}
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=bf16)
    with torch.no_grad(), autocast:
        for _ in range(rounds):
            for way, once in ways.items():
                started = time.perf_counter()
                shown[way] = once().float()
                seconds[way].append(time.perf_counter() - started)
    spec = located.spec
    flops = {
        way: forward_flops(spec, made.latents, attention="full" if way in WAYS[:2] else "sparse")
        for way in ways
    }
    return Found(
        {way: statistics.median(each[1:] or each) for way, each in seconds.items()},
        {
            ours: float((shown[ours] - shown[other]).norm() / shown[other].norm())
            for ours, other in (WAYS[:2], WAYS[2:])
        },
        {way: one.total for way, one in flops.items()},
    )


def matmul_rate(*, bf16: bool, side: int = 2048, rounds: int = 5) -> float:
    """FLOPs a second of a large product, the best of some."""
    draw = torch.Generator().manual_seed(0)
    a = torch.randn(side, side, generator=draw).to(torch.bfloat16 if bf16 else torch.float32)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def compare(lengths: Sequence[int], rounds: int, model: str) -> list[tuple[str, int, Found, float]]:
    """Precision, frames, what was found, and the rate of large products."""
    kernel = kernels.settle()
    precisions = [False]
    if computes_bf16("auto", torch.device("cpu")):
        precisions.append(True)
    found = []
    for bf16 in precisions:
        rate = matmul_rate(bf16=bf16)
        for frames in lengths:
            shots = SHOTS.get(frames, 4)
            count = 1 if frames >= ONCE else rounds + 1
            one = passes(frames, shots, model, count, bf16=bf16, kernel=kernel)
            found.append(("bfloat16" if bf16 else "float32", frames, one, rate))
    return found


def table(found: Sequence[tuple[str, int, Found, float]]) -> str:
    head = (
        "| precision | frames | full: s | stock: s | ratio | sparse: s | stock, shot by shot: s | "
        "ratio | sparse of full | share of FLOPs | of matmul's rate: full | sparse | error |"
    )
    rows = [head, "|---|" + "---|" * 12]
    for precision, frames, one, rate in found:
        s, flops = one.seconds, one.flops
        reached = [flops[way] / s[way] / rate for way in ("full", "sparse")]
        rows.append(
            f"| {precision} | {frames} | {s['full']:.2f} | {s['stock']:.2f} | "
            f"{s['full'] / s['stock']:.2f} | {s['sparse']:.2f} | {s[WAYS[3]]:.2f} | "
            f"{s['sparse'] / s[WAYS[3]]:.2f} | {s['sparse'] / s['full']:.2f} | "
            f"{flops['sparse'] / flops['full']:.2f} | {reached[0]:.0%} | {reached[1]:.0%} | "
            f"{max(one.error.values()):.1e} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[81, 241, 961])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="nano")
    args = parsed(parser, frames=[17], rounds=1)
    found = compare(args.frames, args.rounds, args.model)
    rates = {precision: rate for precision, _, _, rate in found}
    told = ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {name}" for name, rate in rates.items())
    print(f"*{machine()}; {args.model} at 224x128; large products reach {told}*\n")
    print(table(found))


if __name__ == "__main__":
    main()
