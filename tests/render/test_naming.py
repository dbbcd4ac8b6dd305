"""Names of films by a template."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.film.naming import dated, draft_names, film_named, is_template, kept_aside
from holocine_core.request import Request

SCREENPLAY = """
title: "../Tide: 7/8 ."
seed: 41
profile: final
shots: [{prompt: A harbour., frames: 9}]
"""


@pytest.fixture
def harbour(tmp_path: Path) -> Path:
    path = tmp_path / "coast" / "harbour.yaml"
    path.parent.mkdir()
    path.write_text(SCREENPLAY)
    return path


@pytest.mark.parametrize(
    ("template", "film"),
    [
        ("films/{stem}.mp4", "films/harbour.mp4"),
        ("{folder}/{stem}.mkv", "coast/harbour.mkv"),
        ("{{x}}-{stem}.mp4", "{x}-harbour.mp4"),
        ("films/{title}.mp4", "films/-Tide- 7-8.mp4"),
        ("{stem}-{seed:04}-{profile}.mp4", "harbour-0041-final.mp4"),
        ("{date}/{stem}.mp4", f"{date.today().isoformat()}/harbour.mp4"),
    ],
)
def test_names_by_a_template(template: str, film: str, harbour: Path) -> None:
    assert is_template(Path(template))
    assert film_named(template, harbour) == Path(film)


def test_the_call_goes_before_the_screenplay(harbour: Path) -> None:
    asked = Request(seed=7, profile="draft", draft=3)
    assert film_named("{seed}-{profile}.mp4", harbour, asked) == Path("9-draft.mp4")


def test_a_screenplay_that_says_nothing_is_called_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "room.yaml"
    path.write_text("shots: [")
    assert film_named("{title}-{seed}.mp4", path) == Path("room-0.mp4")
    path.write_text('title: "..."\nshots: [A room.]\nframes: 9\n')
    assert film_named("{title}.mp4", path) == Path("room.mp4")


@pytest.mark.parametrize(
    "template",
    ["{stem}{take}.mp4", "{stem", "{}{stem}", "{stem.x}.mp4", "{stem!r}", "{title:>999999}"],
)
def test_a_template_that_is_none(template: str) -> None:
    with pytest.raises(InputError, match="no name for films") as caught:
        film_named(template, Path("harbour.yaml"))
    assert "{stem}" in caught.value.hint


def test_a_name_with_braces_is_a_name() -> None:
    assert not is_template(Path("{1}.mp4"))
    assert not is_template(None)
    assert is_template(Path("{take}.mp4")), "an unknown field is told, and no name"


def test_today_is_set_once_for_all_workers() -> None:
    today = date.today().isoformat()
    assert dated(Path("{date}/{stem}.mp4")) == Path(f"{today}/{{stem}}.mp4")
    assert dated(Path("{{date}}.mp4")) == Path("{{date}}.mp4")


def test_drafts_are_told_apart(harbour: Path) -> None:
    def named(out: str | None, seeds: int) -> list[str]:
        place = None if out is None else Path(out)
        asked = [Request(out=place, draft=number + 1) for number in range(seeds)]
        return [str(path) for path in draft_names(harbour, asked, Path("d"))[0]]

    assert named(None, 1) == ["d/harbour.preview.mp4"]
    assert named(None, 2) == ["d/harbour.preview-1.mp4", "d/harbour.preview-2.mp4"]
    assert named("x.mp4", 2) == ["x-1.mp4", "x-2.mp4"]
    assert named("{stem}.mp4", 2) == ["harbour-1.mp4", "harbour-2.mp4"]
    assert named("{stem}-s{seed}.mp4", 2) == ["harbour-s41.mp4", "harbour-s42.mp4"]


def test_a_film_for_stdout_lies_in_its_work_folder(harbour: Path) -> None:
    asked = kept_aside(harbour, Request(out=Path("-")))
    assert (asked.out, asked.work) == (
        Path(".holocine/harbour/harbour.mp4"),
        Path(".holocine/harbour"),
    )
    harbour.write_text(f"{SCREENPLAY}video: {{codec: prores}}\n")
    assert kept_aside(harbour, Request(work=Path("w"))).out == Path("w/harbour.mov")


def test_a_film_from_a_pipe_has_its_own_name_where_a_file_would_give_one() -> None:
    piped = Request(given=b"shots: [A room.]", out=Path("films/night.mp4"))
    assert piped.work_folder(Path("<stdin>")) == Path("films/.holocine/night")
    draft = Request(given=b"", out=Path("night.preview-2.mp4"))
    assert draft.work_folder(Path("<stdin>")) == Path(".holocine/night"), "the render's"
    assert Request(given=b"").film(Path("<stdin>")) == Path("stdin.mp4")
