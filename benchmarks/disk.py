"""What films take of a disk: bytes of a pixel in takes' clips and in films.

python -m benchmarks.disk [SCREENPLAY ...]

Renders screenplays (by default those of screenplays/ that nano films) and prints what
holocine_core/fleet/forecast.py counts with.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from benchmarks.startup import FILM
from holocine_core import api
from holocine_core.fleet.forecast import CLIP_BYTES, FILM_BYTES


def small() -> list[Path]:
    path = scratch("film.yaml")
    path.write_text(FILM)
    return [path]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = [Path("screenplays/lighthouse.yaml"), Path("screenplays/library.yaml")]
    parser.add_argument("screenplays", nargs="*", type=Path, default=default)
    parser.add_argument("--model", default="nano")
    args = parsed(parser, screenplays=small, model=tiny)
    print(f"*{machine()}; {args.model}*\n")
    print("| film | pixels | clips: bytes a pixel | film: bytes a pixel |\n|---|---|---|---|")
    for screenplay in args.screenplays:
        out = scratch(f"{screenplay.stem}.mp4")
        words = ["render", str(screenplay), "--model", args.model, "-o", str(out), "-qq"]
        command = [sys.executable, "-m", "holocine_cli", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        plan = api.plan(screenplay, api.Request(model=args.model, out=out))
        pixels = sum(
            take.sampling.width * take.sampling.height * take.timeline.frames for take in plan.takes
        )
        clips = sum(path.stat().st_size for path in plan.work.glob("clips/*.mp4"))
        delivered = plan.delivery.width * plan.delivery.height
        frames = sum(take.timeline.frames for take in plan.takes) * plan.delivery.fps / plan.fps
        film = out.stat().st_size / float(delivered * frames)
        print(f"| {screenplay.stem} | {pixels} | {clips / pixels:.2f} | {film:.3f} |", flush=True)
    print(f"\nCounted with: {CLIP_BYTES} and {FILM_BYTES}.")


if __name__ == "__main__":
    main()
