"""`holocine ingest`: films in, samples out, one word of everything that was left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holocine_core.ingest import scan as scanning
from tests.cli.conftest import Holocine
from tests.ingest.conftest import Quiet, shots, write_film

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scanning, "CutDetector", Quiet)
    return write_film(tmp_path / "film.mp4", shots(40, 50, 44, 12, 36, 60, 40))


def test_a_folder_and_a_page(holocine: Holocine, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    ran = holocine("ingest", film, "-o", out, "--size", "96x64", "--seconds", "3", "--review")
    assert ran.exit_code == 0
    assert ran.stdout == f"{out / 'review.html'}\n"
    assert "1 shot set aside" in ran.stderr
    assert "look for CAPTION:" in ran.stderr
    page = (out / "review.html").read_text(encoding="utf-8")
    assert "too short: 7 frames" in page
    assert all(f'src="{clip.name}"' in page for clip in out.glob("*.mp4"))
    again = holocine("ingest", film, "-o", out, "--size", "96x64", "--seconds", "3", "--json")
    told = json.loads(again.stdout)
    assert told["samples"] == [str(path) for path in sorted(out.glob("*.yaml"))]
    assert told["shots_set_aside"] == 1
    sample = told["samples"][0]
    checked = holocine("check", sample)
    assert checked.exit_code == 0
    assert "still to be written" in holocine("plan", sample).stderr


def test_some_films_can_not_be_read(holocine: Holocine, film: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.mp4"
    words.write_text("no film", encoding="utf-8")
    ran = holocine("ingest", words, film, "-o", tmp_path / "data", "--size", "96x64", "--json")
    assert ran.exit_code == 4
    told = json.loads(ran.stdout)
    assert told["skipped"] == [str(words)]
    assert told["samples"]
    assert holocine("ingest", words, "-o", tmp_path / "none").exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--size", "100x60"], "multiples of 16"),
        (["--caption-model", "a", "--caption-command", "b"], "not both"),
        (["--answers", "nowhere.json"], "no file of answers"),
    ],
)
def test_what_is_asked_must_be_right(
    holocine: Holocine, film: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    ran = holocine("ingest", film, "-o", tmp_path / "data", *words)
    assert ran.exit_code == 2
    assert told in ran.stderr


def test_answers_name_what_is_wrong(holocine: Holocine, film: Path, tmp_path: Path) -> None:
    said = tmp_path / "answers.json"
    said.write_text('{"films": {"film": {"cutz": {"40": false}}}}', encoding="utf-8")
    ran = holocine("ingest", film, "-o", tmp_path / "data", "--answers", said)
    assert ran.exit_code == 2
    assert "did you mean `cuts`" in ran.stderr
