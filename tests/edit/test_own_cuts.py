"""Cuts are seen where they are, missed where they are not, and told apart from a model's pulse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import Frames
from holocine_core.edit.own_cuts import (
    CutWatch,
    SeenCuts,
    cells,
    read_seen,
    watch,
)

HIGH, WIDE = 64, 112


def shot(seed: int, frames: int, pulse: float = 0.0) -> Frames:
    """A picture that drifts; every fourth frame it jumps by ``pulse`` grey levels."""
    rng = np.random.default_rng(seed)
    picture = rng.uniform(60, 190, (8, 14, 3)).repeat(8, 0).repeat(8, 1)
    steps = np.arange(frames)[:, None, None, None]
    drift = rng.uniform(-0.6, 0.6, picture.shape) * steps
    jumps = rng.uniform(-pulse, pulse, (1 + frames // 4, *picture.shape))[(steps // 4).ravel()]
    return np.clip(picture + drift + jumps, 0, 255).astype(np.uint8)


def scene(*shots: Frames) -> tuple[Frames, list[int]]:
    lengths = np.cumsum([len(one) for one in shots])
    return np.concatenate(shots), [int(at) for at in lengths[:-1]]


@pytest.mark.parametrize("pulse", [0, 6, 20])
def test_cuts_are_seen_where_they_were_asked(pulse: float) -> None:
    frames, cuts = scene(shot(1, 17, pulse), shot(2, 16, pulse), shot(3, 20, pulse))
    assert watch([frames], cuts) == SeenCuts(asked=tuple(cuts), missing=(), extra=())


@pytest.mark.parametrize("pulse", [0, 6, 20])
def test_a_cut_that_is_not_there_is_missing(pulse: float) -> None:
    frames, _ = scene(shot(1, 17, pulse), shot(2, 36, pulse))
    seen = watch([frames], [17, 33])
    assert (seen.missing, seen.extra) == ((33,), ())


def test_a_cut_that_nobody_asked_for_is_extra() -> None:
    frames, _ = scene(shot(1, 17), shot(2, 16), shot(3, 20))
    seen = watch([frames], [17])
    assert (seen.missing, seen.extra) == ((), (33,))


def test_a_cut_may_come_a_frame_late_and_no_later() -> None:
    frames, _ = scene(shot(1, 17), shot(2, 20))
    assert watch([frames], [16]).missing == ()
    late = watch([frames], [13])
    assert (late.missing, late.extra) == ((13,), (17,))


def test_one_picture_that_stands_still_has_no_cut() -> None:
    still = np.full((20, HIGH, WIDE, 3), 90, np.uint8)
    still[10:] += 1
    assert watch([still], [9]) == SeenCuts(asked=(9,), missing=(9,), extra=())


def test_frames_come_in_any_pieces() -> None:
    frames, cuts = scene(shot(1, 17, 6), shot(2, 16, 6))

    def pieces() -> Iterator[Frames]:
        yield frames[:1]
        for start in range(1, len(frames), 4):
            yield frames[start : start + 4]

    watching = CutWatch()
    for piece in pieces():
        watching.add(piece)
    assert watching.seen(cuts) == watch([frames], cuts)
    assert CutWatch().seen([5]).missing == (5,)


@pytest.mark.parametrize(("high", "wide"), [(16, 16), (64, 112), (30, 7), (480, 832)])
def test_frames_of_any_size_have_cells(high: int, wide: int) -> None:
    seen = cells(np.full((2, high, wide, 3), 51, np.uint8))
    assert seen.shape == (2, min(8, high), min(14, wide), 3)
    assert np.allclose(seen, 0.2)


def test_a_record_is_read_back_and_an_odd_one_is_none(tmp_path: Path) -> None:
    seen = SeenCuts(asked=(5, 9), missing=(9,), extra=(3,))
    assert read_seen(seen.record()) == seen
    for odd in (None, {}, {"asked": 3}, {"asked": ["x"], "missing": [], "extra": []}):
        assert read_seen(odd) is None  # type: ignore[arg-type]
