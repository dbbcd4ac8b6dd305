"""How much memory `holocine ingest` needs for a long film, and how long it takes.

    python -m benchmarks.long_footage [--minutes 120] [--size 1280 720]

The film is ten different minutes of drawn and real shots (see benchmarks.footage), one after the
other as often as its length asks for. A process of its own ingests it; its memory is looked at
twenty times a second, with that of the processes it starts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.footage import joined, real_shots, shuffled
from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.edit.delivery import VideoCodec, video_args
from holocine_core.edit.ffmpeg import Frames, write_frames
from holocine_core.edit.process import ffmpeg_exe, url

RATE = Fraction(25)
DIFFERENT = 10
"""Minutes that are not the same."""
QUICK = 0.1
"""Of each minute, for a look."""
_TELLS = 60.0
"""Seconds after which the memory so far is told: a run takes an hour and more."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--size", type=int, nargs=2, default=[1280, 720])
    parser.add_argument(
        "--folder",
        type=Path,
        help="keep the film and the samples here; a film that is there is used",
    )
    args = parsed(parser, minutes=1, size=[160, 96])
    home = args.folder or scratch()
    film = home / "long.mp4"
    if not film.is_file():
        _write(film, args.minutes, tuple(args.size), quick=args.quick)
    command = [sys.executable, "-m", "holocine_cli", "ingest", str(film)]
    began = time.monotonic()
    log = (home / "ingest.log").open("w", encoding="utf-8")
    process = subprocess.Popen([*command, "--out", str(home / "data")], stdout=log, stderr=log)
    most = whole = anonymous = 0
    told = time.monotonic()
    while process.poll() is None:
        own = [_memory(pid) for pid in _family(process.pid)]
        whole = max(whole, sum(one for one, _ in own))
        anonymous = max(anonymous, sum(one for _, one in own))
        most = max(most, own[0][0])
        if time.monotonic() - told > _TELLS:
            told = time.monotonic()
            print(
                f"after {(told - began) / 60:.0f} min, at most {most / 1e6:.0f} MB, "
                f"{whole / 1e6:.0f} MB, {anonymous / 1e6:.0f} MB",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(0.05)
    seconds = time.monotonic() - began
    if process.returncode:
        raise SystemExit((home / "ingest.log").read_text(encoding="utf-8")[-2000:])
    found = json.loads((home / "data" / "ingest.json").read_text(encoding="utf-8"))
    (one,) = found["films"].values()
    length = args.minutes * (QUICK if args.quick else 1)
    disk = sum(path.stat().st_size for path in (home / "data" / ".ingest").rglob("*.n*"))
    print(f"*{machine()}; {args.size[0]}x{args.size[1]}, {float(RATE):g} frames a second*\n")
    print("| film | shots | samples | time | most memory | with what it starts "
          "| without mapped files | on disk beside the samples |")  # fmt: skip
    print("|" + "---|" * 8)
    print(
        f"| {length:g} min | {len(one['shots'])} | {len(list((home / 'data').glob('*.yaml')))} "
        f"| {seconds / 60:.1f} min | {most / 1e6:.0f} MB | {whole / 1e6:.0f} MB "
        f"| {anonymous / 1e6:.0f} MB | {disk / 1e6:.0f} MB |"
    )


def _write(film: Path, minutes: int, size: tuple[int, int], *, quick: bool) -> None:
    """The film; a part of each minute where it is to be quick."""
    film.parent.mkdir(parents=True, exist_ok=True)
    real = real_shots(few=quick)
    count = min(DIFFERENT, minutes)
    parts = [film.with_name(f"minute-{number}.mp4") for number in range(count)]
    for number, part in enumerate(parts):
        args = [*video_args(VideoCodec(crf=23), ".mp4"), "-preset", "ultrafast"]
        with write_frames(part, *size, RATE, [*args, "-pix_fmt", "yuv420p"]) as writer:
            length = 60 * (QUICK if quick else 1)
            for frames in _minute(number, real, round(length * float(RATE))):
                writer.write(_sized(frames, size))
    listed = film.with_suffix(".txt")
    turns = (parts[number % count] for number in range(minutes))
    listed.write_text("".join(f"file '{part.name}'\n" for part in turns), encoding="utf-8")
    join = ["-f", "concat", "-safe", "0", "-i", url(listed), "-c", "copy", "-y", url(film)]
    subprocess.run([ffmpeg_exe(), "-v", "error", *join], check=True)
    for part in (*parts, listed):
        part.unlink()


def _minute(number: int, real: list[Frames], frames: int) -> Iterator[Frames]:
    """So many frames of shots, cut, dissolved and faded into each other."""
    rng = random.Random(f"minute {number}")
    left = frames
    turn = 0
    while left:
        shots = shuffled(100 * number + turn, 12, real)
        kinds = rng.choices(("cut", "dissolve", "fade"), (10, 2, 1), k=len(shots) - 1)
        for part in joined(shots, kinds, rng)[0]:
            if left:
                yield part[:left]
                left -= min(left, len(part))
        turn += 1


def _sized(frames: Frames, size: tuple[int, int]) -> Frames:
    import cv2

    return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in frames])


def _family(pid: int) -> list[int]:
    """A process and all that came of it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):  # It has just ended.
            for task in Path(f"/proc/{one}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += map(int, task.read_text().split())
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Bytes of a process: all, and without what lies in files."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0, 0
    return int(fields[1]) * PAGE, (int(fields[1]) - int(fields[2])) * PAGE


if __name__ == "__main__":
    main()
