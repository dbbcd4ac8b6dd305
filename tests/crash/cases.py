"""The commands that are killed: all that change something, on films of less than a second."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import torch

from holocine_core.evaluate import cuts
from holocine_core.model.tiny import write_tiny
from tests.crash.remembered import remembering
from tests.crash.runs import Case, Stage
from tests.crash.stub import stubbed
from tests.train.conftest import write_one

FILM = """
model: {model}
size: 32x32
profiles: {{standard: {{steps: 6, guidance: 1}}, draft: {{size: 32x32, steps: 2, guidance: 1}}}}
"""
CARD = "cards: {opening: {text: A room, seconds: 0.3}}\n"
LAMP = """
  - id: lamp
    global: A quiet room.
    frames: 13
    cuts: [6]
    transition: {kind: crossfade, seconds: 0.2}
    shots: [A lamp is lit., The lamp goes out.]
"""
DOOR = """
  - {id: door, global: A quiet room., frames: 9, shots: [A door opens.]}
"""
RECIPE = """
out: run
model: {{folder: {model}}}
precision: float32
schedule: {{warm_up: 1}}
phases:
  - {{size: 32x32, steps: 2, batch: 2, data: {samples}}}
checkpoints: {{every: 1}}
"""
MORE = "shots: [{prompt: A cat comes in., frames: 8}]\n"
RENDER = ("render", "room.yaml", "-o", "film.mp4", "-qq")
PREVIEW = ("preview", "room.yaml", "-qq", "--seed")
RESHOOT = ("reshoot", "film.mp4", "--shot", "lamp:1", "-qq")


NAMES = (
    "render with extras",
    "preview --seeds",
    "reshoot",
    "extend",
    "pick",
    "drop",
    "export",
    "report",
    "clean",
    "train",
)


def cases(shared: Path) -> list[Case]:
    """All of them, by :data:`NAMES`.

    Args:
        shared: A folder for what they read: a model and samples.
    """
    model, samples = shared / "tiny", shared / "samples"
    write_tiny(model, experts=1)
    for number in range(2):
        write_one(samples, f"one-{number}", (5, 4), number)
    film = FILM.format(model=model)
    short = {"room.yaml": f"{film}scenes:{LAMP}", "more.yaml": MORE}
    long = {"room.yaml": f"{film}{CARD}scenes:{LAMP}{DOOR}"}
    recipe = {"recipe.yaml": RECIPE.format(model=model, samples=samples)}
    beside = ("--shots", "shots", "--storyboard", "--otio")
    rows: list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]] = [
        ("preview --seeds", ("preview", "room.yaml", "--seeds", "2", "-qq"), []),
        ("reshoot", RESHOOT, [RENDER]),
        ("extend", ("extend", "film.mp4", "--add", "more.yaml", "-qq"), [RENDER]),
        ("pick", ("versions", "film.mp4", "--pick", "1", "-qq"), [RENDER, RESHOOT]),
        ("drop", ("versions", "film.mp4", "--drop", "1", "-qq"), [RENDER, RESHOOT]),
        ("export", ("export", "film.mp4", "--to", "otio", "-qq"), [RENDER]),
        ("report", ("report", "film.mp4", "-qq"), [RENDER]),
        ("clean", ("clean", "--yes", "-qq"), [(*PREVIEW, "1"), (*PREVIEW, "2")]),
    ]
    return [
        Case(name="render with extras", words=(*RENDER, *beside), given=long),
        *(Case(name=name, words=words, before=before, given=short) for name, words, before in rows),
        Case(name="train", words=("train", "recipe.yaml", "--device", "cpu", "-qq"), given=recipe),
    ]


@contextlib.contextmanager
def ready(found: list[Case], folder: Path, *, ffmpeg: bool = False) -> Iterator[None]:
    """Meanwhile this process has done each command once, one thread, no real network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    answers = contextlib.nullcontext() if ffmpeg else remembering(folder.with_name("answers"))
    no_judge = patch.object(cuts, "detector_installed", lambda: False)
    with stubbed(), no_judge, answers:
        folder.mkdir(parents=True)
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
            _warm_up(found)
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()
    torch.set_num_threads(before)


def _warm_up(found: list[Case]) -> None:
    from holocine_cli.app import main

    done = set[tuple[str, ...]]()
    for case in found:
        for name, text in case.given.items():
            Path(name).write_text(text, encoding="utf-8")
        for words in (*case.before, case.words):
            if tuple(words) not in done:
                done.add(tuple(words))
                main(list(words))


def staged(case: Case, folder: Path) -> Stage:
    """A case, to be played in a folder."""
    from holocine_cli.app import main

    return Stage(case, folder, main)
