"""What it is worth that tokens are told their place: two small models from nothing, alike but for
that, on the same samples and noise.

    python -m benchmarks.places [--steps 300] [--scenes 512]

Both read by nano's text encoder and see by its codec. Printed is the held-out loss in the end, per
noise level. Every step takes 1.5 to 2 seconds on two cores of an AMD EPYC with
bfloat16.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model import spec
from holocine_core.train.recipe import Recipe
from holocine_core.train.run import train

NANO = Path(spec.__file__).parent / "nano"


@dataclass(frozen=True, slots=True)
class Run:
    """How long both train, on how many scenes, and on how many others they are measured."""

    steps: int
    scenes: int
    held_out: int
    size: str = "160x96"
    layers: int = 8


QUICK = Run(steps=1, scenes=8, held_out=8, size="48x32", layers=1)


def recipe(folder: Path, run: Run, *, places: bool) -> Recipe:
    """A run of a small transformer on short shots."""
    profile = {"width": 160, "height": 96, "steps": 20, "guidance": 3.0, "shift": 4.0}
    card = {"name": "places", "summary": "To compare.", "licence": "none"}
    return Recipe.model_validate(
        {
            "out": str(folder / ("with" if places else "without")),
            "model": {
                "new": {
                    "codec": str(NANO / "vae"),
                    "text": str(NANO),
                    "heads": 3,
                    "layers": run.layers,
                    "ffn": 768,
                    "places": places,
                    "card": {**card, "profiles": {"standard": profile}},
                }
            },
            "shift": 4.0,
            "optimizer": {"kind": "muon", "lr": 0.006, "weight_decay": 0.05},
            "schedule": {"warm_up": min(20, run.steps // 5), "decay": 0.4},
            "ema": 0.98,
            "phases": [
                {
                    "size": run.size,
                    "steps": run.steps,
                    "accumulate": 2,
                    "scenes": run.scenes,
                    "frames": [9, 29],
                    "shots": [1, 2],
                }
            ],
            "held_out": {"every": run.steps, "scenes": run.held_out},
            "checkpoints": {"every": run.steps},
            "cache": str(folder / "latents"),
        },
        strict=False,
    )


def held_out(out: Path) -> dict[str, float]:
    """The last measurement of a run."""
    lines = (out / "metrics.jsonl").read_text().splitlines()
    measured: list[dict[str, float]] = [one for one in map(json.loads, lines) if "held_out" in one]
    return measured[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--scenes", type=int, default=512)
    parser.add_argument("--held-out", type=int, default=32, help="scenes to measure on")
    args = parsed(parser, steps=QUICK.steps, scenes=QUICK.scenes, held_out=QUICK.held_out)
    run = Run(args.steps, args.scenes, args.held_out)
    if args.quick:
        run = replace(run, size=QUICK.size, layers=QUICK.layers)
    print(f"*{machine()}; 16 samples a step, {args.steps} steps, {args.scenes} scenes*\n")
    print("| tokens know their place | held-out loss | from low noise to high | another's text |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home:
        for places in (False, True):
            made = recipe(Path(home), run, places=places)
            train(made, device="cpu")
            found = held_out(Path(made.out))
            levels = " / ".join(f"{found[f'held_out/{i}']:.3f}" for i in range(5))
            cells = [found["held_out"], found["held_out/swapped_text"]]
            mean, told = (f"{loss:.4f}" for loss in cells)
            print(f"| {'yes' if places else 'no'} | {mean} | {levels} | {told} |", flush=True)


if __name__ == "__main__":
    main()
