"""preview: of several screenplays, under names of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_cli.console import Console
from holocine_cli.drafts import drafts_for
from holocine_cli.session import Session
from holocine_cli.settings import Settings
from holocine_core.api import Request
from holocine_core.errors import InputError
from tests.cli.conftest import Holocine, write_scene

A, B = Path("a.yaml"), Path("b.yaml")


def nothing_set() -> Settings:
    return Settings(Session(argv=(), console=Console()))


def places(request: Request, out_dir: Path | None = None, seeds: int = 1) -> list[str]:
    named = [A, B] if request.out is None else [A]
    found = drafts_for(named, request, out_dir, seeds, nothing_set())
    return [str(path) for one in found for path in (*(j.film for j in one.jobs), one.board)]


def test_where_drafts_and_their_storyboards_go(holocine: Holocine) -> None:
    write_scene("a.yaml", seed=4)
    write_scene("b.yaml")
    assert places(Request()) == [
        "a.preview.mp4", "a.preview.png", "b.preview.mp4", "b.preview.png",
    ]  # fmt: skip
    assert places(Request(), Path("d"), 2)[:3] == [
        "d/a.preview-1.mp4", "d/a.preview-2.mp4", "d/a.preview.png",
    ]  # fmt: skip
    assert places(Request(out=Path("x.mp4"))) == ["x.mp4", "x.storyboard.png"]
    assert places(Request(out=Path("{stem}-{seed}.mp4")), seeds=2)[:2] == ["a-4.mp4", "a-5.mp4"]


@pytest.mark.parametrize(
    ("request_", "out_dir", "said"),
    [
        (Request(out=Path("x.mp4")), None, "there are several screenplays"),
        (Request(out=Path("{profile}.mp4")), None, "would both become"),
        (Request(out=Path("{nobody}.mp4")), None, "no field {nobody}"),
        (Request(out=Path("{stem}.mp4")), Path("d"), "both say"),
        (Request(work=Path("w")), None, "one film's folder"),
    ],
    ids=["name", "collision", "field", "folder", "work"],
)
def test_what_does_not_go_together_is_told_before_any_work(
    holocine: Holocine, request_: Request, out_dir: Path | None, said: str
) -> None:
    write_scene("a.yaml")
    write_scene("b.yaml")
    with pytest.raises(InputError, match=said):
        drafts_for([A, B], request_, out_dir, 1, nothing_set())


def test_two_films_of_one_work_folder_are_told_before_any_work(holocine: Holocine) -> None:
    for folder in ("x", "y"):
        Path(folder).mkdir()
        write_scene(f"{folder}/room.yaml")
    answer = holocine("render", "x", "y", "-o", "{folder}.mp4")
    assert (answer.exit_code, "would share one work folder" in answer.stderr) == (2, True)
    assert holocine("plan", "x", "y", "-o", "{folder}/{stem}.mp4").exit_code == 0


@pytest.mark.slow
def test_one_draft_that_fails_stops_no_other(holocine: Holocine) -> None:
    write_scene("a.yaml")
    write_scene("b.yaml", "shots: [\n")
    answer = holocine("preview", ".", "-o", "d/{stem}.mp4", "--json")
    assert answer.exit_code == 4
    assert [one["film"] for one in answer.json["films"]] == ["d/a.mp4", None]
    assert Path("d/a.storyboard.png").is_file()
    both = holocine("preview", "a.yaml", "b.yaml", "--seeds", 2, "--json")
    assert both.json["storyboards"] == ["a.preview.png"]
    assert Path("a.preview-2.mp4").is_file()


@pytest.mark.slow
def test_a_draft_never_replaces_a_film_that_is_none(holocine: Holocine, film: Path) -> None:
    kept = film.read_bytes()
    for name in ("room.mp4", "{stem}.mp4"):
        answer = holocine("preview", "room.yaml", "-o", name)
        assert answer.exit_code == 2
        assert "room.preview.mp4" in answer.stderr
        assert film.read_bytes() == kept
    assert holocine("preview", "room.yaml", "-o", "room.mp4", "--force").exit_code == 0
    known = holocine("versions", film, "--json").json["versions"]
    assert [(one["profile"], one["steps"]) for one in known] == [("standard", 6), ("draft", 2)]
    told = holocine("versions", film).stdout
    assert "standard, 6 steps" in told
    assert "draft, 2 steps" in told
    assert holocine("render", "room.yaml", "-o", "room.mp4").exit_code == 0, "a draft gives way"
    assert "steps" in holocine("versions", film).stdout


@pytest.mark.slow
def test_a_draft_that_replaces_a_draft_is_no_version(holocine: Holocine, film: Path) -> None:
    draft, text = Path("quick.mp4"), Path("room.yaml").read_text()
    for word in ("shines", "flickers", "dims"):
        Path("room.yaml").write_text(text.replace("goes out", word))
        answer = holocine("preview", "room.yaml", "-o", draft)
        assert answer.exit_code == 0, answer.stderr
    listed = holocine("versions", draft, "--json").json["versions"]
    assert [one["current"] for one in listed] == [True]
    listed = holocine("versions", draft)
    assert "steps" not in listed.stdout, "told where versions differ"
