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
from pathlib import Path

from benchmarks.machine import machine
from holocine_core.model import spec
from holocine_core.train.recipe import Recipe
from holocine_core.train.trainer import train

NANO = Path(spec.__file__).parent / "nano"


def recipe(folder: Path, steps: int, scenes: int, *, places: bool) -> Recipe:
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
                    "layers": 8,
                    "ffn": 768,
                    "places": places,
                    "card": {**card, "profiles": {"standard": profile}},
                }
            },
            "shift": 4.0,
            "optimizer": {"kind": "muon", "lr": 0.006, "weight_decay": 0.05},
            "schedule": {"warm_up": min(20, steps // 5), "decay": 0.4},
            "ema": 0.98,
            "phases": [
                {
                    "size": "160x96",
                    "steps": steps,
                    "accumulate": 2,
                    "scenes": scenes,
                    "frames": [9, 29],
                    "shots": [1, 2],
                }
            ],
            "held_out": {"every": steps, "scenes": 32},
            "checkpoints": {"every": steps},
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
    args = parser.parse_args()
    print(f"*{machine()}; 16 samples a step, {args.steps} steps, {args.scenes} scenes*\n")
    print("| tokens know their place | held-out loss | from low noise to high | another's text |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home:
        for places in (False, True):
            made = recipe(Path(home), args.steps, args.scenes, places=places)
            train(made, device="cpu")
            found = held_out(Path(made.out))
            levels = " / ".join(f"{found[f'held_out/{i}']:.3f}" for i in range(5))
            cells = [found["held_out"], found["held_out/swapped_text"]]
            mean, told = (f"{loss:.4f}" for loss in cells)
            print(f"| {'yes' if places else 'no'} | {mean} | {levels} | {told} |", flush=True)


if __name__ == "__main__":
    main()
