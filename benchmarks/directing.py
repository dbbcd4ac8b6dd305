"""The pictures of docs/directing.md: a film, a shot made anew, one of another size and length, two
shots more, and its report.

    python -m benchmarks.directing --out docs/images [--model nano] [--chromium chromium]

Films a scene, then calls `holocine reshoot`, `extend` and `report` as anybody would. Prints by how
much each shot differs from before where one got another length. Without --chromium the report's
picture is not made.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quick import parsed, scratch, tiny
from holocine_cli.app import main as command
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.edit.metadata import read_metadata
from holocine_core.film.reopen import open_film
from holocine_core.script.timeline import FrameSpan
from holocine_core.store.vault import Vault

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
QUAY = """
seed: 21
characters:
  enid: a woman with long black hair, wearing a yellow coat
  kit: a man with short brown hair, wearing a red shirt
global: The harbour at noon, clear weather.
seconds: 4.6
shots:
  - {prompt: "{enid} stands quietly.", size: wide}
  - {prompt: "{kit} walks along.", size: wide}
  - {prompt: "{enid} talks.", size: medium}
"""
LONGER = (
    "--shot", "2", "--prompt", "{kit} talks.", "--shot-size", "close-up", "--seconds", "2.6",
    "--seed", "7",
)  # fmt: skip
APART = 10
"""Frames between two of the picture that shows them in a row."""
PAGE = (800, 1000)
"""Width and height of the report's picture in pixels."""


def row_of(film: Path) -> list[Frames]:
    """The middle frame of each of its shots."""
    chapters = read_metadata(film).chapters
    return middles(
        frames_of(film), [FrameSpan(chapter.start_frame, chapter.end_frame) for chapter in chapters]
    )


def frames_of(film: Path) -> Frames:
    """All of them."""
    return np.concatenate(list(read_frames(film)))


def told(film: Path) -> Iterator[str]:
    """By how much each shot of an edited film's clip differs from the same shot before."""
    _, plan = open_film(film)
    take = plan.takes[0]
    base, vault = take.base, Vault(plan.work)
    assert base is not None
    before, after = (frames_of(vault.path("clips", one.clip_key)) for one in (base, take))
    spans = zip(base.timeline.shot_spans, take.timeline.shot_spans, strict=True)
    for number, (old, new) in enumerate(spans, 1):
        both = min(len(old), len(new))
        was, now = before[old.start : old.start + both], after[new.start : new.start + both]
        apart = np.abs(was.astype(int) - now)
        yield (
            f"shot {number}: {len(old)} -> {len(new)} frames, at {old.start} -> {new.start}; "
            f"differs by {apart.mean():.1f} of 255 in the mean, {apart.max()} at most"
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
        (folder / "quay.yaml").write_text(QUAY.replace("4.6", "1") if args.quick else QUAY)
        holocine(("render", "quay.yaml", "--model", args.model))
        holocine(("reshoot", "quay.mp4", *LONGER, "-o", "longer.mp4"))
        print(*told(folder / "longer.mp4"), sep="\n")
        rows = [list(frames_of(folder / film)[::APART]) for film in ("quay.mp4", "longer.mp4")]
        write_contact_sheet(rows, args.out / "longer.jpg")
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
