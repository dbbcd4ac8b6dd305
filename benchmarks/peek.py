"""What --peek costs: the time of a picture, and its operations beside a step's.

python -m benchmarks.peek [MODEL ...] [--times 20]

Latents are random, of the size of a scene of so many shots; nothing is denoised, and weights need
not be there. A picture is made after every second step.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core import api
from holocine_core.events import Event
from holocine_core.model.colours import colours_of
from holocine_core.sample.noise import latent_shape
from holocine_core.sample.peek import Peek, Seen

SCENE = """
global: A quay.
frames: {frames}
shots: [{shots}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["nano", "holocine-14b-sparse"])
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--times", type=int, default=20)
    asked = parsed(parser, times=2)
    folder = scratch()
    screenplay = folder / "quay.yaml"
    shots = ", ".join(f"Shot {number}." for number in range(asked.shots))
    screenplay.write_text(SCENE.format(frames=asked.frames, shots=shots), encoding="utf-8")
    print(f"*{machine()}; {asked.frames} frames, {asked.shots} shots*\n")
    print("| model | size | ms a picture | its MFLOP | a step's TFLOP | share |")
    print("|---|---|---|---|---|---|")
    for model in asked.models:
        print(
            _row(api.plan(screenplay, api.Request(model=model)), folder / "peek.png", asked.times)
        )


def _row(plan: api.Plan, picture: Path, times: int) -> str:
    (take,) = plan.takes
    x, velocity = torch.randn(2, *latent_shape(plan, take))
    peek = Peek(picture)

    def fails(event: Event) -> None:
        raise AssertionError(event)

    steps = take.sampling.steps
    seen = Seen(plan=plan, take=take, step=steps, x=x, velocity=velocity, sigma=0.5)
    peek(seen, fails)
    began = time.process_time()
    for _ in range(times):
        peek(seen, fails)
    spent = (time.process_time() - began) / times
    _, channels, _, rows, columns = x.shape
    width = 3 * colours_of(plan.model).patch ** 2
    flops = take.timeline.shots * rows * columns * 2 * channels * (width + 1)
    step = take.cost.flops / steps
    size = f"{take.sampling.width}x{take.sampling.height}"
    return (
        f"| {plan.model.spec.name} | {size} | {spent * 1000:.1f} | {flops / 1e6:.1f} "
        f"| {step / 1e12:.3g} | {flops / step:.1e} |"
    )


if __name__ == "__main__":
    main()
