"""The pictures of docs/directing.md: a film, a shot made anew, two shots more, and its report.

    python -m benchmarks.directing --out docs/images [--model nano] [--chromium chromium]

Films a scene, then calls `holocine reshoot`, `extend` and `report` as anybody would. Without
--chromium the report's picture is not made.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quick import parsed, scratch, tiny
from holocine_cli.app import main as command
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.edit.metadata import read_metadata
from holocine_core.script.timeline import FrameSpan

FILM = """
seed: 5
characters:
  mara: an old woman with a grey hair bun, in a yellow coat
  ivo: a boy with short black hair, in a blue shirt
global: The old library by day, clear weather. A big globe stands on the right.
frames: 77
shots:
  - {prompt: "{mara} stands there.", size: wide}
  - {prompt: "{mara} laughs.", size: close-up}
  - {prompt: "{ivo} stands there.", size: medium}
  - {prompt: "{ivo} talks.", size: close-up}
"""
ANEW = "Nobody is there, only the library."
MORE = """
shots:
  - {prompt: "{mara} talks.", size: medium, frames: 20}
  - {prompt: "{ivo} laughs.", size: close-up, frames: 20}
"""
PAGE = (800, 1000)
"""Width and height of the report's picture in pixels."""


def row_of(film: Path) -> list[Frames]:
    """The middle frame of each of its shots."""
    chapters = read_metadata(film).chapters
    frames = np.concatenate(list(read_frames(film)))
    return middles(
        frames, [FrameSpan(chapter.start_frame, chapter.end_frame) for chapter in chapters]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--chromium", default=None, help="its command")
    args = parsed(parser, out=scratch, model=tiny)
    args.out = args.out.resolve()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)

        def holocine(words: Iterable[str]) -> None:
            if code := command(list(words)):
                raise SystemExit(code)

        (folder / "ferry.yaml").write_text(FILM.replace("77", "17") if args.quick else FILM)
        (folder / "more.yaml").write_text(MORE)
        holocine(("render", "ferry.yaml", "--model", args.model))
        first = row_of(folder / "ferry.mp4")
        again = ("reshoot", "ferry.mp4", "--shot", "1", "--prompt", ANEW, "-o", "again.mp4")
        holocine(again)
        write_contact_sheet([first, row_of(folder / "again.mp4")], args.out / "reshoot.jpg")
        holocine(("extend", "ferry.mp4", "--add", "more.yaml"))
        write_contact_sheet([first, row_of(folder / "ferry.mp4")], args.out / "extend.jpg")
        if args.chromium:
            holocine(("report", "ferry.mp4", "-o", "ferry.html"))
            picture = f"--screenshot={(args.out / 'report.png').resolve()}"
            size = "--window-size={},{}".format(*PAGE)
            page = (folder / "ferry.html").as_uri()
            options = ("--headless", "--no-sandbox", "--virtual-time-budget=5000", size, picture)
            subprocess.run([args.chromium, *options, page], check=True)
            path = args.out / "report.png"
            # A third of the size; a report has few colours.
            Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
