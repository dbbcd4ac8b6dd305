"""Two renders at once beside the same two one after the other, on all cores of the machine.

    python -m benchmarks.sharing [--rounds 3] [--model nano] [--spinning]

With --spinning also with threads that spin as OpenMP lets them, which holocine's command does not
(holocine_cli/app.py): that takes minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.film import FILM
from benchmarks.machine import machine

SPINNING = {"GOMP_SPINCOUNT": "300000"}
"""What GNU's OpenMP does by itself."""


def render(folder: Path, model: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Begin a draft in a new folder."""
    folder.mkdir()
    (folder / "film.yaml").write_text(FILM, encoding="utf-8")
    words = ["render", "film.yaml", "--profile", "draft", "--model", model, "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-m", "holocine_cli", *words, "-qq"],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )


def seconds_of(model: str, environment: dict[str, str], *, at_once: bool) -> float:
    """Seconds of two renders."""
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        begun = []
        for number in range(2):
            begun.append(render(Path(name) / str(number), model, environment))
            if not at_once:
                begun[-1].wait()
        if any(process.wait() for process in begun):
            raise RuntimeError("a render failed")
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--spinning", action="store_true")
    args = parser.parse_args()
    ways: dict[str, dict[str, str]] = {"as holocine sets it": {}}
    if args.spinning:
        ways["spinning as OpenMP does"] = SPINNING
    print(
        f"*{machine()}; two drafts of 4 shots and 121 frames, {args.model}, {args.rounds} rounds*\n"
    )
    print("| threads that wait | one after the other: s | at once: s | ratio |")
    print("|---|---|---|---|")
    for name, environment in ways.items():
        turns: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(args.rounds):
            for at_once, each in turns.items():
                each.append(seconds_of(args.model, environment, at_once=at_once))
        apart, together = (statistics.median(each) for each in turns.values())
        print(f"| {name} | {apart:.1f} | {together:.1f} | {together / apart:.2f} |", flush=True)


if __name__ == "__main__":
    main()
