"""How fast training steps of small models are on this CPU, and where their time goes.

python -m benchmarks.step [--rounds 3] [--threads 2] [--batch 8]

Forward and backward on random clips with texts of their own; no optimizer, no data. Setups take
turns, the best of the rounds counts. Seconds are the process's on its cores divided by the threads,
so that a busy machine disturbs them little (most truthful with --threads 1).
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from unittest.mock import patch

import torch
from diffusers import WanTransformer3DModel
from torch.profiler import ProfilerActivity, profile

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model.attention import layout as shot_attention
from holocine_core.model.attention import segments
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.script.timeline import LatentSpan

FRAMES = 17
CHANNELS = 24
TEXT_DIM = 128
CONTEXT = 512
SIZES = {"160x96": (12, 20), "80x48": (6, 10)}
"""Latent rows and columns."""
SHAPES = {
    "192 x 8 x 768": (3, 8, 768),
    "256 x 10 x 768": (4, 10, 768),
    "320 x 12 x 960": (5, 12, 960),
}
"""Heads of 64 channels, layers, inner width; the second is nano's."""
QUICK_SIZES = {"48x32": (4, 6)}
QUICK_SHAPES = {"64 x 1 x 64": (1, 1, 64), "64 x 2 x 64": (1, 2, 64)}
PARTS = {
    "linear layers": ("aten::mm", "aten::addmm"),
    "attention": ("aten::bmm", "aten::_softmax", "aten::_softmax_backward_data", "_Products"),
    "gelu": ("aten::gelu", "aten::gelu_backward"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A way to compute a step.

    Attributes:
        bf16: bfloat16 autocast.
        bf16_weights: Weights in bfloat16 too.
        written_out: The written-out gradients of holocine_core/model/attention/cpu.py.
        folded: Padding rows of the text laid together.
    """

    bf16: bool = True
    bf16_weights: bool = False
    written_out: bool = True
    folded: bool = True


SETUPS = {
    "float32": Setup(bf16=False),
    "bf16 autocast, torch's attention, padding in full": Setup(written_out=False, folded=False),
    "bf16 autocast, torch's attention": Setup(written_out=False),
    "bf16 autocast": Setup(),
    "bf16 weights": Setup(bf16_weights=True),
}


def build(heads: int, layers: int, ffn: int) -> WanTransformer3DModel:
    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=heads,
        attention_head_dim=64,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        text_dim=TEXT_DIM,
        freq_dim=128,
        ffn_dim=ffn,
        num_layers=layers,
    )


def layout(size: str, batch: int, *, folded: bool) -> ShotLayout:
    """Four shots; every item's text has 40 tokens for all and 12 or more for each shot."""
    rows, columns = SIZES[size]
    edges = [FRAMES * i // 4 for i in range(5)]
    items = []
    for i in range(batch):
        own = 12 + i
        tokens = 40 + 4 * own
        padding = [tokens] * (CONTEXT - tokens) if folded else range(tokens, CONTEXT)
        windows = [(*range(40), *range(40 + s * own, 40 + (s + 1) * own)) for s in range(4)]
        items.append(tuple((*window, *padding) for window in windows))
    return ShotLayout(
        shots=tuple(LatentSpan(a, b) for a, b in pairwise(edges)),
        frame_tokens=rows * columns // 4,
        item_windows=tuple(items),
        sparse=True,
    )


@contextlib.contextmanager
def written_out(on: bool) -> Iterator[None]:
    """Switches the written-out gradients."""
    if on:
        yield
        return
    with (
        patch.object(shot_attention, "by_hand", lambda x, **_: False),
        patch.object(segments, "by_hand", lambda x, **_: False),
    ):
        yield


def stepper(
    network: WanTransformer3DModel, size: str, batch: int, setup: Setup, device: str = "cpu"
) -> Callable[[], None]:
    """One forward and backward of a setup, on the network's device."""
    context = ShotContext()
    shots = layout(size, batch, folded=setup.folded)
    assert shots.item_windows is not None
    length = 1 + max(max(map(max, windows)) for windows in shots.item_windows)
    clips = torch.randn(batch, CHANNELS, FRAMES, *SIZES[size], device=device)
    text = torch.randn(batch, length, TEXT_DIM, device=device)
    times = torch.rand(batch, device=device) * 1000
    weights = torch.bfloat16 if setup.bf16_weights else torch.float32

    def step() -> None:
        install(network, context)
        network.to(weights)
        context.layout = shots
        with (
            torch.autocast(device, torch.bfloat16, enabled=setup.bf16),
            written_out(setup.written_out),
        ):
            out = network(
                hidden_states=clips.to(weights),
                timestep=times,
                encoder_hidden_states=text.to(weights),
                return_dict=False,
            )[0]
        out.float().square().mean().backward()
        network.zero_grad()

    return step


def second() -> str:
    """The name of the shape that setups are compared on."""
    return list(SHAPES)[1]


def best(steps: dict[str, Callable[[], None]], rounds: int, threads: int) -> dict[str, float]:
    """Seconds of every step, taken in turns."""
    seconds = dict.fromkeys(steps, float("inf"))
    for turn in range(rounds + 1):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if turn:  # The first one fills caches.
                seconds[name] = min(seconds[name], (time.process_time() - started) / threads)
    return seconds


def print_setups(rounds: int, threads: int, batch: int) -> None:
    shape = second()
    network = build(*SHAPES[shape])
    print(f"| {shape} | " + " | ".join(f"{s}: samples/s | tokens/s | x" for s in SIZES) + " |")
    print("|---|" + "---|---|---|" * len(SIZES))
    columns = []
    for size in SIZES:
        steps = {name: stepper(network, size, batch, setup) for name, setup in SETUPS.items()}
        columns.append(best(steps, rounds, threads))
    for name in SETUPS:
        cells = []
        for size, seconds in zip(SIZES, columns, strict=True):
            tokens = FRAMES * SIZES[size][0] * SIZES[size][1] // 4
            rate = batch / seconds[name]
            gain = seconds["float32"] / seconds[name]
            cells.append(f"{rate:.2f} | {rate * tokens:.0f} | {gain:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


def print_shapes(rounds: int, threads: int, batch: int) -> None:
    print(
        "\n| width x layers x inner | parameters | "
        + " | ".join(f"{s}: samples/s" for s in SIZES)
        + " |"
    )
    print("|---|---|" + "---|" * len(SIZES))
    networks = {name: build(*shape) for name, shape in SHAPES.items()}
    columns = []
    for size in SIZES:
        steps = {n: stepper(network, size, batch, Setup()) for n, network in networks.items()}
        columns.append(best(steps, rounds, threads))
    for name, network in networks.items():
        size = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        rates = " | ".join(f"{batch / seconds[name]:.2f}" for seconds in columns)
        print(f"| {name} | {size:.1f} M | {rates} |")


def print_parts(batch: int) -> None:
    largest = next(iter(SIZES))
    step = stepper(build(*SHAPES[second()]), largest, batch, Setup())
    step()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step()
    spent = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(spent.values())
    print(f"\n| part of a step at {largest} | share |\n|---|---|")
    rest = 1.0
    for part, names in PARTS.items():
        share = sum(time for key, time in spent.items() if key.startswith(names)) / total
        rest -= share
        print(f"| {part} | {share:.0%} |")
    print(f"| norms, modulation, rotation, casts and the like | {rest:.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=8)
    args = parsed(parser, rounds=1, threads=1, batch=2)
    torch.set_num_threads(args.threads)
    print(f"# {machine()}; {args.threads} threads, batch {args.batch}, {FRAMES} latent frames\n")
    with (
        patch.dict(SIZES, QUICK_SIZES if args.quick else SIZES, clear=True),
        patch.dict(SHAPES, QUICK_SHAPES if args.quick else SHAPES, clear=True),
    ):
        print_setups(args.rounds, args.threads, args.batch)
        print_shapes(args.rounds, args.threads, args.batch)
        print_parts(args.batch)


if __name__ == "__main__":
    main()
