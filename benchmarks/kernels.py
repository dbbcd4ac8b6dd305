"""The ways in which a CPU computes nano, in turn: time of a pass, and its error against float32.

    python -m benchmarks.kernels [--rounds 5] [--frames 121] [--model nano]

What each machine measures by itself (holocine_core/model/kernels.py) is printed below, and what a
pass takes with the memory it freed used again, as the command has it, and given back, as glibc's
malloc does by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model import hardware, kernels
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


def print_reuse(rounds: int, frames: int, model: str, processes: int) -> None:
    """A pass in processes of their own, in turn."""
    words = ["--rounds", str(rounds), "--frames", str(frames), "--model", model]
    found: dict[str, list[tuple[float, float]]] = {"yes": [], "no": []}
    for _ in range(processes):
        for reuse, each in found.items():
            call = [sys.executable, "-m", "benchmarks.kernels", "--reuse", reuse, *words]
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            seconds, faults = map(float, done.stdout.split())
            each.append((seconds, faults))
    print("\n| freed memory used again | s | page faults of a pass |")
    print("|---|---|---|")
    for reuse, each in found.items():
        seconds, faults = (statistics.median(one) for one in zip(*each, strict=True))
        print(f"| {reuse} | {seconds:.3f} | {faults:.0f} |")


def time_passes(rounds: int, frames: int, model: str, *, reuse: bool) -> tuple[float, float]:
    """The median seconds of a pass in this process, and its page faults."""
    if reuse:
        hardware.keep_freed_memory()
    network = load_component(find_model(model).component("transformer"), torch.float32)
    context, latent_frames = ShotContext(), (frames - 1) // 4 + 1
    context.layout = layout(latent_frames, sparse=True)
    given, seconds = inputs(network, latent_frames), []
    with computed_by(network, context, kernels.KERNELS[0]):
        for _ in range(3):  # The heap grows.
            network(**given)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(rounds):
            started = time.perf_counter()
            network(**given)
            seconds.append(time.perf_counter() - started)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return statistics.median(seconds), faults / rounds


def inputs(network: Any, latent_frames: int) -> dict[str, Any]:
    """Of a pass."""
    draw = torch.Generator().manual_seed(0)
    size = (1, network.config.in_channels, latent_frames, ROWS, COLUMNS)
    return {
        "hidden_states": torch.randn(size, generator=draw),
        "timestep": torch.tensor([700.0]),
        "encoder_hidden_states": torch.randn(1, TEXT, network.config.text_dim, generator=draw),
        "return_dict": False,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=121)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--reuse", choices=["yes", "no"], help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=3, help="that take passes, of each kind")
    args = parsed(parser, rounds=1, frames=17, processes=1)
    if args.reuse:
        print(*time_passes(args.rounds, args.frames, args.model, reuse=args.reuse == "yes"))
        return
    network = load_component(find_model(args.model).component("transformer"), torch.float32)
    context, latent_frames = ShotContext(), (args.frames - 1) // 4 + 1
    given = inputs(network, latent_frames)
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
    print_reuse(args.rounds, args.frames, args.model, args.processes)


if __name__ == "__main__":
    main()
