"""What goes beside a film, and what it never replaces."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from holocine_core.edit.ffmpeg import probe
from holocine_core.film import extras
from holocine_core.plan.values import Plan
from tests.cli.conftest import SCENE, Holocine, write_scene

pytestmark = pytest.mark.slow

CLIPS = ["scene-1-01.mp4", "scene-1-02.mp4"]


def test_shots_of_several_films_lie_in_a_folder_per_film(holocine: Holocine, scene: Path) -> None:
    other = write_scene("other.yaml", seed=4)
    answer = holocine("render", scene, other, "--shots", "shots", "--json")
    assert answer.exit_code == 0
    told = [path for film in answer.json["films"] for path in film["shots"]]
    assert told == [f"shots/{film}/{clip}" for film in ("room", "other") for clip in CLIPS]
    assert [probe(Path(path)).frames for path in told] == [5, 8, 5, 8]


def test_a_film_named_like_its_shot_stays_whole(holocine: Holocine, scene: Path) -> None:
    assert holocine("render", scene, "-o", CLIPS[0], "--shots", ".").exit_code == 0
    assert probe(Path(CLIPS[0])).frames == 13
    assert probe(Path("scene-1-01", CLIPS[0])).frames == 5


@pytest.mark.parametrize("name", ["scene-1-01.mp4", "SCENE-1-01.mp4"])
def test_a_shot_never_takes_the_films_place(holocine: Holocine, scene: Path, name: str) -> None:
    film = Path("d", Path(name).stem, name)
    answer = holocine("render", scene, "-o", film, "--shots", "d", "--force")
    assert answer.exit_code == 2
    assert "over a file of the film itself" in answer.stderr
    assert not Path("d").exists(), "refused before any work"


def test_an_extra_never_takes_another_films_or_screenplays_place(
    holocine: Holocine, scene: Path
) -> None:
    board = Path("room.storyboard.png")
    scene.rename(board)
    assert holocine("render", board, "-o", "room.mp4", "--storyboard", "--force").exit_code == 2
    assert board.read_text().startswith(SCENE.strip()[:5])


def test_films_whose_shots_would_share_a_folder_are_refused(holocine: Holocine) -> None:
    pair = [write_scene("one.yaml"), write_scene("One.yaml")]
    answer = holocine("render", *pair, "--shots", "s", "--dry-run")
    assert answer.exit_code == 2
    assert "would go into one folder" in answer.stderr


def test_foreign_files_stay_without_force(holocine: Holocine, scene: Path) -> None:
    words = ("render", scene, "--shots", "s", "--storyboard")
    clip, board = Path("s/room", CLIPS[1]), Path("room.storyboard.png")
    clip.parent.mkdir(parents=True)
    for path in (clip, board):
        path.write_text("a wedding")
        for more in ([], ["--dry-run"]):
            answer = holocine(*words, *more)
            assert answer.exit_code == 2
            assert str(path) in answer.stderr
            assert "--force" in answer.stderr
        assert path.read_text() == "a wedding"
        assert not Path(".holocine").exists(), "refused before any work"
        if path is clip:
            path.unlink()
    assert holocine(*words, "--force").exit_code == 0
    assert board.read_bytes().startswith(b"\x89PNG")


def test_a_film_is_rendered_with_its_cut_list(holocine: Holocine, scene: Path) -> None:
    import opentimelineio

    Path("room.otio").write_text("a wedding")
    refused = holocine("render", scene, "--otio")
    assert refused.exit_code == 2
    assert "room.otio" in refused.stderr
    assert not Path("room.mp4").exists()
    Path("room.otio").unlink()
    answer = holocine("render", scene, "--otio", "--json")
    assert answer.exit_code == 0
    assert answer.json["otio"] == "room.otio"
    timeline = opentimelineio.adapters.read_from_file("room.otio")
    clips = list(timeline.video_tracks()[0].find_clips())
    assert len(clips) == len(CLIPS)
    assert holocine("render", scene, "--otio").exit_code == 0, "its own is replaced"


def test_extras_of_ours_are_replaced_and_put_aside_where_someone_changed_them(
    holocine: Holocine, scene: Path
) -> None:
    words = ("render", scene, "-o", "x.mp4", "--shots", "s", "--storyboard")
    assert holocine(*words).exit_code == 0
    clip = Path("s/x", CLIPS[0])
    before = clip.read_bytes()
    scene.write_text(scene.read_text().replace("is lit", "burns"))
    Path("x.mp4").unlink()
    assert holocine(*words).exit_code == 0
    assert clip.read_bytes() != before
    before, board = clip.read_bytes(), Path("x.storyboard.png")
    clip.write_bytes(b"cut again by hand")
    flipped = bytearray(board.read_bytes())
    flipped[-9] ^= 1
    board.write_bytes(flipped)
    answer = holocine(*words)
    assert answer.exit_code == 0
    assert clip.read_bytes() == before
    assert clip.with_stem("scene-1-01.damaged").read_bytes() == b"cut again by hand"
    assert Path("x.storyboard.damaged.png").read_bytes() == flipped
    for name in ("scene-1-01.damaged.mp4", "x.storyboard.damaged.png"):
        assert name in answer.stderr
    assert holocine(*words).stderr.count("damaged") == 0
    listed = json.loads(Path(".holocine/room/extras.json").read_text())
    del listed["check"]
    assert list(listed) == sorted(listed)


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_what_can_not_be_a_place_is_refused_first(
    holocine: Holocine, scene: Path, more: list[str]
) -> None:
    Path("file").write_text("mine")
    Path("s/room").mkdir(parents=True)
    Path("t").mkdir()
    Path("t/room").write_text("mine")
    Path("s/room", CLIPS[0]).mkdir()
    Path("room.storyboard.png").mkdir()
    Path("room.otio").mkdir()
    for words in (
        ["--shots", "file"],
        ["--shots", "file/below"],
        ["--shots", "s"],
        ["--shots", "t"],
        ["--storyboard"],
        ["--otio"],
    ):
        answer = holocine("render", scene, *words, "--force", *more)
        assert (answer.exit_code, answer.stdout) == (2, ""), words
        assert "a file" in answer.stderr
    assert not Path("room.mp4").exists()


def test_a_preview_replaces_previews_only(holocine: Holocine, scene: Path) -> None:
    other = write_scene("other.yaml", seed=4)
    film = Path("room.preview.mp4")
    words = ("render", other, "-o", film, "--profile", "draft")
    assert holocine(*words).exit_code == 0
    before = film.read_bytes()
    assert holocine("preview", scene).exit_code == 2
    assert film.read_bytes() == before
    assert holocine("preview", scene, "--force").exit_code == 0
    assert holocine("preview", scene, "--seed", "9").exit_code == 0, "its own is replaced"
    assert holocine(*words, "--force").exit_code == 0
    assert holocine("preview", scene).exit_code == 2, "rendered over since"


def test_a_previews_storyboard_spares_other_pictures(holocine: Holocine, scene: Path) -> None:
    Path("room.preview.png").write_text("a wedding")
    assert holocine("preview", scene).exit_code == 2
    assert Path("room.preview.png").read_text() == "a wedding"
    assert not Path("room.preview.mp4").exists()


def test_a_stop_between_shots_keeps_them_for_the_next_call(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("render", scene, "--shots", "s", "--storyboard")
    original = extras.remember
    with monkeypatch.context() as stopped:

        def remember(plan: Plan, path: Path, made: Path | None = None) -> None:
            original(plan, path, made)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

        stopped.setattr(extras, "remember", remember)
        answer = holocine(*words, "--json")
    assert (answer.exit_code, answer.json["status"]) == (143, "terminated")
    assert answer.json["film"] == "room.mp4"
    assert not Path("room.storyboard.png").exists()
    assert holocine(*words).exit_code == 0, "what was written is still ours"
    assert Path("room.storyboard.png").is_file()
