"""What watching does between saves: only changed scenes, the last state, the last good draft."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from holocine_cli import watch as watching
from holocine_cli.console import Console
from holocine_cli.drafts import Drafts
from holocine_cli.session import Session
from holocine_core import api
from holocine_core.errors import InputError, RenderError
from tests.cli.conftest import Answer, Holocine, write_scene

TWO = """
size: 32x32
profiles: {draft: {steps: 2, guidance: 1}}
scenes:
  - {global: A room., frames: 9, shots: [A lamp is lit.]}
  - {global: A garden., frames: 9, shots: [It rains.]}
"""
NAMES = """
music: {file: rain.wav}
lora: [slow.safetensors]
scenes:
  - {global: A room., keyframes: {5: dusk.png}, shots: [{prompt: A lamp., image: lamp.png}]}
"""
Between = Callable[..., None]
FILM, BOARD = Path("room.preview.mp4"), Path("room.preview.png")


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """``between(*saves)``: each is made once watching is quiet, and Ctrl-C comes after the last."""

    def arrange(*saves: Callable[[], object]) -> None:
        left, idle = list(saves), 0

        def sleep(seconds: float) -> None:
            nonlocal idle
            idle = idle + 1 if seconds == watching.POLL_SECONDS else 0
            if idle < 2:
                return
            idle = 0
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr(watching, "sleep", sleep)

    return arrange


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A screenplay in the current folder."""
    monkeypatch.chdir(tmp_path)
    return write_scene("room.yaml", TWO)


def save(word: str) -> None:
    write_scene("room.yaml", TWO.replace("rains", word))


def seen_by_watching(do: Callable[[], None] = lambda: None) -> list[str]:
    """What the screenplay says in each round of a watch."""
    rounds: list[str] = []

    def note() -> None:
        rounds.append(Path("room.yaml").read_text().split("It ")[-1].partition(".")[0])
        do()

    watching.watch(Session(argv=(), console=Console()), Path("room.yaml"), note, api.named_files)
    return rounds


def shot(answer: Answer) -> list[str]:
    """What each round made, take by take."""
    lines = answer.stderr.splitlines()
    return [line.partition(":")[0] for line in lines if line.startswith("[") and " in " in line]


@pytest.mark.slow
def test_only_the_changed_scene_is_filmed_and_the_last_good_draft_stays(
    holocine: Holocine, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("rains")
    kept: list[bytes] = []

    def fail(*args: object, **options: object) -> None:
        raise RenderError("the scene failed")

    def break_it() -> None:
        kept.append(FILM.read_bytes() + BOARD.read_bytes())
        Path("room.yaml").write_text("scenes: [\n")

    def mend_and_fail() -> None:
        kept.append(FILM.read_bytes() + BOARD.read_bytes())
        monkeypatch.setattr(api, "render", fail, raising=False)
        save("hails")

    def look() -> None:
        kept.append(FILM.read_bytes() + BOARD.read_bytes())

    between(lambda: save("snows"), lambda: os.utime("room.yaml"), break_it, mend_and_fail, look)
    answer = holocine("watch", "room.yaml")
    assert answer.exit_code == 0
    assert shot(answer) == ["[1/2] scene-1", "[2/2] scene-2", "[2/2] scene-2"]
    assert answer.stderr.count("up to date") == 1, "after a save that changed nothing"
    assert answer.stdout == f"{FILM}\n" * 3
    assert kept[0] == kept[1] == kept[2]
    assert "It snows." in api.inspect(FILM).screenplay
    assert "room.yaml:2:1" in answer.stderr
    assert "error: the scene failed" in answer.stderr
    assert answer.stderr.count(f"the last good draft stays: {FILM}") == 2
    assert answer.stderr.endswith("no longer watching\n")


def test_of_a_burst_of_saves_the_last_counts(room: Path, between: Between) -> None:
    saves = ["hails", "thaws", "snows"]

    def while_drafting() -> None:
        while saves:
            save(saves.pop(0))

    between()
    assert seen_by_watching(while_drafting) == ["rains", "snows"]


def test_a_half_written_file_is_waited_for(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes on during every short look, three times; then all is quiet."""
    parts, quiet = ["hai", "tha", "snows"], 0

    def sleep(seconds: float) -> None:
        nonlocal quiet
        if seconds < watching.POLL_SECONDS and parts:
            save(parts.pop(0))
        quiet += not parts
        if quiet > 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching, "sleep", sleep)
    assert seen_by_watching() == ["snows"]


def test_a_file_that_is_replaced_or_away_for_a_moment(room: Path, between: Between) -> None:
    away = Path("away.yaml")

    def replaced() -> None:
        write_scene("new.yaml", TWO.replace("rains", "snows"))
        Path("new.yaml").replace(room)

    between(replaced, lambda: room.rename(away), lambda: away.rename(room))
    rounds = seen_by_watching()
    assert rounds[:2] == ["rains", "snows"]
    assert set(rounds[2:]) <= {"snows"}


def test_one_that_is_gone_when_it_is_read_is_tried_again(room: Path, between: Between) -> None:
    away, told = Path("away.yaml"), []

    def vanishes() -> None:
        if not told:
            told.append(room.rename(away))
            raise InputError("no screenplay at room.yaml")

    between(lambda: away.rename(room))
    assert seen_by_watching(vanishes) == ["rains", "rains"]


@pytest.mark.parametrize("name", ["rain.wav", "slow.safetensors", "dusk.png", "lamp.png"])
def test_what_a_screenplay_names_is_followed(room: Path, between: Between, name: str) -> None:
    write_scene("room.yaml", NAMES)
    Path("other.png").touch()
    between(
        lambda: Path(name).touch(),
        lambda: Path("other.png").write_text("of nobody"),
        lambda: Path("room.yaml").write_text("scenes: [\n"),
        lambda: Path(name).write_text("while the screenplay is broken"),
    )
    assert len(seen_by_watching()) == 4


def test_one_that_is_being_replaced_is_waited_for(
    room: Path, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene("room.yaml", NAMES)
    lamp, looks = Path("lamp.png"), 0
    lamp.touch()
    between(lamp.unlink)
    rest = watching.sleep

    def comes_back(seconds: float) -> None:
        nonlocal looks
        if not lamp.exists():
            looks += 1
            if looks == 2:
                lamp.touch()
        rest(seconds)

    monkeypatch.setattr(watching, "sleep", comes_back)
    assert len(seen_by_watching()) == 2, "before and after, but not while it was away"


def test_only_a_file_is_watched(holocine: Holocine) -> None:
    write_scene("room.yaml", TWO)
    for words in ("watch .", "watch no.yaml", "watch room.yaml --json", "preview . --watch --json"):
        assert holocine(*words.split()).exit_code == 2, words
    write_scene("other.yaml", TWO)
    assert "one screenplay" in holocine("preview", ".", "--watch").stderr


def test_what_sets_something_for_it_is_followed(
    holocine: Holocine, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(session: Session, drafts: Sequence[Drafts], *, force: bool) -> None:
        for job in drafts[0].jobs:
            made.append(str(job.film))
            job.film.parent.mkdir(exist_ok=True)
            job.film.touch()

    monkeypatch.setattr("holocine_cli.drafts.make_drafts", make)
    write_scene("room.yaml")
    said = Path("holocine.toml")
    between(
        lambda: said.write_text('out = "there"\n'),
        lambda: said.write_text('out = "../there"\n'),
        said.unlink,
    )
    answer = holocine("watch", "room.yaml")
    assert made == ["room.preview.mp4", "there/room.preview.mp4", "room.preview.mp4"]
    assert "at holocine.toml:1" in answer.stderr
    assert answer.stderr.count("the last good draft stays: there/room.preview.mp4") == 1
