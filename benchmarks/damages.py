"""Damage a file between two commands, and look what the second makes of it.

python -m benchmarks.damages [--count 125] [--verbose]

The network is a stub, all else is real. ``mended``: what the command makes is right to the last
byte, and the damage was told by the file's name, or (``untold``) was not; ``made again``: the file
was gone and is there, which need not be told; ``unused``: all is right,
and the damaged file was not asked for; ``refused``: exit code 2 or 3 which says why, twice;
``wrong``: something else was made with exit code 0, or what a person may have changed is lost.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from tests.crash.cases import cases, ready, staged
from tests.crash.harm import BAD, FATES, Harm, harm, harmed_cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=125, help="damages for each command")
    parser.add_argument("--verbose", action="store_true", help="tell each that was refused, too")
    args = parsed(parser, count=1)
    os.environ.update(OMP_NUM_THREADS="1", HOLOCINE_CPU_ATTENTION="products")
    print(f"# {machine()}\n")
    print(f"| command | damages | {' | '.join(FATES)} |")
    print("|---|" + "---|" * (1 + len(FATES)))
    told: list[tuple[str, Harm]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        found = cases(folder / "shared")
        with ready(found, folder / "warm"):
            for case in harmed_cases(found):
                stage = staged(case, folder / "stage")
                ends = [harm(stage, number) for number in range(args.count)]
                fates = [one.fate for one in ends]
                counts = " | ".join(str(fates.count(fate)) for fate in FATES)
                print(f"| {case.name} | {len(ends)} | {counts} |", flush=True)
                told += [(case.name, one) for one in ends]
    bad = [one for one in told if one[1].fate in BAD]
    for command, one in told if args.verbose else bad:
        print(f"{command}: {one.fate}: {one.file}, {one.kind}: {one.told}", file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
