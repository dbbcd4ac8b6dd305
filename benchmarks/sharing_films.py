"""What it costs that workers share films by leases: beside shells that part them by hand.

python -m benchmarks.sharing_films [--films 100] [--workers 2] [--runs 3]

Small films of a small random model, so that all that is not denoising weighs most. By hand each
shell has every n-th film (`--shard 1/2`, `--shard 2/2`); workers (`--worker`) take what is left. In
turn, the median of the runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.model.tiny import write_tiny

FILM = """
seed: {seed}
size: 32x32
profiles: {{standard: {{steps: 4, guidance: 1}}}}
global: A room.
frames: {frames}
shots: [A lamp.]
"""


def seconds(room: Path, model: Path, shares: list[list[str]]) -> float:
    """How long the shells take together."""
    words = [sys.executable, "-m", "holocine_cli", "render", "scenes", "-o", "films/{stem}.mp4"]
    words += ["--model", str(model), "--device", "cpu", "-qq"]
    began = time.perf_counter()
    shells = [
        subprocess.Popen([*words, *share], cwd=room, stdout=subprocess.DEVNULL) for share in shares
    ]
    codes = [shell.wait() for shell in shells]
    assert codes == [0] * len(shells), codes
    return time.perf_counter() - began


def folder(films: int) -> Path:
    room = scratch()
    (room / "scenes").mkdir()
    for number in range(films):
        text = FILM.format(seed=number, frames=5 + 4 * (number % 4))
        (room / f"scenes/film{number:03d}.yaml").write_text(text, encoding="utf-8")
    return room


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    args = parsed(parser, films=4, runs=1)
    os.environ |= {"OMP_NUM_THREADS": "1", "HOLOCINE_CPU_ATTENTION": "products"}
    model = scratch("model")
    write_tiny(model)
    ways = {
        "by hand": [["--shard", f"{i + 1}/{args.workers}"] for i in range(args.workers)],
        "by leases": [["--worker"]] * args.workers,
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.runs):
        for name, shares in ways.items():
            taken[name].append(seconds(folder(args.films), model, shares))
    hand, leases = (statistics.median(taken[name]) for name in ways)
    print(f"*{machine()}; {args.films} films, {args.workers} shells, {args.runs} runs in turn*\n")
    print("| | seconds |\n|---|---|")
    for name, found in taken.items():
        runs = ", ".join(f"{one:.1f}" for one in found)
        print(f"| {name} | {statistics.median(found):.1f} ({runs}) |")
    print(f"\nLeases take {leases / hand:.2f} of the time by hand.")


if __name__ == "__main__":
    main()
