"""Lossless codecs for takes: size, time and whether the frames come back bit for bit.

    python -m benchmarks.masters [--frames 81] [--size 832x480]

The pictures are drawn: soft shapes that move over a gradient, with a little fixed grain.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.edit.ffmpeg import MASTER_ARGS, read_frames, write_frames

X264 = ("-c:v", "libx264rgb", "-qp", "0", "-threads", "8", "-preset")
RIVALS = {
    "as used": (".mp4", MASTER_ARGS),
    "x264 ultrafast": (".mp4", (*X264, "ultrafast")),
    "x264 superfast": (".mp4", (*X264, "superfast")),
    "x264 veryfast": (".mp4", (*X264, "veryfast")),
    "ffv1": (".mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp")),
    "utvideo": (".mkv", ("-c:v", "utvideo", "-pix_fmt", "gbrp")),
}


def pictures(frames: int, width: int, height: int) -> np.ndarray:
    """Moving RGB pictures [n, H, W, 3], the same every time."""
    chance = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    grain = chance.normal(0, 2, (height, width, 3))
    places, speeds = chance.random((6, 2)), chance.normal(0, 0.004, (6, 2))
    colours = chance.uniform(-160, 160, (6, 3))
    made = np.empty((frames, height, width, 3), np.uint8)
    for i in range(frames):
        picture = np.stack([rows / height, columns / width, 0 * rows + 0.4], -1) * 150 + grain
        for place, speed, colour in zip(places, speeds, colours, strict=True):
            y, x = (place + i * speed) * (height, width)
            far = ((rows - y) ** 2 + (columns - x) ** 2) / (height / 6) ** 2
            picture += np.exp(-far)[..., None] * colour
        made[i] = picture.clip(0, 255)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--size", default="832x480")
    options = parsed(parser, frames=5, size="64x48")
    width, height = map(int, options.size.split("x"))
    source = pictures(options.frames, width, height)
    print(f"# {machine()}; {options.frames} frames of {options.size}\n")
    print("| codec | MB | s | bit for bit |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, args) in RIVALS.items():
            out = Path(folder) / f"{name}{suffix}"
            started = time.perf_counter()
            with write_frames(out, width, height, Fraction(15), args) as writer:
                writer.write(source)
            seconds = time.perf_counter() - started
            same = np.array_equal(np.concatenate(list(read_frames(out))), source)
            size = out.stat().st_size / 1e6
            print(
                f"| {name} | {size:.1f} | {seconds:.1f} | {'yes' if same else 'NO'} |", flush=True
            )


if __name__ == "__main__":
    main()
