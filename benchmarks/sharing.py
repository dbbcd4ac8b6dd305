"""Two renders at once beside the same two one after the other, on all cores of the machine, and
one beside other work.

    python -m benchmarks.sharing [--rounds 3] [--model nano] [--spinning]

With --spinning also with threads that spin as OpenMP lets them, which holocine's command does not
(holocine_cli/app.py): that takes minutes. The other work is a process for every core that computes
five of every ten milliseconds, as a busy browser's do.
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
from benchmarks.quick import parsed, tiny
from benchmarks.stages import SHORT
from holocine_core.model.hardware import usable_cores

SPINNING = {"GOMP_SPINCOUNT": "300000"}
"""What GNU's OpenMP does by itself."""
BUSY = """
import time
while True:
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:
        pass
    time.sleep(0.005)
"""


def render(
    folder: Path, film: str, model: str, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Begin a draft in a new folder."""
    folder.mkdir()
    (folder / "film.yaml").write_text(film, encoding="utf-8")
    words = ["render", "film.yaml", "--profile", "draft", "--model", model, "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-m", "holocine_cli", *words, "-qq"],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )


def seconds_of(film: str, model: str, environment: dict[str, str], *, at_once: bool) -> float:
    """Seconds of two renders."""
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        begun = []
        for number in range(2):
            begun.append(render(Path(name) / str(number), film, model, environment))
            if not at_once:
                begun[-1].wait()
        if any(process.wait() for process in begun):
            raise RuntimeError("a render failed")
        return time.perf_counter() - started


def seconds_beside(film: str, model: str, environment: dict[str, str], *, busy: bool) -> float:
    """Seconds of one render, on a machine that is busy or quiet."""
    cores = usable_cores() if busy else 0
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores)]
    try:
        with tempfile.TemporaryDirectory() as name:
            started = time.perf_counter()
            if render(Path(name) / "film", film, model, environment).wait():
                raise RuntimeError("the render failed")
            return time.perf_counter() - started
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--spinning", action="store_true")
    args = parsed(parser, rounds=1, model=tiny)
    film, told = (SHORT, "2 shots and 9") if args.quick else (FILM, "4 shots and 121")
    ways: dict[str, dict[str, str]] = {"as holocine sets it": {}}
    if args.spinning:
        ways["spinning as OpenMP does"] = SPINNING
    print(f"*{machine()}; two drafts of {told} frames, {args.model}, {args.rounds} rounds*\n")
    print("| threads that wait | one after the other: s | at once: s | ratio |")
    print("|---|---|---|---|")
    for name, environment in ways.items():
        turns: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(args.rounds):
            for at_once, each in turns.items():
                each.append(seconds_of(film, args.model, environment, at_once=at_once))
        print(row(name, turns), flush=True)
    print("\n| threads that wait | one film, quiet: s | beside other work: s | ratio |")
    print("|---|---|---|---|")
    for name, environment in ways.items():
        turns = {False: [], True: []}
        for _ in range(args.rounds):
            for busy, each in turns.items():
                each.append(seconds_beside(film, args.model, environment, busy=busy))
        print(row(name, turns), flush=True)


def row(name: str, turns: dict[bool, list[float]]) -> str:
    first, second = (statistics.median(each) for each in turns.values())
    return f"| {name} | {first:.1f} | {second:.1f} | {second / first:.2f} |"


if __name__ == "__main__":
    main()
