"""What a second of film costs by its length and by its shots', in FLOPs. Arithmetic, no clock.

    python -m benchmarks.lengths [--model holocine-14b-sparse]

Cost of a second of film, as times that of a film of 15 seconds with the same shots; `holocine plan`
counts FLOPs the same way (model/cost.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction

from benchmarks.quick import parsed
from holocine_core.model.cost import forward_flops, geometry
from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.script.timeline import Timeline, even_cuts

SECONDS = (5, 10, 15, 30, 45, 60)
SHOTS = (1.5, 3.0, 4.6)
"""Seconds of a shot."""
BASE = 15
GOAL = 1.4
"""Most that a second of the longest film should cost of one of the base's, from three-second shots
on."""


def flops_of_second(spec: ModelSpec, seconds: float, shot: float, attention: str) -> float:
    """FLOPs of one pass for each second of a film of evenly long shots."""
    frames = 4 * round(seconds * float(spec.fps) / 4) + 1
    cuts = tuple(cut.got for cut in even_cuts(frames, max(1, round(seconds / shot))))
    quality = spec.profiles["standard"]
    latents = geometry(
        spec,
        Timeline(frames, cuts, Fraction(spec.fps)),
        width=quality.width,
        height=quality.height,
    )
    kind = "full" if attention == "full" else "sparse"
    return forward_flops(spec, latents, attention=kind).total / seconds


def ratios(spec: ModelSpec, seconds: Sequence[int] = SECONDS) -> dict[str, list[float]]:
    """By kind of shots: cost of a second of each length, as times that of the base's."""
    found = {}
    for shot in (*SHOTS, None):
        attention, length = ("full", 3.0) if shot is None else ("sparse", shot)
        base = flops_of_second(spec, BASE, length, attention)
        title = "full attention" if shot is None else f"shots of {shot:g} s"
        found[title] = [flops_of_second(spec, each, length, attention) / base for each in seconds]
    return found


def table(found: dict[str, list[float]], seconds: Sequence[int] = SECONDS) -> str:
    rows = [
        f"| {title} | " + " | ".join(f"{value:.2f}" for value in each) + " |"
        for title, each in found.items()
    ]
    head = "| | " + " | ".join(f"{each} s" for each in seconds) + " |"
    return "\n".join([head, "|---|" + "---|" * len(seconds), *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="holocine-14b-sparse", choices=sorted(MODELS))
    args = parsed(parser)
    spec = MODELS[args.model]
    quality = spec.profiles["standard"]
    print(f"*{args.model} at {quality.width}x{quality.height}; cost of a second, {BASE} s = 1*\n")
    print(table(ratios(spec)))


if __name__ == "__main__":
    main()
