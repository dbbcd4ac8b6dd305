from __future__ import annotations

import json
from pathlib import Path

import pytest

from holocine_core.evaluate import cuts
from holocine_core.lab.judge.network import Network, save_judge
from holocine_core.lab.stage.facts import FIELDS
from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for TransNetV2, which tests/evaluate tries: a cut at frame 5, another at 9."""
    monkeypatch.setattr(cuts, "require_detector", lambda: None)
    found = lambda scenes: [(5, 9) for _ in scenes]  # noqa: E731
    monkeypatch.setattr("holocine_core.evaluate.observe.measure_observed.__defaults__", (found,))


def test_a_film_is_measured_against_its_own_cuts(holocine: Holocine, in_made: Path) -> None:
    answer = holocine("evaluate", "room.mp4", "--json")
    assert answer.exit_code == 0
    (scene,) = answer.json["scenes"]
    assert scene == {
        "name": "room/scene-1", "shots": ["1", "2"], "frames": 13, "cuts": [5], "found": [5, 9],
    }  # fmt: skip
    (column,) = answer.json["columns"]
    assert column["measures"]["cut-accuracy"]["value"] == 1
    assert column["measures"]["extra-cuts"]["value"] == 1
    assert column["measures"].keys() == answer.json["about"].keys()


def test_the_table_is_the_product_and_progress_is_not(holocine: Holocine, in_made: Path) -> None:
    answer = holocine("evaluate", "room.mp4")
    lines = answer.stdout.splitlines()
    assert lines[0].split() == ["1", "scene"]
    assert [line.split()[0] for line in lines[1:]] == [
        "cut-accuracy",
        "cut-step",
        "sca",
        "cut-error",
        "extra-cuts",
        "intra-shot",
        "motion",
        "pulse",
        "inner-motion",
    ]
    assert lines[1].endswith("1 of 1")


def test_5_tells_every_missed_gate_after_the_table(holocine: Holocine, in_made: Path) -> None:
    gates = ("--min", "cut-accuracy=0.9", "--min", "sca=0.9", "--max", "extra-cuts=0")
    answer = holocine("evaluate", "room.mp4", *gates)
    assert answer.exit_code == 5
    assert "gate cut-accuracy: passed" in answer.stdout
    assert "gate sca: missed" in answer.stdout
    errors = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split()[1] for line in errors] == ["sca", "extra-cuts"]
    document = holocine("evaluate", "room.mp4", *gates, "--json").json
    assert (document["status"], document["error"]["kind"]) == ("gate_missed", "gate")
    assert [gate["passed"] for gate in document["gates"]] == [True, False, False]
    assert len(document["error"]["problems"]) == 2


def test_unknown_gates_are_refused_before_any_work(holocine: Holocine) -> None:
    write_scene("room.yaml")
    answer = holocine("evaluate", "room.yaml", "--min", "cut-acuracy=1")
    assert answer.exit_code == 2
    assert "did you mean cut-accuracy?" in answer.stderr
    assert not Path(".holocine").exists()


def test_screenplays_are_rendered_first_once_per_seed(holocine: Holocine) -> None:
    write_scene("room.yaml", seed=4)
    answer = holocine("evaluate", "room.yaml", "--seeds", "2", "--json", "-o", "report.json")
    assert answer.exit_code == 0
    names = [scene["name"] for scene in answer.json["scenes"]]
    assert names == ["room.seed-4/scene-1", "room.seed-5/scene-1"]
    report = json.loads(Path("report.json").read_text())
    assert report["columns"] == answer.json["columns"]
    film = Path(".holocine/evaluate/room.seed-4.mp4")
    before = film.stat().st_mtime_ns
    again = holocine("evaluate", "room.yaml", "--seeds", "2", "--json")
    assert again.json["columns"] == answer.json["columns"]
    assert film.stat().st_mtime_ns == before, "finished films are used again"


def test_a_report_replaces_nothing_unasked(holocine: Holocine, in_made: Path) -> None:
    Path("report.json").write_text("a letter")
    answer = holocine("evaluate", "room.mp4", "-o", "report.json")
    assert answer.exit_code == 2
    assert Path("report.json").read_text() == "a letter"
    assert holocine("evaluate", "room.mp4", "-o", "report.json", "--force").exit_code == 0
    assert "columns" in json.loads(Path("report.json").read_text())


def test_a_suite_is_filmed_judged_and_set_beside_the_truth(holocine: Holocine) -> None:
    fields = {f"{size}/{name}": 1.0 for size in FIELDS["size"] for name in FIELDS}
    save_judge(Path("judge"), Network(), {"least": 0.8, "accuracy": fields})
    # Two short scenes, and two gates: the first column passes one of them only.
    suite = ("--suite", "stage:1500000022:2", "--judge", "judge", "--profile", "draft")
    answer = holocine("evaluate", *suite, "--min", "said=0", "--max", "pulse=0", "--json")
    assert answer.exit_code == 5, answer.stderr
    assert [(gate["name"], gate["passed"]) for gate in answer.json["gates"]] == [
        ("said", True), ("pulse", False)
    ]  # fmt: skip
    titles = [column["title"] for column in answer.json["columns"]]
    assert titles == ["nano", "codec", "drawn", "another"]
    first, through, drawn, _ = (column["measures"] for column in answer.json["columns"])
    assert first["said"]["n"] == through["said"]["n"] == drawn["said"]["n"] > 5
    assert through["said-held-out-words"]["n"] > 0
    assert first["motion"]["value"] != drawn["motion"]["value"]
    assert answer.json["suite"] == "stage:1500000022:2"
    names = [scene["name"] for scene in answer.json["scenes"]]
    assert names == ["stage-1500000022", "stage-1500000023"]
    unread = holocine("evaluate", *suite[:2], "--judge", "elsewhere")
    assert unread.exit_code == 2
    assert "no judge" in unread.stderr


def test_films_or_a_suite(holocine: Holocine, in_made: Path) -> None:
    neither = holocine("evaluate")
    assert neither.exit_code == 2
    assert "nothing to evaluate" in neither.stderr
    both = holocine("evaluate", "room.mp4", "--suite", "stage:1500000000:2")
    assert both.exit_code == 2
    assert "not both" in both.stderr
