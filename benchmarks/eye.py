"""Twenty screenplays written as a person would, filmed and watched shot by shot.

    python -m benchmarks.eye film --out sheets/now [--sampling "{sampler: unipc, steps: 10}"]
    python -m benchmarks.eye shuffle sheets/a sheets/b --out sheets/blind
    python -m benchmarks.eye table [benchmarks/eye_films/verdicts/*.yaml]

`film` renders the screenplays of benchmarks/eye_films and draws a sheet of each: a row per shot
with its prompt, its first three frames, its middle and its last. `shuffle` lays the sheets of
several ways of filming under names that do not tell which is which; key.json in its folder does.
Verdicts are written by hand, a letter for everything that is wrong in a shot (see WRONG); `table`
counts them.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw

from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.ffmpeg import read_frames
from holocine_core.evaluate.numbers import Measure, Tally, share
from holocine_core.film.planning import plan_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.store.vault import Vault

FILMS = Path(__file__).parent / "eye_films"
VERDICTS = FILMS / "verdicts"
WRONG = {
    "n": "more or fewer people or animals than told",
    "p": "not the person, animal or place it was in the shot before",
    "l": "a look that is told and would be seen at this size is missing or on another",
    "f": "a face, or an animal, that is not whole",
    "s": "another shot size",
    "a": "another action",
    "c": "the first frames after the cut are of no use",
}
"""Letters of a verdict. A shot without n, p, l, f and s is right: action and first frames are
counted by themselves."""
RIGHT = "nplfs"
ROWS = {
    "shots right": RIGHT,
    "as many as told": "n",
    "the right person": "p",
    "looks as told": "l",
    "faces whole": "f",
    "size": "s",
    "action": "a",
    "first frames": "c",
}
SCALE = 1.5
TEXT = 16


def film(out: Path, sampling: str, model: str, work: Path, most: int) -> None:
    """Render the first screenplays and draw their sheets."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(FILMS.glob("[0-9]*.yaml"))[:most]:
        made = work / path.name
        made.parent.mkdir(parents=True, exist_ok=True)
        more = f"profiles: {{standard: {sampling}}}\n" if sampling else ""
        made.write_text(path.read_text() + more)
        plan = plan_film(made, Request(out=made.with_suffix(".mp4"), model=model, anew=True))
        render(plan, force=True)
        (take,) = plan.takes
        clip = Vault(plan.work).path("clips", take.clip_key)
        frames = np.concatenate(list(read_frames(clip)))
        spans = take.timeline.shot_spans
        prompts = [shot.prompt for shot in plan.screenplay.scenes[0].shots or ()]
        names = [
            f"{number}. {shot.size or ''} - {prompt}"
            for number, (shot, prompt) in enumerate(
                zip(plan.screenplay.scenes[0].shots or (), prompts, strict=True), 1
            )
        ]
        looks = [f"{name}: {look}" for name, look in plan.screenplay.characters.items()]
        head = [plan.screenplay.scenes[0].global_, *looks]
        sheet(head, names, frames, [(s.start, s.stop) for s in spans]).save(
            out / f"{path.stem}.png"
        )
        print(path.stem, file=sys.stderr, flush=True)


def sheet(
    head: list[str], names: list[str], frames: Any, spans: list[tuple[int, int]]
) -> Image.Image:
    """Rows of a film's shots: first, second and third frame, middle, last."""
    high, wide = (round(side * SCALE) for side in frames.shape[1:3])
    top = TEXT * len(head) + 4
    whole = Image.new("RGB", (5 * wide, top + len(spans) * (high + TEXT)), "white")
    pen = ImageDraw.Draw(whole)
    for number, line in enumerate(head):
        pen.text((4, 2 + number * TEXT), line, fill="black")
    for row, ((start, stop), name) in enumerate(zip(spans, names, strict=True)):
        y = top + row * (high + TEXT)
        pen.text((4, y + 1), name, fill="black")
        for column, at in enumerate((start, start + 1, start + 2, (start + stop) // 2, stop - 1)):
            picture = Image.fromarray(frames[at]).resize((wide, high), Image.Resampling.LANCZOS)
            whole.paste(picture, (column * wide, y + TEXT))
    return whole


def shuffle(folders: list[Path], out: Path) -> None:
    """Lay sheets under names that say nothing."""
    out.mkdir(parents=True, exist_ok=True)
    key = {}
    for name in sorted(path.name for path in folders[0].glob("*.png")):
        order = list(folders)
        secrets.SystemRandom().shuffle(order)
        for letter, folder in zip("xyzuvw", order, strict=False):
            code = f"{Path(name).stem}-{letter}.png"
            shutil.copyfile(folder / name, out / code)
            key[code] = str(folder)
    (out / "key.json").write_text(json.dumps(key, indent=1) + "\n")


def counted(films: dict[str, list[str]], wrong: str) -> Measure:
    """Shots without any of these letters."""
    tallies = [
        Tally(sum(not set(shot) & set(wrong) for shot in shots), len(shots))
        for shots in films.values()
    ]
    found = share(tallies)
    assert found is not None
    return found


def table(paths: list[Path]) -> None:
    """Print what was seen, a column per file of verdicts."""
    read = [yaml.safe_load(path.read_text()) for path in paths]
    print("| | " + " | ".join(one["what"] for one in read) + " |")
    print("|---|" + "---|" * len(read))
    cells = []
    for one in read:
        whole = [
            all(not set(shot) & set(RIGHT) for shot in shots) for shots in one["films"].values()
        ]
        cells.append(f"{sum(whole)} of {len(whole)}")
    print("| films without a wrong shot | " + " | ".join(cells) + " |")
    for name, wrong in ROWS.items():
        cells = []
        for one in read:
            found = counted(one["films"], wrong)
            cells.append(
                f"{found.hits:g} of {found.n}, {100 * found.value:.0f}% "
                f"[{100 * (found.low or 0):.0f}, {100 * (found.high or 0):.0f}]"
            )
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    filming = commands.add_parser("film")
    filming.add_argument("--out", type=Path, required=True)
    filming.add_argument("--sampling", default="", help="changes to the profile, as YAML")
    filming.add_argument("--model", default="nano")
    filming.add_argument("--work", type=Path)
    filming.add_argument("--films", type=int, default=20, help="how many, the first ones")
    shuffling = commands.add_parser("shuffle")
    shuffling.add_argument("folders", type=Path, nargs="+")
    shuffling.add_argument("--out", type=Path, required=True)
    counting = commands.add_parser("table")
    counting.add_argument("verdicts", type=Path, nargs="*")
    args = parsed(parser, out=scratch, model=tiny, films=1)
    if args.command == "film":
        film(args.out, args.sampling, args.model, args.work or args.out / "work", args.films)
    elif args.command == "shuffle":
        shuffle(args.folders, args.out)
    else:
        table(args.verdicts or sorted(VERDICTS.glob("*.yaml")))


if __name__ == "__main__":
    main()
