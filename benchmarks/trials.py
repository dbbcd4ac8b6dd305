"""Changes that were thought to make nano faster on a CPU, each beside the code as it is.

    python -m benchmarks.trials [--rounds 7] [--frames 121] [--model nano]

*expected* is what a trial of one block on one thread had shown, on a processor with tiles for
bfloat16; *here* is a whole pass, or a whole decoding, in turn with the code as it is. *error* is
the relative distance to float32 (of the decoder: PSNR to its float32, in dB). None of them is
taken.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.kernels import computed_by, inputs, layout
from benchmarks.losses import psnr
from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model import hardware, kernels
from holocine_core.model.attention import cpu
from holocine_core.model.attention.layout import ShotContext
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component

Change = Callable[[Any], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def as_it_is(network: Any) -> Iterator[None]:
    yield


def _folded(block: Any, hidden: Tensor, text: Tensor, temb: Tensor, rotary: Any) -> Tensor:
    """A Wan block whose modulation is the weight and bias of its norms, and whose gates add in one
    pass."""
    shift, scale, gate, shift_2, scale_2, gate_2 = (
        part.flatten() for part in (block.scale_shift_table + temb.float()).chunk(6, dim=1)
    )

    def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], weight, bias, eps)

    normed = norm(hidden, 1 + scale, shift, block.norm1.eps)
    hidden = torch.addcmul(hidden, block.attn1(normed, None, None, rotary), gate).type_as(hidden)
    normed = norm(hidden, block.norm2.weight, block.norm2.bias, block.norm2.eps)
    hidden = hidden + block.attn2(normed, text, None, None)
    normed = norm(hidden, 1 + scale_2, shift_2, block.norm3.eps)
    return torch.addcmul(hidden, block.ffn(normed), gate_2).type_as(hidden)


@contextlib.contextmanager
def folded(network: Any) -> Iterator[None]:
    for block in network.blocks:
        block.forward = MethodType(_folded, block)
    yield
    for block in network.blocks:
        del block.forward


@contextlib.contextmanager
def cast_once(network: Any) -> Iterator[None]:
    """The blocks' weights in bfloat16, which autocast casts them to in every pass."""
    layers = [one for one in network.blocks.modules() if isinstance(one, torch.nn.Linear)]
    held = [[weight.data for weight in layer.parameters()] for layer in layers]
    for layer in layers:
        layer.to(torch.bfloat16)
    yield
    for layer, weights in zip(layers, held, strict=True):
        for weight, data in zip(layer.parameters(), weights, strict=True):
            weight.data = data


@contextlib.contextmanager
def rows_of(scores: int) -> Iterator[None]:
    with patch.object(cpu, "SCORES", scores):
        yield


PASSES: dict[str, tuple[str, Change]] = {
    "modulation and gates folded into norms": ("0.82 to 0.98", folded),
    "weights in bfloat16 once, not in every pass": ("-", cast_once),
    "half as many scores at a time": ("-", lambda network: rows_of(cpu.SCORES // 2)),
    "a shot's scores all at a time": ("-", lambda network: rows_of(2**40)),
}
"""By change of a pass: the ratio that was expected, and how to make it."""


def in_turn(
    ways: dict[str, Callable[[], Tensor]], rounds: int
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Median seconds, and what each gave."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    shown = {}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            shown[name] = way()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}, shown


def print_passes(model: str, frames: int, rounds: int) -> None:
    network = load_component(find_model(model).component("transformer"), torch.float32)
    network.requires_grad_(False)
    context, latent_frames = ShotContext(), (frames - 1) // 4 + 1
    context.layout = layout(latent_frames, sparse=True)
    given = inputs(network, latent_frames)
    with computed_by(network, context, None):
        exact = network(**given)[0]

    def with_change(change: Change) -> Callable[[], Tensor]:
        def once() -> Tensor:
            with change(network):
                shown: Tensor = network(**given)[0].float()
                return shown

        return once

    changes = {"as it is": ("-", as_it_is), **PASSES}
    with computed_by(network, context, kernels.settle()):
        seconds, shown = in_turn(
            {name: with_change(change) for name, (_, change) in changes.items()}, rounds
        )
    print("| change of a pass | expected | here | error |")
    print("|---|---|---|---|")
    for name, (expected, _) in changes.items():
        ratio = seconds[name] / seconds["as it is"]
        error = float((shown[name] - exact).norm() / exact.norm())
        print(f"| {name} | {expected} | {ratio:.2f} | {error:.2%} |")
    print(f"\nA pass takes {seconds['as it is']:.3f} s.\n")


def print_decoder(model: str, frames: int, rounds: int) -> None:
    from holocine_core.sample.vae import decode_latents

    vae = load_component(find_model(model).component("vae"), torch.float32)
    draw = torch.Generator().manual_seed(0)
    latents = torch.randn(1, vae.config.z_dim, (frames - 1) // 4 + 1, 16, 28, generator=draw)

    def decoded(*, last: bool, bf16: bool) -> Callable[[], Tensor]:
        def once() -> Tensor:
            for weight in vae.parameters():
                if weight.ndim == 4:
                    order = torch.channels_last if last else torch.contiguous_format
                    weight.data = weight.data.contiguous(memory_format=order)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                return torch.cat([torch.from_numpy(one) for one in decode_latents(vae, latents)])

        return once

    ways = {
        "as it is": ("-", decoded(last=False, bf16=False)),
        "channels last": ("0.66", decoded(last=True, bf16=False)),
        "bfloat16": ("0.56", decoded(last=False, bf16=True)),
        "both": ("0.33", decoded(last=True, bf16=True)),
    }
    seconds, shown = in_turn({name: way for name, (_, way) in ways.items()}, rounds)
    print("| change of the decoder | expected | here | PSNR |")
    print("|---|---|---|---|")
    for name, (expected, _) in ways.items():
        likeness = psnr(shown[name].float() / 255, shown["as it is"].float() / 255)
        ratio = seconds[name] / seconds["as it is"]
        print(f"| {name} | {expected} | {ratio:.2f} | {likeness:.1f} |")
    print(f"\n{frames} frames take {seconds['as it is']:.2f} s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=121)
    parser.add_argument("--model", default="nano")
    args = parsed(parser, rounds=1, frames=17)
    hardware.keep_freed_memory()
    print(f"*{machine()}; {args.model}, {args.frames} frames, {args.rounds} rounds in turn*\n")
    print_passes(args.model, args.frames, args.rounds)
    print_decoder(args.model, args.frames, args.rounds)


if __name__ == "__main__":
    main()
