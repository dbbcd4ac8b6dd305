"""A film that is changed, replaced or gone: there is a way back to what it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow


def change_screenplay() -> None:
    text = Path("room.yaml").read_text()
    Path("room.yaml").write_text(text.replace("goes out", "flickers"))


def numbers(holocine: Holocine, film: Path) -> list[int]:
    return [one["version"] for one in holocine("versions", film, "--json").json["versions"]]


RECORDS = Path(".holocine/room/versions")


@pytest.mark.parametrize("lost", ["gone", "flipped", "empty", "folder", "no longer a file"])
def test_a_lost_record_never_gives_another_version(
    holocine: Holocine, film: Path, lost: str
) -> None:
    first = film.read_bytes()
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    edited = film.read_bytes()
    record = RECORDS / "0001.json"
    if lost == "gone":
        record.unlink()
    elif lost == "flipped":
        record.write_text(record.read_text().replace("negatives", "negativex"))
    elif lost == "empty":
        record.write_text("")
    elif lost == "folder":
        shutil.rmtree(RECORDS)
    else:
        record.unlink()
        record.mkdir()
    answer = holocine("versions", film, "--pick", "1")
    assert answer.exit_code in (2, 3)
    assert "versions" in answer.stderr
    assert film.read_bytes() == edited
    if lost == "no longer a file":
        record.rmdir()
        assert holocine("versions", film, "--pick", "1").exit_code == 2
    assert numbers(holocine, film) == [1, 2]
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert film.read_bytes() == first


@pytest.mark.parametrize("damage", ["", "{", '{"versions": [{"number": "x"}]}', "[]"])
def test_a_damaged_list_of_before_is_told_and_rebuilt(
    holocine: Holocine, film: Path, damage: str
) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    shutil.rmtree(RECORDS)
    listed = RECORDS.with_suffix(".json")
    listed.write_text(damage)
    answer = holocine("versions", film, "--pick", "1")
    assert answer.exit_code == 2
    assert "records of versions were lost" in answer.stderr
    assert numbers(holocine, film) == [1, 2]
    assert Path(f"{listed}.damaged").read_text() == damage, "nothing is thrown away"


def test_a_damaged_list_is_told_until_the_versions_are_listed(
    holocine: Holocine, film: Path
) -> None:
    """Whatever is noted before that has a number that another version may have had."""
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    shutil.rmtree(RECORDS)
    listed = RECORDS.with_suffix(".json")
    listed.write_text("{")
    change_screenplay()
    answer = holocine("render", "room.yaml")
    assert answer.exit_code == 0, answer.stderr
    assert "noted as version 1, which another may have been" in " ".join(answer.stderr.split())
    for _ in range(2):
        answer = holocine("versions", film, "--pick", "1")
        assert answer.exit_code == 2
        assert "numbers may differ" in answer.stderr
    kept = film.read_bytes()
    film.unlink()
    assert holocine("versions", film, "--pick", "1").exit_code == 2
    film.write_bytes(kept)
    assert numbers(holocine, film) == [1, 2]
    listed.write_text("[")
    assert numbers(holocine, film) == [1, 2]
    assert Path(f"{listed}.damaged").read_text() == "{"
    assert Path(f"{listed}.damaged-2").read_text() == "["
    assert holocine("versions", film, "--pick", "1").exit_code == 0


@pytest.mark.parametrize("lost", ["gone", "damaged"])
def test_a_version_that_is_lost_for_good_keeps_nobody_from_the_others(
    holocine: Holocine, film: Path, lost: str
) -> None:
    """Another screenplay's film tells nothing of it."""
    change_screenplay()
    assert holocine("render", "room.yaml").exit_code == 0
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert numbers(holocine, film) == [1, 2, 3]
    record = RECORDS / "0001.json"
    record.unlink() if lost == "gone" else record.write_text("{")
    assert holocine("versions", film, "--pick", "2").exit_code == 2
    listed = holocine("versions", film)
    assert "records of versions were lost" in listed.stderr
    assert numbers(holocine, film) == [2, 3]
    assert "lost" not in holocine("versions", film).stderr, "it was told"
    assert holocine("versions", film, "--pick", "1").exit_code == 2
    assert holocine("versions", film, "--pick", "2").exit_code == 0
    assert holocine("reshoot", film, "--shot", "1").exit_code == 0
    assert numbers(holocine, film) == [2, 3, 4]
    assert (RECORDS / "0001.json.damaged").exists() == (lost == "damaged")


@pytest.mark.parametrize("told", ["300000000.json", "99999999999999999999.json", "next", "number"])
def test_a_number_that_was_never_given(holocine: Holocine, film: Path, told: str) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    if told.endswith(".json"):
        shutil.copy(RECORDS / "0001.json", RECORDS / told)
        assert numbers(holocine, film) == [1, 2]
        return
    one = json.loads((RECORDS / "0001.json").read_text())
    shutil.rmtree(RECORDS)
    value = (
        {"versions": [{**one, "number": 3 * 10**8}]} if told == "number" else {"next": 3 * 10**8}
    )
    RECORDS.with_suffix(".json").write_text(json.dumps(value))
    assert "records of versions were lost" in holocine("versions", film).stderr


@pytest.mark.parametrize("lost", ["takes", "model", "screenplay"])
def test_a_record_that_lacks_what_it_is_made_again_by(
    holocine: Holocine, film: Path, lost: str
) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    record = RECORDS / "0001.json"
    told = json.loads(record.read_text())
    del told["check"], told["made"][lost]
    record.write_text(json.dumps(told))
    answer = holocine("versions", film, "--pick", "1")
    assert answer.exit_code == 2
    assert "0001.json" in answer.stderr
    assert lost in answer.stderr


def test_a_film_is_kept_as_a_version_where_its_work_folder_was_moved(
    holocine: Holocine, film: Path
) -> None:
    first = film.read_bytes()
    Path(".holocine/room").rename("w2")
    change_screenplay()
    assert holocine("render", "room.yaml", "--work", "w2").exit_code == 0
    listed = holocine("versions", film, "--work", "w2", "--json").json["versions"]
    assert [one["version"] for one in listed] == [1, 2]
    assert holocine("versions", film, "--work", "w2", "--pick", "1").exit_code == 0
    assert film.read_bytes() == first


@pytest.mark.parametrize("field", ["model", "holds", "options"])
def test_a_film_that_can_be_no_version_needs_force(
    holocine: Holocine, film: Path, field: str
) -> None:
    path = Path("room.mp4.json")
    told = json.loads(path.read_text())
    told[field] = {"holds": [["drums", "0"]], "model": 3, "options": "none"}[field]
    del told["check"]
    path.write_text(json.dumps(told))
    kept = film.read_bytes()
    change_screenplay()
    assert holocine("render", "room.yaml").exit_code == 2
    assert film.read_bytes() == kept
    answer = holocine("render", "room.yaml", "--force")
    assert answer.exit_code == 0, answer.stderr
    assert "not kept as a version" in " ".join(answer.stderr.split())


def test_a_list_of_before_goes_on(holocine: Holocine, film: Path) -> None:
    for seed in ("3", "4", "5"):
        assert holocine("reshoot", film, "--shot", "2", "--seed", seed).exit_code == 0
    told = [json.loads(path.read_text()) for path in sorted(RECORDS.glob("*.json"))]
    for one in told:
        for name in ("check", "source", "made"):
            del one[name]
    shutil.rmtree(RECORDS)
    del told[1]
    RECORDS.with_suffix(".json").write_text(json.dumps({"versions": told, "next": 6}))
    assert numbers(holocine, film) == [1, 3, 4]
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert holocine("reshoot", film, "--shot", "1", "--json").json["version"] == 6
    assert not RECORDS.with_suffix(".json").exists()
    assert numbers(holocine, film) == [1, 3, 4, 6]


def test_a_record_names_no_file_elsewhere(holocine: Holocine, film: Path) -> None:
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    assert holocine("reshoot", film, "--shot", "1").exit_code == 0
    Path("letter.mp4").write_text("a letter")
    record = RECORDS / "0002.json"
    told = json.loads(record.read_text())
    told["takes"] = [["clips", "../../../letter"]]
    del told["check"]
    record.write_text(json.dumps(told))
    assert holocine("versions", film, "--drop", "2").exit_code == 2
    assert Path("letter.mp4").exists()


def test_a_changed_screenplay_is_filmed_anew_and_back(holocine: Holocine, film: Path) -> None:
    first = film.read_bytes()
    change_screenplay()
    answer = holocine("plan", "room.yaml")
    assert "kept as a version" in answer.stdout
    answer = holocine("render", "room.yaml")
    assert answer.exit_code == 0, answer.stderr
    second = film.read_bytes()
    assert second != first
    assert numbers(holocine, film) == [1, 2]
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert film.read_bytes() == first
    assert holocine("versions", film, "--pick", "2").exit_code == 0
    assert film.read_bytes() == second


@pytest.mark.parametrize("why", ["edited", "changed since", "another's", "moved"])
def test_what_can_not_be_made_again_needs_force(holocine: Holocine, film: Path, why: str) -> None:
    source = Path("room.yaml")
    if why == "edited":
        assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    elif why == "changed since":
        film.write_bytes(film.read_bytes() + b"a free atom")
    elif why == "another's":
        source = Path("other.yaml")
        shutil.copy("room.yaml", source)
    else:
        Path("room.mp4.json").unlink()
    kept = film.read_bytes()
    source.write_text(source.read_text().replace("goes out", "flickers"))
    answer = holocine("render", source, "-o", film)
    assert answer.exit_code == 2
    said = "was edited since it was rendered" if why == "edited" else "is another film"
    assert said in answer.stderr
    assert film.read_bytes() == kept
    assert holocine("render", source, "-o", film, "--force").exit_code == 0


def test_a_film_that_is_gone_is_made_again(holocine: Holocine, film: Path) -> None:
    first = film.read_bytes()
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
    edited = film.read_bytes()
    film.unlink()
    Path("room.mp4.json").unlink()
    change_screenplay()
    assert holocine("render", "room.yaml").exit_code == 0
    assert holocine("versions", film, "--pick", "2").exit_code == 0
    assert film.read_bytes() == edited
    film.unlink()
    assert numbers(holocine, film) == [1, 2, 3]
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    assert film.read_bytes() == first
    answer = holocine("versions", "never.mp4")
    assert answer.exit_code == 2
    assert "no work folder" in answer.stderr


def test_a_preview_is_no_version(holocine: Holocine, film: Path) -> None:
    assert holocine("preview", "room.yaml").exit_code == 0
    change_screenplay()
    assert holocine("preview", "room.yaml").exit_code == 0
    assert numbers(holocine, film) == [1]


def test_a_change_is_one_from_the_film_that_is_there(holocine: Holocine, film: Path) -> None:
    """Another film shares the work folder and was shot later."""
    words = ("--seed", "8", "-o", "other.mp4", "--work", ".holocine/room")
    assert holocine("render", "room.yaml", *words).exit_code == 0
    change_screenplay()
    answer = holocine("plan", "room.yaml")
    assert "changed: shot 2's text changed" in answer.stdout
    assert "seed 8 -> 0" not in answer.stdout


@pytest.mark.parametrize("work", ["../elsewhere", "/tmp/elsewhere", ".holocine/../../x"])
def test_a_sidecar_does_not_send_takes_elsewhere(holocine: Holocine, film: Path, work: str) -> None:
    path = Path("room.mp4.json")
    told = json.loads(path.read_text())
    told["work"] = work
    del told["check"]
    path.write_text(json.dumps(told))
    answer = holocine("reshoot", film, "--shot", "2")
    assert answer.exit_code == 2
    assert "name their folder with --work" in answer.stderr
    assert not Path("../elsewhere").exists()
    assert holocine("reshoot", film, "--shot", "2", "--work", ".holocine/room").exit_code == 0


def test_a_work_folder_elsewhere_is_found_by_its_takes(holocine: Holocine, film: Path) -> None:
    words = ("--work", "../shelf", "-o", "other.mp4")
    assert holocine("render", "room.yaml", *words).exit_code == 0
    assert holocine("reshoot", "other.mp4", "--shot", "2").exit_code == 0
    assert Path("../shelf/versions/0002.json").exists()


def test_a_damaged_sidecar_is_told_before_an_edit(holocine: Holocine, film: Path) -> None:
    path = Path("room.mp4.json")
    path.write_text(path.read_text().replace('"frames": 13', '"frames": 15', 1))
    answer = holocine("reshoot", film, "--shot", "2")
    assert answer.exit_code == 2
    assert "is damaged" in answer.stderr
    assert holocine("render", "room.yaml").exit_code == 0
    assert holocine("reshoot", film, "--shot", "2").exit_code == 0
