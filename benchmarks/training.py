"""Steps of training nano by `holocine train`, beside another checkout's.

    python -m benchmarks.training [--checkout DIR] [--rounds 3] [--steps 6] [--batch 4]

The same few steps on the same drawn scenes, in turn, each run a process of its own in an empty
folder. Counted is what the run's metrics tell of every step but the first two. Gradients are held
to float32's by tests/model/test_cpu_attention.py.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, tiny

RECIPE = """
out: run
seed: 1
model: {{folder: {folder}}}
parts: [transformer]
shift: 8.0
optimizer: {{kind: muon, lr: 0.0001}}
schedule: {{warm_up: 1, decay: 0.5}}
phases:
  - size: {size}
    steps: {steps}
    batch: {batch}
    scenes: {scenes}
    first_seed: 3100000
    frames: {frames}
    shots: [1, 5]
    world:
      sets: [library]
      times: [day]
      weathers: [clear]
      sizes: [wide, medium]
      angles: [eye-level]
      movements: [static]
      actions: [stand, walk]
      casts: [one]
"""
SETTLING = 2
"""Steps that are not counted."""


def seconds_of_steps(home: Path, args: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Seconds of every counted step of one run with a checkout's code, and all losses."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = RECIPE.format(
            folder=args.model or home / "holocine_core" / "model" / "nano",
            size=args.size,
            steps=args.steps,
            batch=args.batch,
            scenes=max(8, 2 * args.batch),
            frames=args.frames,
        )
        (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
        subprocess.run(
            [sys.executable, "-m", "holocine_cli", "train", "recipe.yaml"],
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(home)},
            capture_output=True,
        )
        (metrics,) = folder.rglob("metrics.jsonl")
        told = [json.loads(line) for line in metrics.read_text().splitlines()]
    of_steps = [line for line in told if "seconds" in line and "loss" in line]
    return (
        [line["seconds"] for line in of_steps][SETTLING:],
        [line["loss"] for line in of_steps],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, metavar="DIR", help="of another commit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, nargs=2, default=[17, 61])
    parser.add_argument("--size", default="224x128")
    parser.add_argument("--model", help="a folder; left out: every checkout's own nano")
    args = parsed(parser, rounds=1, steps=3, batch=1, frames=[5, 9], size="48x32", model=tiny)
    homes = {"this code": Path(__file__).resolve().parents[1]}
    if args.checkout:
        homes["the other"] = args.checkout.resolve()
    seconds: dict[str, list[float]] = {name: [] for name in homes}
    losses = {}
    for _ in range(args.rounds):
        for name, home in homes.items():
            found, losses[name] = seconds_of_steps(home, args)
            seconds[name] += found
    low, high = args.frames
    print(
        f"*{machine()}; {args.model or 'nano'} at {args.size}, {args.batch} scenes a step of "
        f"{low} to {high} frames, {args.rounds} runs of {args.steps} steps in turn*\n"
    )
    print("| | median s a step | ratio | first and last loss |")
    print("|---|---|---|---|")
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, middle in medians.items():
        ratio = middle / list(medians.values())[-1]
        ends = f"{losses[name][0]:.4f}, {losses[name][-1]:.4f}"
        print(f"| {name} | {middle:.2f} | {ratio:.2f} | {ends} |")


if __name__ == "__main__":
    main()
