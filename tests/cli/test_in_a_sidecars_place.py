"""A pipe, a folder, a huge file or damage in a sidecar's place: an answer that names it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_cli.app import main
from holocine_core.store.vault import Kind, folder_of
from tests.cli.conftest import Answer, Holocine

pytestmark = pytest.mark.slow

FILM = "room.mp4"
WORK = Path(".holocine", "room")
COMMANDS = {
    "plan": ("plan", "room.yaml"),
    "render": ("render", "room.yaml"),
    "storyboard": ("render", "room.yaml", "--storyboard"),
    "pick": ("versions", FILM, "--pick", "1"),
    "versions": ("versions", FILM),
    "inspect": ("inspect", FILM),
    "status": ("status", "."),
    "reshoot": ("reshoot", FILM, "--shot", "1"),
}
FILMING = {"plan", "render", "storyboard"}
OF_VERSIONS = {"pick", "versions", "reshoot"}
UNREADABLE = {
    "sidecar": FILMING | OF_VERSIONS,
    "clip": FILMING | OF_VERSIONS,
    "latents": FILMING | OF_VERSIONS,
    "version": OF_VERSIONS,
    "list of versions": OF_VERSIONS,
    "extras": {"storyboard"},
    "pending edit": {"reshoot"},
    "log": {"status", "reshoot"},
}
"""Which commands ask for a file, and have to name it."""
NAMED_BY = {
    "pipe": UNREADABLE,
    "folder": UNREADABLE,
    # A log may be as long as it is.
    "large": UNREADABLE | {"log": set()},
    "damaged": UNREADABLE
    | {
        # A plan goes by the film's own seal.
        "sidecar": FILMING - {"plan"} | OF_VERSIONS,
        # Only a storyboard reads the clip of a whole film again, and nothing its latents.
        "clip": {"storyboard"},
        "latents": set(),
        # As a process that was killed leaves it.
        "log": set(),
    },
}


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


def places() -> dict[str, Path]:
    kinds: tuple[Kind, ...] = ("clips", "latents")
    clip, latents = (sorted((WORK / folder_of(kind)).glob("*.json"))[0] for kind in kinds)
    return {
        "sidecar": Path(f"{FILM}.json"),
        "clip": clip,
        "latents": latents,
        "version": WORK / "versions" / "0001.json",
        "list of versions": WORK / "versions.json",
        "extras": WORK / "extras.json",
        "pending edit": WORK / "pending.json",
        "log": WORK / "run.jsonl",
    }


def says(answer: Answer, path: Path) -> bool:
    """Whether an error or a warning names the file, or what the file is a record of."""
    names = {path.name, path.with_suffix(".mp4").name}
    if path.parent.name == "versions":
        names.add("records of versions")
    lines = answer.stderr.splitlines()
    told = [line for line in lines if line.startswith(("error: ", "warning: ", "  at "))]
    return any(name in line for line in told for name in names)


@pytest.fixture(scope="module")
def twice(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film with a second version, and back at its first."""
    folder = tmp_path_factory.mktemp("twice") / "film"
    shutil.copytree(made, folder)
    with contextlib.chdir(folder):
        assert main(["reshoot", FILM, "--shot", "2", "-qq"]) == 0
        assert main(["versions", FILM, "--pick", "1", "-qq"]) == 0
    return folder


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", MAKE)
def test_an_answer_that_names_it(
    kind: str, command: str, holocine: Holocine, twice: Path, tmp_path: Path
) -> None:
    asked = [name for name, by in NAMED_BY[kind].items() if command in by]

    def answer(*names: str) -> Answer:
        folder = tmp_path / "film"
        shutil.copytree(twice, folder)
        with contextlib.chdir(folder):
            for path in (places()[name] for name in names):
                path.unlink(missing_ok=True)
                MAKE[kind](path)
            given = holocine(*COMMANDS[command])
        shutil.rmtree(folder)
        return given

    with contextlib.chdir(twice):
        found = places()
    for name in asked:
        given = answer(name)
        assert given.exit_code in (0, 2, 3), (name, given.stderr)
        assert says(given, found[name]), (name, given.stderr)
    # Whatever it does not ask for may be as it is, all of it at once.
    assert answer(*(name for name in found if name not in asked)).exit_code == 0


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
