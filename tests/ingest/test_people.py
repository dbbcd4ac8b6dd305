"""Shots that seem to show one person get one name."""

from __future__ import annotations

import numpy as np
import pytest

from holocine_core.ingest.footage import Picture
from holocine_core.ingest.people import clusters, sign

WALL, COAT, SHIRT, SKIN = (90, 140, 90), (200, 40, 40), (40, 60, 200), (220, 180, 150)


def picture(clothes: tuple[int, int, int], wall: tuple[int, int, int], closer: int = 0) -> Picture:
    """Somebody in the middle of a place, with a little noise."""
    shown = np.empty((96, 160, 3), np.uint8)
    shown[:] = wall
    shown[20 - closer : 40, 70 - closer : 90 + closer] = SKIN
    shown[40:, 62 - closer : 98 + closer] = clothes
    noise = np.random.default_rng(closer).integers(-6, 7, shown.shape)
    return np.clip(shown + noise, 0, 255).astype(np.uint8)


def test_who_is_seen_again_has_the_same_number() -> None:
    shots = [(COAT, WALL, 0), (SHIRT, WALL, 0), (COAT, WALL, 10), (SHIRT, WALL, 6)]
    assert clusters([sign([picture(*one)] * 3) for one in shots]) == [0, 1, 0, 1]


def test_the_place_tells_nobody() -> None:
    """One person before two walls is one, two before one wall are two."""
    other = (30, 30, 60)
    shots = [(COAT, WALL, 0), (COAT, other, 0), (SHIRT, other, 0)]
    assert clusters([sign([picture(*one)]) for one in shots]) == [0, 0, 1]


@pytest.mark.parametrize("shade", [0, 255])
def test_an_even_picture_has_a_sign_too(shade: int) -> None:
    even = np.full((48, 80, 3), shade, np.uint8)
    assert sign([even]).sum() == pytest.approx(1)
    assert clusters([sign([even]), sign([even])]) == [0, 0]
