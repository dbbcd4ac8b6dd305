"""How long a start takes with many samples, and how much memory: an index of them is simulated.

    python -m benchmarks.many_samples [--samples 100000]

Samples' files are there, empty: a start looks at their names, lengths and times alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.store.vault import fingerprint
from holocine_core.train.data.folder import FolderDataset
from holocine_core.train.data.samples import FORMAT, index_line, read_samples, samples_identity
from holocine_core.train.order import steps

FPS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    args = parsed(parser, samples=300)
    if args.read is not None:
        print(json.dumps(_measured(args.read)))
        return
    home = scratch()
    _simulate(home, args.samples)
    command = [sys.executable, "-m", "benchmarks.many_samples", "--read", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(f"*{machine()}*\n")
    print(
        "| samples | read | identity | buckets | what is missing | first step's samples | memory |"
    )
    print("|" + "---|" * 7)
    print(
        f"| {found['samples']} | {found['read']:.2f} s | {found['identity']:.2f} s "
        f"| {found['buckets']:.2f} s ({found['groups']}) | {found['missing']:.2f} s "
        f"| {found['order']:.2f} s | {found['bytes'] / 1e6:.0f} MB "
        f"over {found['before'] / 1e6:.0f} |"
    )


def _simulate(home: Path, count: int) -> None:
    """Files of so many samples, and the index that reading them would have left."""
    folder = home / "samples"
    folder.mkdir()
    (home / "index").mkdir()
    name = fingerprint([str(folder.resolve()), FPS, FORMAT])
    with (home / "index" / f"{name}.jsonl").open("w", encoding="utf-8") as index:
        for number in range(count):
            stem = f"film-{number // 400:04d}-15s-{number % 400 * 300:07d}"
            stamps = []
            for suffix in (".yaml", ".mp4"):
                path = folder / f"{stem}{suffix}"
                path.touch()
                stat = path.stat()
                stamps.append((stat.st_size, stat.st_mtime_ns))
            frames = 46 + number % 16
            edges = [0, *range(7, frames - 6, 9), frames]
            size = (832, 480) if number % 5 else (480, 832)
            told = [fingerprint(number) * 4, *size, edges, fingerprint([number]) * 2, 1400]
            index.write(index_line(stem, *stamps, told))


def _measured(home: Path) -> dict[str, float]:
    before = _most()
    marks = [time.perf_counter()]

    def mark() -> None:
        marks.append(time.perf_counter())

    found = read_samples(home / "samples", size=None, fps=FPS, index=home / "index")
    mark()
    samples_identity(found)
    mark()
    clips = FolderDataset(found, home, "codec")
    mark()
    missing = len(clips.missing())
    assert missing == len(found)
    mark()
    next(steps(clips.sizes, 8, 8, seed=0))
    mark()
    names = ("read", "identity", "buckets", "missing", "order")
    spent = {name: b - a for name, a, b in zip(names, marks, marks[1:], strict=False)}
    used = _most() - before
    return {
        "samples": len(found),
        "groups": len(clips.sizes),
        "bytes": used,
        "before": before,
    } | spent


def _most() -> int:
    """Most memory this process ever had, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
