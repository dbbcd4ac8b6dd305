"""A screenplay given for a film, a film for a screenplay, a script for either: the hint says what
to call instead, and that call works."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Holocine


@pytest.mark.parametrize(
    "words",
    [
        ["reshoot", "room.yaml", "--shot", "1"],
        ["extend", "room.yaml", "--add", "room.yaml"],
        ["inspect", "room.yaml"],
        ["report", "room.yaml"],
        ["export", "room.yaml", "--to", "edl"],
        ["versions", "room.yaml"],
    ],
    ids=" ".join,
)
def test_a_screenplay_is_no_film(holocine: Holocine, in_made: Path, words: list[str]) -> None:
    answer = holocine(*words)
    assert answer.exit_code == 2
    assert answer.stderr == (
        "error: this is a screenplay, not a film\n  at room.yaml\n  hint: name its film: room.mp4\n"
    )


def test_its_film_is_looked_for_where_films_go(holocine: Holocine, in_made: Path) -> None:
    folder = Path("plays of mine")
    folder.mkdir()
    shutil.copy("room.yaml", folder / "other.yaml")
    told = holocine("inspect", folder / "other.yaml").stderr
    assert "render it first: holocine render 'plays of mine/other.yaml'" in told
    shutil.copy("room.yaml", folder / "room.yaml")
    assert "name its film: room.mp4" in holocine("inspect", folder / "room.yaml").stderr
    shutil.rmtree(folder)
    assert "does not exist" in holocine("inspect", "none.yaml").stderr


@pytest.mark.parametrize("command", ["render", "plan", "check", "preview"])
def test_a_film_is_no_screenplay(holocine: Holocine, film: Path, command: str) -> None:
    answer = holocine(command, film)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: this is a film, not a screenplay\n  at room.mp4\n")
    hint = answer.stderr.partition("its screenplay: holocine ")[2]
    Path("room.yaml").unlink()
    assert holocine(*shlex.split(hint)).exit_code == 0
    assert holocine("check", "room.yaml").exit_code == 0


@pytest.mark.parametrize("command", ["render", "plan", "check", "preview"])
@pytest.mark.parametrize("name", ["ferry.fountain", "the list.CSV", "ferry.fdx"])
def test_a_script_is_no_screenplay(holocine: Holocine, command: str, name: str) -> None:
    Path(name).write_text("INT. ROOM - DAY\n\nA lamp is lit.\n")
    answer = holocine(command, name)
    assert answer.exit_code == 2
    assert "this is a script, not a screenplay" in answer.stderr
    assert f"holocine import {shlex.quote(name)}" in answer.stderr
    assert "holocine import" in holocine("inspect", name).stderr


def test_what_is_a_screenplay_needs_no_import(holocine: Holocine, film: Path) -> None:
    answer = holocine("import", "room.yaml")
    assert (answer.exit_code, "holocine render room.yaml" in answer.stderr) == (2, True)
    assert "this is a film" in holocine("import", film).stderr
