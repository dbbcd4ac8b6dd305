"""What weights lose in 8 bits: without scales, with one for a matrix, with one for each row.

    python -m benchmarks.fp8_error [--side 2048] [--model nano] [--frames 33]

First matrices by themselves, drawn with magnitudes as Wan's have and nano's own; then whole passes,
computed in float32 with plain weights and with stored ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.kernels import inputs, layout
from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model.attention.layout import ShotContext, install
from holocine_core.model.fp8 import FLOAT8, ScaledLinear, ScaledWeight, scaled_by_rows
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component

E4M3, E5M2 = FLOAT8
SPREADS = (0.04, 0.02, 0.01)
"""Standard deviations of drawn matrices."""


def bare(weight: Tensor, dtype: torch.dtype) -> ScaledWeight:
    """Rounded to the type, without a scale."""
    return ScaledWeight(weight.to(dtype), None)


def scaled_whole(weight: Tensor) -> ScaledWeight:
    """One scale for the matrix, as most published files have it."""
    scale = weight.abs().max() / torch.finfo(E4M3).max
    return ScaledWeight((weight / scale).to(E4M3), scale)


STORES: dict[str, Callable[[Tensor], ScaledWeight]] = {
    "e5m2": lambda weight: bare(weight, E5M2),
    "e4m3": lambda weight: bare(weight, E4M3),
    "e4m3, a scale": scaled_whole,
    "e4m3, scales of rows": scaled_by_rows,
}


def drawn(side: int) -> Iterator[tuple[str, list[Tensor]]]:
    """Square matrices of normal numbers, and one whose rows differ in size."""
    draw = torch.Generator().manual_seed(0)
    for spread in SPREADS:
        yield f"drawn, {spread}", [torch.randn(side, side, generator=draw) * spread]
    rows = 0.04 * 10 ** -torch.rand(side, 1, generator=draw)
    yield "drawn, rows of 0.004 to 0.04", [torch.randn(side, side, generator=draw) * rows]


def matrices(network: Any) -> dict[str, nn.Linear]:
    """Those of a transformer's blocks, by name."""
    return {
        f"blocks.{name}": layer
        for name, layer in network.blocks.named_modules()
        if isinstance(layer, nn.Linear)
    }


def losses(weights: Iterable[Tensor]) -> dict[str, tuple[float, float]]:
    """By store: the error relative to all numbers, and the share of them that become 0."""
    found = {}
    kept = [weight.float() for weight in weights]
    whole = sum(float(weight.square().sum()) for weight in kept)
    count = sum(weight.numel() for weight in kept)
    for name, store in STORES.items():
        given = [store(weight).to(torch.float32) for weight in kept]
        off = sum(float((a - b).square().sum()) for a, b in zip(given, kept, strict=True))
        gone = sum(int(((a == 0) & (b != 0)).sum()) for a, b in zip(given, kept, strict=True))
        found[name] = ((off / whole) ** 0.5, gone / count)
    return found


def print_matrices(side: int, network: Any, model: str) -> None:
    own = [layer.weight.detach() for layer in matrices(network).values()]
    print("| matrices | " + " | ".join(f"{name} | become 0" for name in STORES) + " |")
    print("|---|" + "---|---|" * len(STORES))
    for name, weights in (*drawn(side), (f"{model}'s {len(own)}", own)):
        cells = (f"{error:.2%} | {gone:.2%}" for error, gone in losses(weights).values())
        print(f"| {name} | " + " | ".join(cells) + " |")


@torch.no_grad()
def print_passes(network: Any, model: str, frames: int) -> None:
    context, latent_frames = ShotContext(), (frames - 1) // 4 + 1
    context.layout = layout(latent_frames, sparse=True)
    install(network, context)
    given = inputs(network, latent_frames)
    plain = matrices(network)
    exact = network(**given)[0]
    print(f"\n| {model}, {frames} frames | error of a pass |")
    print("|---|---|")
    for name, store in STORES.items():
        for path, layer in plain.items():
            weight = store(layer.weight.detach())
            network.set_submodule(path, ScaledLinear(layer, weight, torch.float32))
        error = float((network(**given)[0] - exact).norm() / exact.norm())
        print(f"| {name} | {error:.2%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--frames", type=int, default=33)
    args = parsed(parser, side=128, frames=17)
    network = load_component(find_model(args.model).component("transformer"), torch.float32)
    print(f"*{machine()}; float32, matrices of {args.side}x{args.side}*\n")
    print_matrices(args.side, network, args.model)
    print_passes(network, args.model, args.frames)


if __name__ == "__main__":
    main()
