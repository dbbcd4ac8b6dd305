"""A film's tag and sidecar are read by their models: what was altered is told, never an error of
ours."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from holocine_core.edit.metadata import FilmMetadata, metadata_document
from holocine_core.edit.process import Run, url
from holocine_core.errors import InputError
from holocine_core.film import provenance
from tests.altered import Tags, altered, used
from tests.cli.conftest import Holocine


@pytest.fixture
def film(
    in_made: Path, tmp_path: Path, holocine: Holocine, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of a film, with its sidecar and its work folder."""
    for name in ("room.yaml", "room.mp4", "room.mp4.json"):
        shutil.copy(in_made / name, tmp_path / name)
    shutil.copytree(in_made / ".holocine", tmp_path / ".holocine")
    monkeypatch.chdir(tmp_path)
    return Path("room.mp4")


@pytest.fixture
def tag(film: Path, monkeypatch: pytest.MonkeyPatch) -> Tags:
    tags = Tags(film)
    monkeypatch.setattr(provenance, "read_metadata", tags)
    return tags


def put(document: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    *path, last = [int(part) if part.isdecimal() else part for part in place.split("/")]
    inside: Any = document
    for part in path:
        inside = inside[part]
    inside[last] = value
    return document


ALTERED: list[tuple[str, object]] = [
    ("takes", []), ("takes", "x"), ("takes/0/seed", "7"), ("takes/0/seed", -1),
    ("takes/0/frames/got", 0), ("takes/0/frames", 13), ("takes/0/cuts/0/got", 99),
    ("takes/0/cuts", []), ("takes/0/shots", []), ("takes/0/shots/0", "x"),
    ("takes/0/sampling/steps", "6"), ("takes/0/sampling", None), ("takes/0/scene", 1),
    ("takes/0/transition", {}), ("fps", 15), ("fps", "1/0"), ("fps", "0"), ("fps", "9" * 5000),
    ("model", "nano"), ("model/files", []), ("model/licence", None), ("title", {}),
    ("screenplay", 3), ("options", []), ("options/seed", "x"), ("edits", [{"kind": "cut"}]),
    ("edits", [3]), ("lora", [{}]), ("cards", {"middle": {"text": "a", "frames": 1}}),
    ("versions", []), ("versions", {"torch": 2}), ("title", "\ud83d"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), ALTERED)
def test_a_bad_field_is_named(tag: Tags, holocine: Holocine, place: str, value: object) -> None:
    tag.text = json.dumps(put(json.loads(tag.text), place, value))
    for words in (
        ("inspect",),
        ("inspect", "--json"),
        ("export", "--to", "edl"),
        ("reshoot", "--shot", "1"),
    ):
        answer = holocine(words[0], "room.mp4", *words[1:])
        assert answer.exit_code == 2, (words, answer.stderr)
        assert "room.mp4" in answer.stdout + answer.stderr
        if value != "\ud83d":
            named = place.split("/")[0]
            assert named in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{", '{"a": 1}', "[" * 100_000, '{"title": NaN}', "9" * 5000]
)
def test_a_tag_that_is_no_provenance(tag: Tags, holocine: Holocine, text: str) -> None:
    tag.text = text
    answer = holocine("inspect", "room.mp4")
    assert answer.exit_code == 2
    assert "damaged" in answer.stderr


def test_fields_of_a_later_version_are_let_through(tag: Tags, holocine: Holocine) -> None:
    document = put(json.loads(tag.text), "takes/0/lenses", ["50 mm"])
    tag.text = json.dumps(put(document, "weather", "rain"))
    answer = holocine("inspect", "room.mp4", "--json")
    assert answer.exit_code == 0
    assert answer.json["provenance"]["weather"] == "rain"


def test_all_that_chance_alters(tag: Tags, film: Path) -> None:
    whole = json.loads(tag.text)
    refused: list[InputError] = []
    for number in range(200):
        tag.text = altered(whole, number)
        try:
            used(film)
        except InputError as error:
            refused.append(error)
    assert 80 < len(refused) < 200
    assert all(error.where and error.hint for error in refused)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_tags_of_others_are_no_fault(film: Path, suffix: str, holocine: Holocine) -> None:
    """Keys and chapters that this program never writes, and bytes that are no UTF-8."""
    whole = FilmMetadata(tags={"holocine": "x"})
    text = metadata_document(whole, Fraction(15))
    text = text.replace("holocine=x", "com.apple.make=x\nholocine=caf\udce9")
    text += "[CHAPTER]\nTIMEBASE=1/15\nSTART=3\nEND=5\ntitle=a\n"
    text += "[CHAPTER]\nTIMEBASE=1/15\nSTART=4\nEND=9\n"
    Path("tags.txt").write_text(text, encoding="utf-8", errors="surrogateescape")
    other = film.with_name(f"other{suffix}")
    take = ["-i", url(film), "-f", "ffmetadata", "-i", url(Path("tags.txt"))]
    tags = ["-map_metadata", "1", "-map_chapters", "1", "-movflags", "+use_metadata_tags"]
    run = Run([*take, "-map", "0:v", *tags, "-c", "copy", "-y", url(other)])
    assert run.wait() == 0
    run.kill()
    answer = holocine("inspect", other)
    assert answer.exit_code == 2, answer.stderr
    assert "provenance" in answer.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("work", 3), ("work", ""), ("screenplay_file", []), ("bytes", "x"), ("key", None)],
)
def test_a_bad_sidecar_is_told(film: Path, holocine: Holocine, name: str, value: object) -> None:
    sidecar = film.with_name("room.mp4.json")
    told = json.loads(sidecar.read_text())
    del told["check"]
    sidecar.write_text(json.dumps(put(told, name, value)))
    answer = holocine("reshoot", film, "--shot", "1")
    assert answer.exit_code == 2, answer.stderr
    assert "sidecar is damaged" in answer.stderr
    assert name in answer.stderr


def test_shots_with_more_digits_than_a_number_has(film: Path, holocine: Holocine) -> None:
    answer = holocine("reshoot", film, "--shot", "9" * 5000)
    assert answer.exit_code == 2
