"""Kill commands right before every change they make, call them again, and look what there is.

python -m benchmarks.crash_points [WORD ...] [--every N] [--fault EIO]

With --fault the disk answers a change with an error instead, once: the command must end with 3 (or
4) and say so, or have all done without it.

The network is a stub, all else is real: files, ffmpeg, the command line. With words only the
commands whose names begin with one. What a command ends as is compared byte for byte with what it
ends as unbroken, and nothing else may lie there; its diary (run.jsonl) is its own.
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
from tests.crash.points import FAULTS
from tests.crash.runs import VERDICTS, Outcome, counted, outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wanted", nargs="*", metavar="WORD")
    parser.add_argument("--every", type=int, default=1, help="of so many points one")
    parser.add_argument("--fault", choices=FAULTS, default="death")
    parser.add_argument("--ffmpeg", action="store_true", help="call it anew each time")
    args = parsed(parser, wanted=["export"], every=5)
    os.environ.update(OMP_NUM_THREADS="1", HOLOCINE_CPU_ATTENTION="products")
    print(f"# {machine()}\n")
    print(f"| command | points | tried | {' | '.join(VERDICTS)} |")
    print("|---|" + "---|" * (2 + len(VERDICTS)))
    told: list[tuple[str, Outcome]] = []
    total = dict.fromkeys(VERDICTS, 0)
    points = tried = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        found = [
            case
            for case in cases(folder / "shared")
            if not args.wanted or any(case.name.startswith(word) for word in args.wanted)
        ]
        with ready(found, folder / "warm", ffmpeg=args.ffmpeg):
            for case in found:
                stage = staged(case, folder / "stage")
                ends = list(outcomes(stage, args.every, fault=args.fault))
                counts = counted(ends)
                print(
                    row(case.name, len(stage.points), len(ends), list(counts.values())), flush=True
                )
                told += [(case.name, one) for one in ends if one.verdict != "survived"]
                points, tried = points + len(stage.points), tried + len(ends)
                total = {verdict: total[verdict] + n for verdict, n in counts.items()}
    print(row("all", points, tried, list(total.values())))
    for command, one in told:
        print(f"{command}: {one.verdict} before {one.point}: {one.told}", file=sys.stderr)
    sys.exit(bool(told))


def row(name: str, points: int, tried: int, counts: list[int]) -> str:
    return f"| {name} | {points} | {tried} | {' | '.join(map(str, counts))} |"


if __name__ == "__main__":
    main()
