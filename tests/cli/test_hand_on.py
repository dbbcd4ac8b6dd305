"""import and export: what comes in from writers and goes out to editors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holocine_core.api.films import SCHEMA_FILE, schema_text
from holocine_core.evaluate import cuts, film_page
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow

SCRIPT = "INT. ROOM - DAY\n\nA lamp is lit.\n\nANN\nGood night.\n"


@pytest.fixture
def film(holocine: Holocine, made: Path) -> Path:
    """A finished film of its own in the current folder."""
    return Path(shutil.copy(made / "room.mp4", "room.mp4"))


@pytest.mark.parametrize("to", ["otio", "edl", "fcpxml", "xml", "vtt", "srt"])
def test_a_film_is_exported_beside_itself(holocine: Holocine, film: Path, to: str) -> None:
    answer = holocine("export", "room.mp4", "--to", to)
    assert (answer.exit_code, answer.stdout) == (0, f"room.{to}\n")
    assert "A lamp is lit." in Path(f"room.{to}").read_text()
    assert holocine("export", "room.mp4", "--to", to).exit_code == 0, "it is there already, whole"
    with Path(f"room.{to}").open("a") as file:
        file.write("\nedited by hand")
    again = holocine("export", "room.mp4", "--to", to, "--json")
    assert again.exit_code == 2
    assert "there already" in again.json["error"]["message"]
    answer = holocine("export", "room.mp4", "--to", to, "--force", "--json")
    assert [shot["frames"] for shot in answer.json["shots"]] == [[0, 5], [5, 13]]


def test_a_rate_that_moves_cuts_is_refused(holocine: Holocine, film: Path) -> None:
    answer = holocine("export", "room.mp4", "--to", "edl", "--rate", "24")
    assert answer.exit_code == 2
    assert "would move at 24" in answer.stderr
    answer = holocine("export", "room.mp4", "--to", "edl", "--rate", "60")
    assert "4 for each of the film's" in answer.stderr
    assert holocine("export", "room.mp4", "--to", "srt", "--rate", "30").exit_code == 2


def test_a_film_is_never_exported_over_itself(holocine: Holocine, film: Path) -> None:
    answer = holocine("export", "room.mp4", "--to", "srt", "-o", "room.mp4", "--force")
    assert answer.exit_code == 2
    assert "over the film" in answer.stderr


def test_a_report_is_one_page_beside_the_film(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stands in for TransNetV2, which tests/report tries.
    monkeypatch.setattr(cuts, "find_cuts", lambda scenes: [(5,) for _ in scenes])
    answer = holocine("report", "room.mp4", "--json")
    assert answer.json["page"] == "room.html"
    (cut,) = answer.json["cuts"]
    assert (cut["shot"], cut["begins"], cut["asked"]) == ("2", "cut", 5)
    assert len(answer.json["likeness"]["colour"]) == 2
    assert "A lamp is lit." in Path("room.html").read_text()
    assert holocine("report", "room.mp4").exit_code == 0, "it is there already, whole"
    with Path("room.html").open("a") as file:
        file.write("\nedited by hand")
    with monkeypatch.context() as refused:
        refused.setattr(film_page, "look_through", None)  # Before the work.
        assert holocine("report", "room.mp4").exit_code == 2
        shutil.copy("room.mp4", "other.mp4")
        assert holocine("report", "other.mp4", "-o", "room.html").exit_code == 2
    answer = holocine("report", "room.mp4", "--force")
    assert (answer.exit_code, answer.stdout) == (0, "room.html\n")
    assert "of 1 cut on the frame asked for" in answer.stderr


def test_what_holocine_did_not_make_is_not_exported(holocine: Holocine, scene: Path) -> None:
    assert holocine("export", scene, "--to", "otio").exit_code == 2


def test_an_imported_script_is_a_screenplay(holocine: Holocine, tmp_path: Path) -> None:
    Path("room.fountain").write_text(SCRIPT)
    answer = holocine("import", "room.fountain", "--json")
    assert answer.json["screenplay"] == "room.yaml"
    assert (answer.json["scenes"], answer.json["shots"]) == (1, 2)
    assert (answer.json["characters"], answer.json["open_places"]) == (["ann"], 1)
    # Its first line names the schema, which lies beside it as beside a new one.
    assert answer.json["schema_file"] == SCHEMA_FILE
    assert f"$schema={SCHEMA_FILE}" in Path("room.yaml").read_text().splitlines()[0]
    assert Path(SCHEMA_FILE).read_text() == schema_text()
    assert f"{SCHEMA_FILE} lets editors complete" in answer.stderr
    assert holocine("check", "room.yaml").exit_code == 0
    assert holocine("import", "room.fountain").exit_code == 0, "it is there already, whole"
    with Path("room.yaml").open("a") as file:
        file.write("# edited by hand\n")
    assert holocine("import", "room.fountain").exit_code == 2
    answer = holocine("import", "room.fountain", "--force")
    assert (answer.exit_code, answer.stdout) == (0, "room.yaml\n")
    assert "1 place to decide" in answer.stderr


def test_a_script_is_never_written_over(holocine: Holocine, tmp_path: Path) -> None:
    Path("room.txt").write_text(SCRIPT)
    answer = holocine("import", "room.txt", "--from", "fountain", "-o", "room.txt", "--force")
    assert answer.exit_code == 2
    assert Path("room.txt").read_text() == SCRIPT


def test_scenes_are_cut_to_what_the_model_films(holocine: Holocine, tmp_path: Path) -> None:
    Path("room.fountain").write_text("INT. ROOM - DAY\n\n" + "A lamp is lit.\n\n" * 40)
    answer = holocine("import", "room.fountain", "--json")
    assert answer.json["scenes"] > 1
    assert holocine("check", "room.yaml").exit_code == 0
