"""A pipe, a folder, a huge file or damage in a sidecar's place: an answer that names it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_core.store.vault import Kind, folder_of
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow

FILM = "room.mp4"
WORK = Path(".holocine", "room")
LATENTS = folder_of("latents")
COMMANDS = (
    ("plan", "room.yaml"),
    ("render", "room.yaml"),
    ("render", "room.yaml", "--storyboard"),
    ("versions", FILM, "--pick", "1"),
    ("versions", FILM),
    ("inspect", FILM),
    ("status", "."),
)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**33)


def damaged(path: Path) -> None:
    path.write_bytes(b'{"versions":')


MAKE: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "large": large,
    "damaged": damaged,
}


def places() -> list[Path]:
    kinds: tuple[Kind, ...] = ("clips", "latents")
    takes = [next((WORK / folder_of(kind)).glob("*.json")) for kind in kinds]
    lists = [WORK / name for name in ("versions.json", "extras.json", "pending.json", "run.jsonl")]
    return [Path(f"{FILM}.json"), *takes, *lists]


@pytest.mark.parametrize("kind", MAKE)
def test_an_answer_that_names_it(kind: str, holocine: Holocine, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    told = dict.fromkeys(map(str, places()), False)
    for path in places():
        for words in COMMANDS:
            whole = path.read_bytes() if path.is_file() else None
            path.unlink(missing_ok=True)
            MAKE[kind](path)
            answer = holocine(*words)
            assert answer.exit_code in (0, 2, 3), (path, words, answer.stderr)
            told[str(path)] |= path.stem in answer.stderr
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            if whole is not None:
                path.write_bytes(whole)
    silent = {path for path, was_told in told.items() if not was_told}
    # None of these commands asks for a pending edit, or for latents of a whole clip; and a log may
    # be as long as it is.
    unasked = {"pending.json", LATENTS, "run.jsonl" * (kind == "large")}
    assert kind == "damaged" or not {
        path for path in silent if unasked.isdisjoint(Path(path).parts)
    }


def test_a_damaged_list_of_extras_is_told_and_replaced(
    holocine: Holocine, made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    assert holocine("render", "room.yaml", "--storyboard").exit_code == 0
    damaged(WORK / "extras.json")
    answer = holocine("render", "room.yaml", "--storyboard")
    assert answer.exit_code == 2
    assert "extras.json is damaged" in answer.stderr
    (WORK / "extras.json").unlink()
    assert holocine("render", "room.yaml", "--storyboard", "--force").exit_code == 0
    assert holocine("render", "room.yaml", "--storyboard").exit_code == 0
