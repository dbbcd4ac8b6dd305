"""reshoot, extend, takes: a film is changed, told what changed, and changed back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holocine_core.errors import MachineError
from holocine_core.film.reopen import open_film
from holocine_core.model.vocabulary import Vocabulary
from holocine_core.store.vault import Vault
from tests.cli.conftest import SCENE, Holocine, write_scene

pytestmark = pytest.mark.slow


def test_versions_goes_on_under_its_former_name(holocine: Holocine, film: Path) -> None:
    now, before = holocine("versions", film, "--json"), holocine("takes", film, "--json")
    assert before.exit_code == 0
    assert before.json["versions"] == now.json["versions"]
    assert "`holocine takes` is now `holocine versions`" in before.stderr
    assert now.stderr == ""
    assert " takes " not in holocine("--help").stdout


def test_a_shot_is_made_anew_and_back(holocine: Holocine, film: Path) -> None:
    first = film.read_bytes()
    answer = holocine("reshoot", film, "--shot", "2", "--prompt", "Dark.", "--json")
    assert answer.exit_code == 0
    assert answer.json["edit"] == {
        "kind": "reshoot", "scene": "scene-1", "shot": 2, "prompt": "Dark.", "seed": 1,
        "name": "2",
    }  # fmt: skip
    assert answer.json["version"] == 2
    ((start, stop),) = answer.json["changed_frames"]
    assert (start, stop) == (5, 13)
    assert film.read_bytes() != first
    listed = holocine("versions", film, "--json").json["versions"]
    assert [one["current"] for one in listed] == [False, True]
    assert all(one["bytes"] > 0 for one in listed)
    answer = holocine("versions", film, "--pick", "1")
    assert answer.exit_code == 0
    assert film.read_bytes() == first
    assert 'shot 2 anew: "Dark.", seed 1' in answer.stdout
    assert "the film" in next(line for line in answer.stdout.splitlines() if "rendered" in line)


def test_what_changed_is_said(holocine: Holocine, film: Path) -> None:
    answer = holocine("reshoot", film, "--shot", "scene-1:2", "--seed", "9")
    assert answer.stdout == "room.mp4\n"
    assert "shot 2 anew, seed 9" in answer.stderr
    assert "scene 'scene-1': frames 5-12 changed and no others" in answer.stderr
    assert "version 2" in answer.stderr


def test_another_film_can_be_made_of_it(holocine: Holocine, film: Path) -> None:
    first = film.read_bytes()
    answer = holocine("reshoot", film, "--shot", "1", "-o", "other.mp4")
    assert answer.stdout == "other.mp4\n"
    assert film.read_bytes() == first
    Path("third.mp4").write_text("mine")
    assert holocine("reshoot", film, "--shot", "1", "-o", "third.mp4").exit_code == 2
    assert Path("third.mp4").read_text() == "mine"
    again = holocine("reshoot", "other.mp4", "--shot", "2", "--json")
    assert again.json["version"] == 3


def test_every_shot_knows_the_take_that_made_it(holocine: Holocine, film: Path) -> None:
    for shot, seed in (("1", "11"), ("2", "12")):
        assert holocine("reshoot", film, "--shot", shot, "--seed", seed).exit_code == 0
    Path("more.yaml").write_text("shots:\n  - {prompt: It is lit again., frames: 8}\n")
    assert holocine("extend", film, "--add", "more.yaml", "--seed", "13").exit_code == 0
    (take,) = open_film(film)[1].takes
    assert [take.maker_of(shot).seed for shot in range(3)] == [11, 12, 13]
    assert len(list(take.chain())) == 4


def test_shots_are_added(holocine: Holocine, film: Path) -> None:
    Path("more.yaml").write_text("shots:\n  - {prompt: It is lit again., frames: 8}\n")
    answer = holocine("extend", film, "--add", "more.yaml", "--json")
    assert (answer.exit_code, answer.json["frames"]) == (0, 21)
    assert answer.json["changed_frames"] == []
    chapters = holocine("inspect", film, "--json").json["chapters"]
    assert [chapter["frames"] for chapter in chapters] == [[0, 5], [5, 13], [13, 21]]
    assert "goes on by 1 shot" in holocine("versions", film).stdout


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("- a\n", "must hold `shots:`", "more.yaml"),
        ("shots: [a]\nseed: 3\n", "must hold `shots:`", "more.yaml"),
        ("shots: [a]\n", "has no length", "more.yaml:1:9"),
        (
            "shots:\n  - prompt: a\n    frames: 8\n    image: none.png\n",
            "none.png",
            "more.yaml:4:12",
        ),
        ("shots:\n  - prompt: a\n    frames: 1\n", "collide|end of", "more.yaml"),
        (f"shots: [{{prompt: {'lamp ' * 600}, frames: 8}}]\n", "tokens", "more.yaml"),
        ("shots:\n  - {prompt: a, frames: 8, zoom: 3}\n", "zoom", "more.yaml:2"),
        ('shots:\n  - {prompt: "{ivo}", frames: 8}\n', "unknown character {ivo}", "more.yaml:2"),
        ("shots: [\n", "", "more.yaml:2"),
    ],
)
def test_broken_additions_are_told_with_their_place(
    holocine: Holocine, film: Path, text: str, message: str, place: str
) -> None:
    Path("more.yaml").write_text(text)
    answer = holocine("extend", film, "--add", "more.yaml")
    assert answer.exit_code == 2
    assert any(each in answer.stderr for each in message.split("|"))
    assert f"  at {place}" in answer.stderr


def test_words_of_an_edit_are_told_with_the_place_where_they_were_written(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taught(*given: object) -> Vocabulary:
        return Vocabulary(taught={}, words=frozenset({"lamp", "is", "lit", "again"}), nearest={})

    monkeypatch.setattr("holocine_core.plan.check.read_vocabulary", taught)
    Path("more.yaml").write_text("# More\nshots:\n  - {prompt: A zorple., frames: 8}\n")
    told = holocine("extend", film, "--add", "more.yaml", "-o", "other.mp4").stderr
    assert "not taught 'zorple'\n  at more.yaml:3:14\n" in told
    assert "not taught 'quiet'\n  at room.yaml:4:9\n" in told
    Path("room.yaml").write_text("# Changed\n" + Path("room.yaml").read_text())
    told = holocine("reshoot", film, "--shot", "1", "--prompt", "A blorple.", "-o", "b.mp4").stderr
    assert "not taught 'blorple'\n  at --prompt\n" in told
    assert "not taught 'quiet'\n  at the screenplay in room.mp4:4:9\n" in told


def test_versions_are_dropped_with_what_only_they_need(holocine: Holocine, film: Path) -> None:
    for seed in ("3", "4"):
        assert holocine("reshoot", film, "--shot", "2", "--seed", seed).exit_code == 0
    vault = Vault(Path(".holocine/room"))
    before = sum(len(vault.entries(kind)) for kind in ("latents", "clips"))
    answer = holocine("versions", film, "--drop", "3")
    assert answer.exit_code == 2
    assert "the film as it lies there" in answer.stderr
    answer = holocine("versions", film, "--drop", "2", "--json")
    assert len(answer.json["versions"]) == 2
    assert answer.json["freed_bytes"] > 0
    # The second version's latents are what the third is based on: only its clip goes.
    after = sum(len(vault.entries(kind)) for kind in ("latents", "clips"))
    assert after == before - 1
    assert holocine("versions", film, "--pick", "7").exit_code == 2


def test_old_versions_are_pruned_and_the_film_stays(holocine: Holocine, film: Path) -> None:
    for seed in ("3", "4", "5"):
        assert holocine("reshoot", film, "--shot", "2", "--seed", seed).exit_code == 0
    assert holocine("versions", film, "--pick", "2").exit_code == 0
    answer = holocine("versions", film, "--keep", "1", "--json")
    assert [one["version"] for one in answer.json["versions"]] == [2, 4]
    assert [one["current"] for one in answer.json["versions"]] == [True, False]
    assert holocine("versions", film, "--keep", "5", "--json").json["freed_bytes"] == 0
    assert holocine("versions", film, "--keep", "1", "--drop", "2").exit_code == 2


def test_a_call_cut_short_at_its_end_does_not_edit_twice(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("reshoot", film, "--shot", "2")
    with monkeypatch.context() as patch:
        patch.setattr("holocine_core.film.editing.changed_frames", _cut_short)
        assert holocine(*words).exit_code == 3
    edited = film.read_bytes()
    answer = holocine(*words)
    assert (answer.exit_code, answer.stdout) == (0, "room.mp4\n")
    assert "made already; this is version 2" in answer.stderr
    assert film.read_bytes() == edited
    assert holocine(*words, "--json").json["version"] == 3, "asked for once more, it is made"


def test_a_film_without_its_work_folder_can_be_edited(holocine: Holocine, film: Path) -> None:
    shutil.rmtree(".holocine")
    answer = holocine("reshoot", film, "--shot", "2", "--json")
    assert (answer.exit_code, answer.json["version"]) == (0, 2)
    assert answer.json["changed_frames"] == [[5, 13]], "the film before is made to keep its shots"


def _cut_short(*args: object) -> None:
    raise MachineError("the disk is gone")


def test_film_and_work_folder_can_move_together(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    Path("elsewhere").mkdir()
    for name in ("room.yaml", "room.mp4", "room.mp4.json", ".holocine"):
        shutil.move(name, Path("elsewhere") / name)
    answer = holocine("reshoot", "elsewhere/room.mp4", "--shot", "1", "--json")
    assert answer.json["version"] == 3, "the versions before are found"
    monkeypatch.chdir("elsewhere")
    listed = holocine("versions", "room.mp4", "--json").json["versions"]
    assert [one["version"] for one in listed] == [1, 2, 3]


def test_a_version_of_another_film_is_not_picked(holocine: Holocine, film: Path) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert holocine("preview", "room.yaml").exit_code == 0
    assert holocine("reshoot", "room.preview.mp4", "--shot", "1").exit_code == 0
    answer = holocine("versions", film, "--pick", "4")
    assert answer.exit_code == 2
    assert "another film in this work folder" in answer.stderr
    # Nor do they count as this film's, or go while they lie there.
    answer = holocine("versions", film, "--drop", "4")
    assert answer.exit_code == 2
    assert "version 4 is room.preview.mp4 as it lies there" in answer.stderr
    assert holocine("reshoot", film, "--shot", "1").exit_code == 0
    listed = holocine("versions", "room.preview.mp4", "--keep", "1", "--json").json["versions"]
    assert [one["version"] for one in listed] == [1, 2, 4, 5]
    listed = holocine("versions", film, "--keep", "1", "--json").json["versions"]
    assert [one["version"] for one in listed] == [4, 5]


def test_a_dropped_number_is_not_given_again(holocine: Holocine, film: Path) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert holocine("versions", film, "--drop", "2").exit_code == 0
    assert holocine("reshoot", film, "--shot", "1", "--json").json["version"] == 3


@pytest.mark.parametrize("words", [["--prompt", " "], ["--seed", str(2**63)], ["--seed", "-1"]])
def test_impossible_words_are_refused(holocine: Holocine, film: Path, words: list[str]) -> None:
    assert holocine("reshoot", film, "--shot", "2", *words).exit_code == 2


def test_only_films_of_holocine_are_changed(holocine: Holocine, film: Path) -> None:
    assert holocine("reshoot", "room.yaml", "--shot", "1").exit_code == 2
    write_scene("room.yaml", SCENE, seed=4)
    answer = holocine("reshoot", film, "--shot", "3")
    assert answer.exit_code == 2
    assert "has no shot 3" in answer.stderr


def test_added_shots_name_no_picture_elsewhere(holocine: Holocine, film: Path) -> None:
    from PIL import Image

    from holocine_core import api

    elsewhere = Path("../private")
    elsewhere.mkdir(exist_ok=True)
    Image.new("RGB", (32, 32)).save(elsewhere / "pic.png")
    Path("link.png").symlink_to("../private/pic.png")
    for named in ("../private/pic.png", str(elsewhere.resolve() / "pic.png"), "link.png"):
        text = f"shots: [{{prompt: A cat comes in., frames: 8, image: {named}}}]"
        Path("more.yaml").write_text(text)
        answer = holocine("extend", film, "--add", "more.yaml")
        assert answer.exit_code == 2
        assert "outside the screenplay's folder" in answer.stderr
        asked = api.Request(outside=True)
        assert isinstance(api.plan_extend(film, "more.yaml", request=asked), api.Edit)
