"""How long `--help`, `check` and `plan` take, each a fresh process: median and worst of the runs.

python -m benchmarks.startup [--runs 10]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.machine import machine

EXAMPLE = "screenplays/lighthouse.yaml"
BUDGET = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    print(f"# {machine()}; {runs} runs each; budget {BUDGET} s\n")
    print("| command | median s | worst s |")
    print("|---|---|---|")
    for words in (["--help"], ["check", EXAMPLE], ["plan", EXAMPLE]):
        seconds = []
        for _ in range(runs):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "holocine_cli", *words],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            seconds.append(time.perf_counter() - started)
        median = statistics.median(seconds)
        print(f"| holocine {' '.join(words)} | {median:.2f} | {max(seconds):.2f} |")


if __name__ == "__main__":
    main()
