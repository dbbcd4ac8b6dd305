"""Estimated GPU memory and work of HoloCine-14B scenes, per placement. Estimates, not measurements.

    python -m benchmarks.placements

The same arithmetic as `holocine plan` (model/cost.py, model/placement.py), at 832x480 with 50 steps
and guidance; shots are evenly long.
"""

from __future__ import annotations

import argparse
from fractions import Fraction

from benchmarks.quick import parsed
from holocine_core.model.cost import activation_bytes, geometry, take_flops
from holocine_core.model.decode_cost import vae_decode_bytes
from holocine_core.model.placement import STRATEGIES, estimate_peaks
from holocine_core.model.spec import MODELS
from holocine_core.script.timeline import Timeline, even_cuts

SCENES = ((81, 3), (241, 5), (241, 8), (961, 13))


def main() -> None:
    parsed(argparse.ArgumentParser(description=__doc__))
    print("# estimates in GiB for holocine-14b at 832x480, bfloat16; work in PFLOP for 50 steps\n")
    print(f"| model | frames | shots | {' | '.join(STRATEGIES)} | PFLOP |")
    print("|---|---|---|" + "---|" * (len(STRATEGIES) + 1))
    for name in ("holocine-14b-sparse", "holocine-14b-full"):
        spec = MODELS[name]
        quality = spec.profiles["standard"]
        size = {"width": quality.width, "height": quality.height}
        for frames, shots in SCENES:
            cuts = tuple(cut.got for cut in even_cuts(frames, shots))
            latents = geometry(spec, Timeline(frames, cuts, Fraction(spec.fps)), **size)
            held = max(activation_bytes(spec, latents), vae_decode_bytes(**size))
            peaks = estimate_peaks(spec, held, "bfloat16")
            work = take_flops(spec, latents, steps=quality.steps, guided=quality.steps)
            row = " | ".join(f"{peaks[strategy] / 2**30:.0f}" for strategy in STRATEGIES)
            print(f"| {name} | {frames} | {shots} | {row} | {work / 1e15:.0f} |")


if __name__ == "__main__":
    main()
