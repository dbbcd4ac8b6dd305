"""--peek, on whole films: they are the same with it, and a picture is there meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from holocine_core.sample import peek
from holocine_core.sample.peek_file import MARK
from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("whole", [True, False])
def test_a_film_is_the_same_with_a_peek(
    holocine: Holocine, film: Path, whole: bool, signal_at_step: Callable[[int, int], None]
) -> None:
    """Byte for byte, film and takes; also where it was stopped with one and goes on without."""
    signal_at_step(2, 3)
    render = ("render", "room.yaml", "-o", "b/room.mp4")
    assert holocine(*render, "--peek", "now.png").exit_code == 130
    assert Path("now.png").is_file()
    shutil.rmtree("b") if whole else None
    answer = holocine(*render, *(("--peek", "now.png") if whole else ()))
    assert answer.exit_code == 0, answer.stderr
    assert Path("b/room.mp4").read_bytes() == film.read_bytes()
    for kind in ("clips/*.mp4", "negatives/*.safetensors"):
        (one,), (other,) = (list(Path(at, ".holocine/room").glob(kind)) for at in ("b", ""))
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()
    with Image.open("now.png") as picture:
        assert picture.format == "PNG"
        assert picture.info["Software"] == MARK
        assert picture.width > picture.height
    before = Path("now.png").read_bytes()
    assert holocine(*render, "--peek", "now.png").exit_code == 0
    assert Path("now.png").read_bytes() == before, "nothing was at work"


def test_the_film_at_work_is_the_one_that_is_shown(
    holocine: Holocine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_scene(f"{name}.yaml", id=f"scene-{name}", model=str(tiny))
    words: list[str] = []
    draw = peek.strip

    def noted(pictures: list[object], said: str) -> object:
        words.append(said)
        return draw(pictures, said)  # type: ignore[arg-type]

    monkeypatch.setattr(peek, "strip", noted)
    made = holocine("render", "a.yaml", "b.yaml", "--profile", "draft", "--peek", "now.jpg")
    assert made.exit_code == 0, made.stderr
    assert words == ["scene-a  1/2", "scene-a  2/2", "scene-b  1/2", "scene-b  2/2"]
    words.clear()
    preview = holocine("preview", "a.yaml", "--seeds", "2", "--peek", "now.jpg")
    assert preview.exit_code == 0, preview.stderr
    assert len(words) == 2, "the first draft's take is there already"
    words.clear()
    again = holocine("reshoot", "a.mp4", "--shot", "1", "--peek", "now.jpg")
    assert again.exit_code == 0, again.stderr
    assert words == ["scene-a  1/2", "scene-a  2/2"]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("room.gif", 2, "none by its name"),
        ("nowhere/now.png", 2, "no folder"),
        ("room.yaml", 2, "none by its name"),
        ("mine.png", 2, "no picture of --peek"),
    ],
)
def test_it_is_refused_before_the_work(
    holocine: Holocine, film: Path, name: str, code: int, words: str
) -> None:
    Path("mine.png").write_bytes(b"mine")
    for command in (
        ("render", "room.yaml"),
        ("preview", "room.yaml"),
        ("reshoot", film, "--shot", 1),
    ):
        answer = holocine(*command, "--peek", name)
        assert answer.exit_code == code
        assert words in answer.stderr
    assert Path("mine.png").read_bytes() == b"mine"
    assert not Path("room.preview.mp4").exists()


def test_workers_that_are_started_elsewhere_have_none(holocine: Holocine, scene: Path) -> None:
    answer = holocine("render", ".", "--on", "local", "--peek", "now.png")
    assert answer.exit_code == 2
    assert "--peek is of one process" in answer.stderr
