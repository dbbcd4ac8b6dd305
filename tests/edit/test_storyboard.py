from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from holocine_core.edit.ffmpeg import Frames
from holocine_core.edit.storyboard import StoryboardRow, storyboard
from holocine_core.errors import InputError, MachineError
from holocine_core.script.timeline import FrameSpan

pytestmark = pytest.mark.slow

COLOURS = [(200, 30, 30), (30, 160, 60), (40, 60, 200)]


def flat(colour: tuple[int, int, int], height: int = 48, width: int = 80) -> Frames:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3))


def row(shot: int = 1, scene: str = "ball", prompt: str = "A red ball rolls.") -> StoryboardRow:
    first, middle, last = (flat(colour) for colour in COLOURS)
    start = 61 * (shot - 1)
    return StoryboardRow(
        scene=scene,
        name=f"{scene}:{shot}",
        prompt=prompt,
        span=FrameSpan(start, start + 61),
        fps=Fraction(15),
        pictures=(("frame 0", first), ("frame 30", middle), ("frame 60", last)),
    )


def draw(path: Path, *rows: StoryboardRow, title: str = "Ball") -> Frames:
    storyboard(rows, path, title)
    with Image.open(path) as page:
        assert page.format == "PNG"
        return np.asarray(page.convert("RGB"))


def places(page: Frames, colour: tuple[int, int, int]) -> tuple[FrameSpan, FrameSpan]:
    """Rows and columns that a colour fills."""
    ys, xs = np.nonzero((page == colour).all(2))
    return FrameSpan(ys.min(), ys.max() + 1), FrameSpan(xs.min(), xs.max() + 1)


def test_first_middle_and_last_stand_side_by_side_and_large(tmp_path: Path) -> None:
    page = draw(tmp_path / "board.png", row())
    spots = [places(page, colour) for colour in COLOURS]
    assert [columns.start for _, columns in spots] == sorted(c.start for _, c in spots)
    for (rows, columns), (others, _) in zip(spots, spots[1:] + spots[:1], strict=True):
        assert rows == others
        assert len(columns) >= 200
        assert len(columns) / len(rows) == pytest.approx(80 / 48, rel=0.02)


def test_every_shot_has_its_row(tmp_path: Path) -> None:
    rows = [row(shot, f"scene-{shot // 5}") for shot in range(1, 17)]
    page = draw(tmp_path / "board.png", *rows)
    column = places(page[:1000], COLOURS[0])[1].start
    reds = (page[:, column] == COLOURS[0]).all(1)
    assert np.count_nonzero(np.diff(reds.astype(int)) == 1) == 16


def test_a_long_prompt_makes_its_row_higher_and_stays_on_the_page(tmp_path: Path) -> None:
    short = draw(tmp_path / "a.png", row(), row(2))
    long = draw(tmp_path / "b.png", row(prompt="a lighthouse keeper " * 40), row(2))
    assert len(long) > len(short) + 400
    paper = long[0, 0]
    assert (long[:, -100:].reshape(-1, 3) == paper).all()  # the right margin holds no ink
    assert not (long[:, -700:-130] == paper).all()


def test_text_is_on_the_page(tmp_path: Path) -> None:
    one = draw(tmp_path / "a.png", row(prompt="A red ball rolls."))
    two = draw(tmp_path / "b.png", row(prompt="A red ball rests."))
    ys, xs = np.nonzero((one != two).any(2))
    assert len(ys)
    assert xs.min() > places(one, COLOURS[2])[1].stop  # to the right of the pictures
    other = draw(tmp_path / "c.png", row(scene="bell"), title="Bell")
    ys, xs = np.nonzero((one != other).any(2))
    assert len(set(np.digitize(ys, [300]))) == 2  # the film's title and the scene's name


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", row(), row(2))
    draw(tmp_path / "b.png", row(), row(2))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "x" * 500, "\u6f22\u5b57 \U0001f600 caf\u00e9 \u202eleft", "tab\tnul\0end"],
)
def test_any_text_can_be_drawn(tmp_path: Path, text: str) -> None:
    assert draw(tmp_path / "board.png", row(prompt=text, scene=text), title=text).size


def test_upright_pictures_keep_their_shape(tmp_path: Path) -> None:
    tall = replace(row(), pictures=tuple(("frame", flat(colour, 90, 50)) for colour in COLOURS))
    rows, columns = places(draw(tmp_path / "board.png", tall), COLOURS[1])
    assert len(columns) >= 200
    assert len(columns) / len(rows) == pytest.approx(50 / 90, rel=0.02)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_any_number_of_pictures_fits_beside_the_text(tmp_path: Path, count: int) -> None:
    many = tuple((f"draft {i}", flat((9, 60 + 20 * i, 9))) for i in range(count))
    page = draw(tmp_path / "board.png", replace(row(), pictures=many))
    columns = [places(page, (9, 60 + 20 * i, 9))[1] for i in range(count)]
    assert all(a.stop < b.start for a, b in pairwise(columns))
    assert len({len(span) for span in columns}) == 1
    assert columns[-1].stop < 1560


def test_a_failed_write_leaves_the_old_board(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PNG"):
        storyboard([row()], tmp_path / "board.jpg", "Ball")
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError) as told:
        storyboard([row()], tmp_path / "file" / "board.png", "Ball")
    assert told.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_frames_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        StoryboardRow(
            scene="s",
            name="s:1",
            prompt="p",
            span=FrameSpan(0, 5),
            fps=Fraction(15),
            pictures=(("frame 0", np.zeros((4, 4, 3))),),  # type: ignore[arg-type]
        )
