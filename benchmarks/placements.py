"""Estimated memory and work of HoloCine-14B scenes, per placement. Estimates, not measurements.

    python -m benchmarks.placements

The same arithmetic as `holocine plan` (model/cost.py, model/memory.py, model/host_memory.py), for
the profiles standard and final, with 50 steps and guidance; shots are evenly long.
benchmarks/memory_estimates.py has the GPU's beside measured ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction

from benchmarks.quick import parsed
from holocine_core.model.cost import activation_bytes, geometry, take_flops
from holocine_core.model.decode_cost import vae_decode_bytes
from holocine_core.model.host_memory import host_need
from holocine_core.model.memory import Needs, estimate_peaks
from holocine_core.model.placement import ON_GPU
from holocine_core.model.spec import MODELS
from holocine_core.script.timeline import Timeline, even_cuts

SCENES = ((81, 3), (241, 5), (241, 8), (961, 13))


def main() -> None:
    parsed(argparse.ArgumentParser(description=__doc__))
    table("standard", SCENES)
    table("final", SCENES[:3])
    main_memory()


def table(profile: str, scenes: Sequence[tuple[int, int]]) -> None:
    """What the scenes ask of a GPU at a profile's size."""
    said = MODELS["holocine-14b-sparse"].profiles[profile]
    print(
        f"# estimates in GiB for holocine-14b at {said.width}x{said.height} ({profile}), bfloat16; "
        f"work in PFLOP for {said.steps} steps\n"
    )
    print(f"| model | frames | shots | {' | '.join(ON_GPU)} | PFLOP |")
    print("|---|---|---|" + "---|" * (len(ON_GPU) + 1))
    for name in ("holocine-14b-sparse", "holocine-14b-full"):
        spec = MODELS[name]
        quality = spec.profiles[profile]
        width, height = quality.width, quality.height
        for frames, shots in scenes:
            cuts = tuple(cut.got for cut in even_cuts(frames, shots))
            latents = geometry(
                spec, Timeline(frames, cuts, Fraction(spec.fps)), width=width, height=height
            )
            needs = Needs(
                denoise_bytes=activation_bytes(spec, latents),
                decode_bytes=vae_decode_bytes(width, height, vae=spec.vae),
            )
            peaks = estimate_peaks(spec, needs, "bfloat16")
            work = take_flops(spec, latents, steps=quality.steps, guided=quality.steps)
            row = " | ".join(f"{peaks[strategy] / 2**30:.0f}" for strategy in ON_GPU)
            print(f"| {name} | {frames} | {shots} | {row} | {work / 1e15:.0f} |")
    print()


def main_memory() -> None:
    """What films of two takes and more ask of main memory, by placement and what of it is free."""
    spec = MODELS["holocine-14b-sparse"]
    print("Of main memory: held, and of weights that are read again and again, in GiB\n")
    print(f"| free | {' | '.join(ON_GPU)} |")
    print("|---|" + "---|" * len(ON_GPU))
    for free in (32, 64, 128, 256):
        row = []
        for strategy in ON_GPU:
            need = host_need(spec, Needs(takes=2), "bfloat16", strategy, "cuda", free * 2**30)
            row.append(f"{need.held / 2**30:.0f} and {need.mapped / 2**30:.0f}")
        print(f"| {free} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
