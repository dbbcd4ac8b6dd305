"""A film that is not as it was made: another takes its place, and what it was is kept and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import holocine_core.film.editing as editing
from holocine_core.edit.process import Run, url
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow

ASIDE = Path("room.damaged.mp4")


def longer(film: Path) -> None:
    film.write_bytes(film.read_bytes() + b"a free atom")


def flipped(film: Path) -> None:
    raw = bytearray(film.read_bytes())
    raw[raw.index(b"mdat") + 40] ^= 4
    film.write_bytes(raw)


def graded(film: Path) -> None:
    """By a person, with an ffmpeg that keeps the tags."""
    other = film.with_name("graded.mp4")
    keep = ("-map_metadata", "0", "-movflags", "use_metadata_tags")
    run = Run(["-i", url(film), "-vf", "negate", *keep, "-y", url(other)])
    assert run.wait() == 0, run.log
    run.kill()
    other.replace(film)


CHANGES: dict[str, Callable[[Path], None]] = {
    "longer": longer,
    "flipped": flipped,
    "graded": graded,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ["render", "render --force", "reshoot", "pick", "extend"])
def test_no_command_loses_a_film_that_was_changed(
    holocine: Holocine, film: Path, command: str, change: str
) -> None:
    first = film.read_bytes()
    if command == "pick":
        assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    CHANGES[change](film)
    changed = film.read_bytes()
    Path("more.yaml").write_text("shots: [{prompt: A cat comes in., frames: 8}]")
    words = {
        "render": ("render", "room.yaml"),
        "render --force": ("render", "room.yaml", "--force"),
        "reshoot": ("reshoot", film, "--shot", "2"),
        "extend": ("extend", film, "--add", "more.yaml"),
        "pick": ("versions", film, "--pick", "1"),
    }[command]
    answer = holocine(*words)
    assert answer.exit_code == 0, answer.stderr
    assert "damaged or changed" in " ".join(answer.stderr.split())
    assert "room.damaged.mp4" in answer.stderr
    assert ASIDE.read_bytes() == changed
    assert (film.read_bytes() == first) == (command not in ("reshoot", "extend"))


def test_names_are_numbered_and_a_killed_calls_is_taken(holocine: Holocine, film: Path) -> None:
    ASIDE.write_text("a letter")
    for count, name in enumerate(("room.damaged-2.mp4", "room.damaged-3.mp4"), 1):
        film.write_bytes(film.read_bytes() + b"more" * count)
        changed = film.read_bytes()
        # As a kill leaves it right before the film gets its name.
        Path(name).hardlink_to(film)
        assert holocine("render", "room.yaml").exit_code == 0
        assert Path(name).read_bytes() == changed
    assert ASIDE.read_text() == "a letter"
    assert len(list(Path().glob("room.damaged*"))) == 3


def test_a_disk_without_links(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    longer(film)
    changed = film.read_bytes()
    monkeypatch.setattr("os.link", no_link)
    assert holocine("render", "room.yaml").exit_code == 0
    assert ASIDE.read_bytes() == changed


def test_a_whole_film_leaves_nothing(holocine: Holocine, film: Path) -> None:
    Path("room.mp4.json").unlink()  # The seal tells.
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert not list(Path().glob("*damaged*"))


def killed_before_it_is_noted(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> bytes:
    """What the same reshoot finds that was killed between the film and its version."""
    remember = editing.remember_version

    def dies(plan: editing.Plan) -> object:
        if plan.edits:
            raise KeyboardInterrupt
        return remember(plan)

    with monkeypatch.context() as dying:
        dying.setattr(editing, "remember_version", dies)
        assert holocine("reshoot", film, "--shot", "2").exit_code == 130
    return film.read_bytes()


def test_an_edit_whose_film_was_damaged_is_cut_again_and_not_made_twice(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = killed_before_it_is_noted(holocine, film, monkeypatch)
    flipped(film)
    answer = holocine("reshoot", film, "--shot", "2")
    assert answer.exit_code == 0, answer.stderr
    assert "damaged" in answer.stderr
    assert "this is version 2" in answer.stderr
    assert film.read_bytes() == edited
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert film.read_bytes() != edited, "another edit"


def test_a_damaged_note_of_an_edit_is_told(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = killed_before_it_is_noted(holocine, film, monkeypatch)
    note = Path(".holocine/room/pending.json")
    told = json.loads(note.read_text())
    for text in ("{", note.read_text().replace(told["after"], "0" * 16)):
        note.write_text(text)
        answer = holocine("reshoot", film, "--shot", "2")
        assert answer.exit_code == 2
        assert "pending.json is damaged" in answer.stderr
        assert film.read_bytes() == edited
    del told["check"]  # As earlier versions wrote it.
    note.write_text(json.dumps(told))
    assert "made already" in holocine("reshoot", film, "--shot", "2").stderr
