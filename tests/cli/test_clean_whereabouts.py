"""Clean sees films wherever people keep them, and errs towards what stays where it can not tell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holocine_core.edit.process import ffmpeg_exe
from tests.cli.conftest import Holocine
from tests.cli.test_clean import WORK, files, reasons, removed, require_takes

pytestmark = pytest.mark.slow


def move(film: Path, to: Path) -> None:
    """A film with its sidecar; its screenplay goes."""
    film.rename(to)
    film.with_name(f"{film.name}.json").rename(to.with_name(f"{to.name}.json"))
    Path("room.yaml").unlink()


def linked(film: Path, away: Path) -> Path:
    Path("done").symlink_to(away)
    return Path("done/room.mp4")


def hidden(film: Path, away: Path) -> Path:
    return WORK.parent / "room.mp4"


PLACES: list[Callable[[Path, Path], Path]] = [
    lambda film, away: Path("ROOM.MP4"),
    lambda film, away: Path("room.m4v"),
    linked,
    hidden,
]


@pytest.mark.parametrize("place", PLACES, ids=["upper case", "m4v", "link", "beside the takes"])
def test_a_film_that_people_keep_in_their_way(
    holocine: Holocine,
    film: Path,
    tmp_path_factory: pytest.TempPathFactory,
    place: Callable[[Path, Path], Path],
) -> None:
    move(film, place(film, tmp_path_factory.mktemp("disk")))
    before = files(WORK)
    assert removed(holocine("clean", "--yes", "--unfinished", "--json")) == {}
    assert files(WORK) == before


def test_a_film_beside_one_that_is_named(holocine: Holocine, film: Path) -> None:
    """It lies in one of the folders of the call, its takes in another."""
    for name in ("a", "b"):
        Path(name).mkdir()
    Path(".holocine").rename("a/.holocine")
    move(film, Path("b/room.mp4"))
    assert removed(holocine("clean", "a", "b", "--yes", "--json")) == {}
    require_takes("b/room.mp4", Path("a") / WORK)


def test_a_film_that_lies_in_its_work_folder(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("home").mkdir()
    scene.rename("home/room.yaml")
    monkeypatch.chdir("home")
    assert holocine("render", "room.yaml", "--work", ".", "-qq").exit_code == 0
    move(Path("room.mp4"), Path("other.mp4"))
    for folder in (".", ".."):
        assert removed(holocine("clean", folder, "--yes", "--unfinished", "--json")) == {}
    require_takes("other.mp4", Path())


@pytest.mark.parametrize("told", ["now", "by an earlier version"])
def test_a_work_folder_elsewhere_whose_project_was_moved(
    holocine: Holocine, scene: Path, told: str
) -> None:
    work = Path("scratch/takes/room")
    Path("home").mkdir()
    scene.rename("home/room.yaml")
    words = ("render", "home/room.yaml", "-o", "home/film.mp4", "--work", work, "-qq")
    assert holocine(*words).exit_code == 0
    if told != "now":
        journal = work / "run.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        new = {"holds", "place", "source", "asked"}
        old = [{key: value for key, value in one.items() if key not in new} for one in lines]
        journal.write_text("\n".join(map(json.dumps, old)))
    Path("home").rename("moved")
    answer = holocine("clean", "scratch", "--yes", "--json")
    assert removed(answer) == {}
    assert [one["reason"] for one in answer.json["unfinished"]] == ["unfinished"]
    require_takes("moved/film.mp4", work)


def test_a_film_of_ours_whose_tags_say_nothing_keeps_all(holocine: Holocine, film: Path) -> None:
    other = Path("other.mp4")
    tags = ("-map_metadata", "0", "-movflags", "use_metadata_tags", "-metadata", "holocine={}")
    words = [ffmpeg_exe(), "-v", "error", "-i", str(film), *tags, "-c", "copy", str(other)]
    subprocess.run(words, check=True)
    for path in (film, Path("room.mp4.json"), Path("room.yaml")):
        path.unlink()
    answer = holocine("clean", "--yes", "--unfinished", "--json")
    assert removed(answer) == {}
    assert "other.mp4" in reasons(answer)


def test_a_folder_that_can_not_be_read_may_hold_films(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("done").mkdir()
    move(film, Path("done/room.mp4"))
    plain = os.scandir

    def refuses(path: Any = ".") -> Any:
        if str(path).endswith("done"):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    before = files(WORK)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuses)
        answer = holocine("clean", "--yes")
    assert (answer.exit_code, files(WORK)) == (3, before)
    assert "done" in answer.stderr


def test_a_film_or_a_screenplay_means_its_work_folder_wherever_it_is(
    holocine: Holocine, scene: Path
) -> None:
    words = ("render", "room.yaml", "-o", "out/film.mp4", "--work", "takes/room", "-qq")
    assert holocine(*words).exit_code == 0
    half = Path("takes/room/clips/0123456789abcdef.mp4")
    for named in ("out/film.mp4", "room.yaml"):
        half.write_bytes(b"no sidecar")
        assert removed(holocine("clean", named, "--json")) == {"left over": 10}, named
    shutil.copytree("takes/room", ".holocine/other")
    next(Path(".holocine/other/negatives").glob("*.json")).write_text("{")
    assert removed(holocine("clean", "out/film.mp4", "room.yaml", "-y", "--json")) != {}
    assert not half.exists()


def test_a_journal_that_is_no_file_is_told(holocine: Holocine, film: Path) -> None:
    (WORK / "run.jsonl").unlink()
    (WORK / "run.jsonl").mkdir()
    for path in (film, Path("room.yaml")):
        path.unlink()
    answer = holocine("clean", "--yes", "--unfinished", "--json")
    assert removed(answer) == {}
    assert "run.jsonl is no file but a folder" in reasons(answer)


def test_files_of_ones_own_in_a_work_folder_that_was_named(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names are nearly those of takes and records."""
    Path("home/clips").mkdir(parents=True)
    scene.rename("home/room.yaml")
    monkeypatch.chdir("home")
    mine = {"clips/0001.mp4", "clips/20240512.json", "extras.json", "tries.json", "versions.json"}
    for name in mine:
        Path(name).write_text("{}")
    assert holocine("render", "room.yaml", "--work", ".", "--otio", "-qq").exit_code == 0
    assert removed(holocine("clean", ".", "--yes", "--json")) == {}
    for name in ("room.mp4", "room.yaml"):
        Path(name).unlink()
    assert set(removed(holocine("clean", ".", "--yes", "--json"))) == {"gone"}
    mine -= {"extras.json", "versions.json"}  # The render has made records of its own of them.
    assert mine <= files()
    assert not {one for one in files() if one.startswith(("negatives", "run.jsonl"))}
