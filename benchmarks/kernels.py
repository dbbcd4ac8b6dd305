"""The ways in which a CPU computes nano, in turn: time of a pass, and its error against float32.

    python -m benchmarks.kernels [--rounds 5] [--frames 121] [--model nano]

What each machine measures by itself (holocine_core/model/kernels.py) is printed below.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch

from benchmarks.machine import machine
from holocine_core.model import kernels
from holocine_core.model.attention.layout import ShotContext, ShotLayout, gelu_by_erf, install
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from holocine_core.script.timeline import LatentSpan

ROWS, COLUMNS = 16, 28
"""Latents of nano's pictures."""
SHOTS, TEXT, PADDING = 4, 90, 400


@contextlib.contextmanager
def computed_by(network: Any, context: ShotContext, kernel: str | None) -> Iterator[None]:
    """A network that computes by a kernel; in float32 where None."""
    fused = kernel is not None and kernel.startswith("fused")
    install(network, context, "fused" if fused else "auto")
    if kernel is not None and kernel.endswith("erf"):
        gelu_by_erf(network)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=kernel is not None):
        yield
    for block in network.blocks:
        block.ffn.net[0].approximate = "tanh"


def layout(latent_frames: int, *, sparse: bool) -> ShotLayout:
    """Four shots of the same length, each with a text of its own and the padding of all."""
    edges = [latent_frames * shot // SHOTS for shot in range(SHOTS + 1)]
    own = (TEXT - 31) // SHOTS
    windows = [
        (*range(30), *range(30 + own * s, 30 + own * (s + 1)), *[TEXT - 1] * PADDING)
        for s in range(SHOTS)
    ]
    return ShotLayout(
        shots=tuple(LatentSpan(a, b) for a, b in pairwise(edges)),
        frame_tokens=ROWS * COLUMNS // 4,
        windows=tuple(windows),
        sparse=sparse,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=121)
    parser.add_argument("--model", default="nano")
    args = parser.parse_args()
    network = load_component(find_model(args.model).component("transformer"), torch.float32)
    context, latent_frames = ShotContext(), (args.frames - 1) // 4 + 1
    draw = torch.Generator().manual_seed(0)
    size = (1, network.config.in_channels, latent_frames, ROWS, COLUMNS)
    given = {
        "hidden_states": torch.randn(size, generator=draw),
        "timestep": torch.tensor([700.0]),
        "encoder_hidden_states": torch.randn(1, TEXT, network.config.text_dim, generator=draw),
        "return_dict": False,
    }
    print(
        f"*{machine()}; {torch.get_num_threads()} threads, {args.model}, {args.frames} frames of "
        f"{SHOTS} shots, {args.rounds} rounds in turn*\n"
    )
    print("| kernel | sparse: s | ratio | error | full: s | ratio | error |")
    print("|---|---|---|---|---|---|---|")
    rows: dict[str, list[str]] = {kernel: [] for kernel in kernels.KERNELS}
    for sparse in (True, False):
        context.layout = layout(latent_frames, sparse=sparse)
        with computed_by(network, context, None):
            exact = network(**given)[0]
        seconds: dict[str, list[float]] = {kernel: [] for kernel in kernels.KERNELS}
        errors = {}
        for _ in range(args.rounds + 1):
            for kernel, each in seconds.items():
                with computed_by(network, context, kernel):
                    started = time.perf_counter()
                    found = network(**given)[0].float()
                    each.append(time.perf_counter() - started)
                errors[kernel] = float((found - exact).norm() / exact.norm())
        # The first round fills caches.
        medians = {kernel: statistics.median(each[1:]) for kernel, each in seconds.items()}
        for kernel, row in rows.items():
            ratio = medians[kernel] / medians["products"]
            row += [f"{medians[kernel]:.3f}", f"{ratio:.2f}", f"{errors[kernel]:.2%}"]
    for kernel, row in rows.items():
        print(f"| {kernel} | " + " | ".join(row) + " |")
    told = ", ".join(f"{name} {1000 * took:.2f} ms" for name, took in kernels.measure().items())
    print(f"\nMeasured by itself: {told}")


if __name__ == "__main__":
    main()
