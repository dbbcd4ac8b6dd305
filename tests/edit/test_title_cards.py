"""Cards and slates: text that fits, fades that reach black, a strip that leaves the rest alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from holocine_core.edit.title_cards import card_frames, card_picture, check_card, slated
from holocine_core.errors import InputError
from holocine_core.script.screenplay import Card
from holocine_core.script.timeline import FrameSpan

FPS = Fraction(15)


def pixels(card: Card, size: tuple[int, int] = (224, 128)) -> np.ndarray:
    return np.asarray(card_picture(card, size)).astype(int)


def written(picture: np.ndarray, paper: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
    """Where something stands on the paper."""
    return (np.abs(picture - paper) > 40).any(-1)


@pytest.mark.parametrize("size", [(224, 128), (832, 480), (120, 200)])
@pytest.mark.parametrize(
    "text", ["End", "The Lighthouse", "A very long title " * 4, "one\ntwo\nthree", "W" * 60]
)
def test_all_of_a_text_is_on_its_card(text: str, size: tuple[int, int]) -> None:
    card = Card(text=text, under="A film of paper", ink="#ffffff", paper="#000000")
    there = written(pixels(card, size))
    rows, columns = np.nonzero(there)
    height, width = there.shape
    assert there.any()
    assert min(rows.min(), height - 1 - rows.max()) >= height * 0.05
    assert min(columns.min(), width - 1 - columns.max()) >= width * 0.04
    assert abs(columns.min() + columns.max() - width) <= 6


def test_a_short_text_is_large_and_what_stands_under_it_small() -> None:
    alone = written(pixels(Card(text="End", ink="#ffffff", paper="#000000")))
    assert np.nonzero(alone)[0].max() - np.nonzero(alone)[0].min() > 12
    both = written(pixels(Card(text="End", under="1926", ink="#ffffff", paper="#000000")))
    assert both.sum() > alone.sum()
    lines = np.flatnonzero(np.diff(both.any(1).astype(int)))
    assert len(lines) == 4
    assert lines[1] - lines[0] > lines[3] - lines[2]


def test_colours_are_those_asked_for() -> None:
    picture = pixels(Card(text="End", ink="#ff0000", paper="#00ff00"))
    assert tuple(picture[0, 0]) == (0, 255, 0)
    assert (picture == (255, 0, 0)).all(-1).any()


def test_a_card_comes_out_of_black_and_goes_into_it() -> None:
    card = Card(text="End", paper="#808080")
    frames = np.concatenate(list(card_frames(card, (64, 48), 30, FPS)))
    light = frames[:, 0, 0, 0].astype(int)
    assert len(frames) == 30
    assert light[0] < 30
    assert light[15] == 128
    assert (np.diff(light[:8]) >= 0).all()
    assert (light == light[::-1]).all()


def test_the_line_break_at_the_end_of_a_block_is_no_line() -> None:
    block, plain = (
        Card(text="The Harbour\n", under="1926\n"),
        Card(text="The Harbour", under="1926"),
    )
    assert (pixels(block) == pixels(plain)).all()


def test_a_text_that_does_not_fit_is_refused() -> None:
    long = Card(text="word " * 60)
    check_card(long, (832, 480), "opening")
    with pytest.raises(InputError, match=r"the opening card's text does not fit .* 112x64"):
        check_card(long, (112, 64), "opening")


@pytest.mark.parametrize("size", [(480, 832), (320, 320), (224, 128), (288, 512)])
def test_a_slate_is_read_in_upright_pictures_too(size: tuple[int, int]) -> None:
    width, height = size
    black = np.zeros((1, height, width, 3), np.uint8)

    def strip(label: str) -> np.ndarray:
        (made,) = slated(iter([black]), [(FrameSpan(0, 1), label)], FPS)
        return made

    assert (strip("quay:2, seed 7") != strip("quay:2, seed 8")).any(), "the seed is still there"


def test_a_slate_tells_shot_and_time_and_touches_only_its_strip() -> None:
    reel = np.full((20, 96, 160, 3), 120, np.uint8)
    chunks = iter([reel[:7], reel[7:]])
    labels = [(FrameSpan(0, 10), "quay:1, seed 3"), (FrameSpan(12, 20), "quay:2, seed 3")]
    made = np.concatenate(list(slated(chunks, labels, FPS)))
    strip = 12
    assert (made[:, : 96 - strip] == 120).all()
    assert (made[10:12] == 120).all(), "no label, no slate"
    assert (made[0, -3:] != made[12, -strip:][-3:]).any() or (made[0] != made[12]).any()
    assert (made[0, -strip:] != made[1, -strip:]).any(), "the time goes on"
    left = slice(0, 80)
    assert (made[0, -strip:, left] == made[1, -strip:, left]).all(), "the label stays"
