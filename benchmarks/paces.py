"""Paces that ship: how long films of nano take on this machine, told to those who have the same
processor and no film of their own yet.

    python -m benchmarks.paces [--runs 3] [--model nano] [--out FILE]

Films in a cache of their own, by each kernel, and writes the medians beside what other machines
left in the file. `plan` takes them where the user's cache holds none (holocine_core/plan/pace.py).
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

from benchmarks.film import FILM
from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from benchmarks.stages import SHORT
from holocine_core.model import kernels
from holocine_core.plan import pace
from holocine_core.store.files import read_json, write_json


def measured(model: str, kernel: str, runs: int, film: str) -> dict[str, list[dict[str, float]]]:
    """By key, one pace: the medians of some films."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changed = {"XDG_CACHE_HOME": name, kernels.VARIABLE: kernel}
        for number in range(runs):
            (folder / f"{number}.yaml").write_text(film, encoding="utf-8")
            words = ["render", f"{number}.yaml", "--model", model, "--device", "cpu", "-qq"]
            subprocess.run(
                [sys.executable, "-m", "holocine_cli", *words],
                check=True,
                cwd=folder,
                env={**os.environ, **changed},
                stdout=subprocess.DEVNULL,
            )
        found = json.loads((folder / "holocine" / pace.NAME).read_text())

    def middle(part: str, films: list[dict[str, float]]) -> float:
        return float(f"{statistics.median(one[part] for one in films):.4g}")

    return {key: [{part: middle(part, films) for part in films[0]}] for key, films in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--kernels", nargs="+", default=["products", "products-erf"])
    parser.add_argument("--out", type=Path, default=pace.MEASURED)
    args = parsed(parser, runs=1, kernels=["products"], out=lambda: scratch("paces.json"))
    film = SHORT if args.quick else FILM
    known = read_json(args.out) or {}
    print(f"*{machine()}; {args.model}, medians of {args.runs} films*\n")
    print("| key | start: s | step: s/TFLOP | develop: s/Mpixel | cut: s/Mpixel |")
    print("|---|---|---|---|---|")
    for kernel in args.kernels:
        found = measured(args.model, kernel, args.runs, film)
        known |= found
        for key, (one,) in found.items():
            print(
                f"| {key.replace(' | ', ', ')} | {one['start']:.1f} | {one['step'] * 1e12:.2f} | "
                f"{one['develop'] * 1e6:.2f} | {one['cut'] * 1e6:.2f} |"
            )
    write_json(args.out, dict(sorted(known.items())))


if __name__ == "__main__":
    main()
