"""What lies beside a film that is edited: made anew where that is asked for, and told where not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holocine_core.evaluate import cuts, film_page
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow


def test_a_storyboard_is_drawn_anew_or_told(holocine: Holocine, film: Path) -> None:
    board = Path("room.storyboard.png")
    assert holocine("render", "room.yaml", "-o", film, "--storyboard").exit_code == 0
    first, stale = board.read_bytes(), "room.storyboard.png was made before this"
    answer = holocine("reshoot", film, "--shot", "1")
    assert f"{stale}; --storyboard makes it anew\n" in answer.stderr
    assert board.read_bytes() == first
    answer = holocine("reshoot", film, "--shot", "2", "--storyboard", "--json")
    assert (answer.exit_code, answer.json["storyboard"]) == (0, str(board))
    assert "was made before" not in answer.stderr
    assert board.read_bytes() != first
    assert f"{stale}\n" in holocine("versions", film, "--pick", "1").stderr
    board.write_text("mine")
    answer = holocine("reshoot", film, "--shot", "1")
    assert "was made before" not in answer.stderr, "it is none of ours"
    Path("other.storyboard.png").write_text("mine")
    film_before = film.read_bytes()
    answer = holocine("reshoot", film, "--shot", "1", "-o", "other.mp4", "--storyboard")
    assert answer.exit_code == 2
    assert "not of this film's making" in answer.stderr
    assert not Path("other.mp4").exists()
    assert film.read_bytes() == film_before


def test_its_own_page_gives_way(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "find_cuts", lambda scenes: [(5,) for _ in scenes])
    page = Path("room.html")
    assert holocine("report", film).exit_code == 0
    first = page.read_bytes()
    assert holocine("reshoot", film, "--shot", "1").exit_code == 0
    assert holocine("report", film).exit_code == 0
    assert page.read_bytes() != first
    with monkeypatch.context() as refused:
        refused.setattr(film_page, "look_through", None)
        shutil.copy(film, "other.mp4")
        assert holocine("report", "other.mp4", "-o", page).exit_code == 2, "another film's"
        page.write_bytes(page.read_bytes().replace(b"lamp", b"lump", 1))
        assert holocine("report", film).exit_code == 2, "changed by hand"
