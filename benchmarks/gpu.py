"""What a GPU does with the 14B architecture and with nano, in eight minutes.

    python -m benchmarks.gpu --out DIR [--minutes 8] [--only WORD ...] [--quick]
    python -m benchmarks.gpu --page DIR [--page DIR ...]

Weights are random and made on the device: nothing is downloaded. Every row is written to
DIR/rows.json as soon as it is measured; one that would not fit into the minutes that are left is
skipped and says so. The page, DIR/page.md, is made from the rows and can be made again from any.
With --quick everything is small, so that the whole runs on a CPU in a minute: a proof of this file,
and no measure of anything.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_bench import Bench, Row
from benchmarks.gpu_page import page
from benchmarks.gpu_rows import rows
from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.store.files import write_json

MINUTES = 8.0
ROWS = "rows.json"


@dataclass(slots=True)
class Report:
    """What was measured so far, kept after every row.

    Args:
        folder: Where to.
        about: The machine.
    """

    folder: Path
    about: dict[str, Any]
    found: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Row, outcome: dict[str, Any]) -> None:
        """Keep a row's outcome."""
        self.found.append({**asdict(row), **outcome})
        write_json(self.folder / ROWS, {"machine": self.about, "rows": self.found})
        told = outcome.get("skipped") or outcome.get("failed") or outcome["measured"]
        print(f"{row.group}: {row.name}: {told}", file=sys.stderr, flush=True)


def measure_all(report: Report, bench: Bench, until: float, words: Sequence[str]) -> None:
    """Measure every row that fits into the time; none keeps the others from being measured."""
    for row, work in rows(bench):
        if words and not any(word in f"{row.group} {row.name}" for word in words):
            continue
        reason = bench.lacks(row)
        left = until - time.monotonic()
        if reason is None and left < row.seconds:
            reason = f"{left:.0f} s were left, it may take {row.seconds}"
        if reason is not None:
            report.add(row, {"skipped": reason})
            continue
        started = time.monotonic()
        try:
            outcome: dict[str, Any] = {"measured": work()}
        except Exception as failed:
            traceback.print_exc()
            outcome = {"failed": f"{type(failed).__name__}: {str(failed)[:300]}"}
        report.add(row, {**outcome, "took": time.monotonic() - started})


def main() -> None:
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD")
    parser.add_argument("--page", type=Path, action="append", default=[], metavar="DIR")
    args = parsed(parser, "--tiny")
    for folder in args.page:
        print(page(json.loads((folder / ROWS).read_text(encoding="utf-8"))))
    if args.out is None:
        if not args.page:
            parser.error("--out DIR, or --page DIR")
        return
    if not (args.quick or torch.cuda.is_available()):
        sys.exit("torch sees no GPU; --quick proves this script on a CPU")
    args.out.mkdir(parents=True, exist_ok=True)
    about = {"name": machine(), "tiny": args.quick, "system": platform.platform()}
    if torch.cuda.is_available():
        about["cuda"] = torch.version.cuda
        about["gpu_bytes"] = torch.cuda.get_device_properties(0).total_memory
    report = Report(args.out, about)
    measure_all(report, Bench(tiny=args.quick), started + 60 * args.minutes, args.only)
    told = json.loads((args.out / ROWS).read_text(encoding="utf-8"))
    (args.out / "page.md").write_text(page(told), encoding="utf-8")
    print(page(told))


if __name__ == "__main__":
    main()
