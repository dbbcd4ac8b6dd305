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


def test_a_damaged_list_of_extras_is_told_and_written_anew(
    holocine: Holocine, made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    words = ("render", "room.yaml", "--storyboard", "--otio")
    assert holocine(*words).exit_code == 0
    whole = (WORK / "extras.json").read_bytes()
    board = Path("room.storyboard.png")
    drawn = board.read_bytes()
    for text in (b'{"versions":', whole.replace(b"room.otio", b"room.otin")):
        (WORK / "extras.json").write_bytes(text)
        board.write_text("a wedding")
        answer = holocine(*words)
        assert answer.exit_code == 0
        assert "extras.json is damaged" in answer.stderr
        assert (WORK / "extras.json").read_bytes() == whole
        assert board.read_bytes() == drawn
        assert [path.name for path in Path().glob("*.damaged*")] == ["room.storyboard.damaged.png"]
    kept = [(WORK / f"extras.json.damaged{n}").read_bytes() for n in ("", "-2")]
    assert kept == [b'{"versions":', text]
    assert "damaged" not in holocine(*words).stderr
    Path("other.storyboard.png").write_text("a wedding")
    other = ("render", "room.yaml", "-o", "other.mp4", "--work", WORK, "--storyboard")
    assert holocine(*other).exit_code == 2, "the list is whole again: this file is another's"
