"""How long commands take to begin, each a fresh process: median and worst of the runs.

python -m benchmarks.startup [--runs 10]

`--help`, `check` and `plan` to their end; a small film's `render` and `preview` to their first
step, with lean imports and with whole ones in turn (holocine_core/model/lean.py).
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

from benchmarks.machine import machine
from benchmarks.quick import parsed

EXAMPLE = "screenplays/lighthouse.yaml"
BUDGET = 0.5
FIRST_STEP = 3.5
"""Seconds to the first step that a render may take on two cores."""
FILM = """
global: The old library in the evening, clear weather.
frames: 9
cuts: [5]
shots: [An old woman stands quietly., She talks.]
"""
START = (sys.executable, "-m", "holocine_cli")
_GLANCE = 0.01
_LONGEST = 120.0


def seconds_of(*words: str) -> float:
    """Seconds of a whole command."""
    started = time.perf_counter()
    silent = subprocess.DEVNULL
    subprocess.run([*START, *words], check=True, stdout=silent, stderr=silent)
    return time.perf_counter() - started


def seconds_to_first_step(command: str, imports: str) -> float:
    """Seconds until a film's log tells of the first step; the film is not finished."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "film.yaml").write_text(FILM)
        started = time.perf_counter()
        process = subprocess.Popen(
            [*START, command, "film.yaml", "--device", "cpu", "-qq"],
            cwd=folder,
            env={**os.environ, "HOLOCINE_IMPORTS": imports},
            stdout=subprocess.DEVNULL,
        )
        try:
            while not any("StepDone" in log.read_text() for log in folder.rglob("run.jsonl")):
                if process.poll() is not None or time.perf_counter() - started > _LONGEST:
                    raise RuntimeError(f"{command} took no step")
                time.sleep(_GLANCE)
            return time.perf_counter() - started
        finally:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--films", nargs="*", default=["render", "preview"], help="commands")
    parser.add_argument("--imports", nargs="+", default=["lean", "whole"], help="ways to import")
    args = parsed(parser, runs=1, films=["render"], imports=["lean"])
    runs = args.runs
    print(f"*{machine()}; {runs} runs each*\n")
    print("| command | budget | median s | worst s |")
    print("|---|---|---|---|")
    for words in (["--help"], ["check", EXAMPLE], ["plan", EXAMPLE]):
        seconds = [seconds_of(*words) for _ in range(runs)]
        print(row(f"holocine {' '.join(words)}", BUDGET, seconds), flush=True)
    for command in args.films:
        turns: dict[str, list[float]] = {imports: [] for imports in args.imports}
        for _ in range(runs):
            for imports, each in turns.items():
                each.append(seconds_to_first_step(command, imports))
        for imports, each in turns.items():
            name = f"holocine {command}, to its first step, {imports} imports"
            print(row(name, FIRST_STEP, each), flush=True)


def row(name: str, budget: float, seconds: list[float]) -> str:
    return f"| {name} | {budget} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |"


if __name__ == "__main__":
    main()
