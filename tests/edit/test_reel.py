from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.reel import (
    ClipInput,
    Transition,
    check_reel,
    clip_starts,
    delivered,
    dim,
    dissolve,
    hard_cuts,
    interpolated,
    repeated,
)
from holocine_core.errors import InputError
from holocine_core.script.timeline import FrameSpan

CUT = Transition()


def clips(*lengths: int, cuts: tuple[tuple[int, ...], ...] = ()) -> list[ClipInput]:
    inner = cuts or ((),) * len(lengths)
    return [
        ClipInput(path=Path("x.mp4"), frames=n, cuts=c) for n, c in zip(lengths, inner, strict=True)
    ]


def crossfade(frames: int) -> Transition:
    return Transition(kind="crossfade", frames=frames)


def fade(frames: int) -> Transition:
    return Transition(kind="fade", frames=frames)


def test_only_crossfades_shorten_the_reel() -> None:
    assert clip_starts(clips(10), []) == (0, 10)
    assert clip_starts(clips(10, 20, 30), [CUT, fade(6)]) == (0, 10, 30, 60)
    assert clip_starts(clips(10, 20, 30), [crossfade(4), crossfade(7)]) == (0, 6, 19, 49)


def test_a_fade_splits_its_frames_over_both_clips() -> None:
    assert (fade(7).tail, fade(7).head) == (3, 4)
    assert (crossfade(7).tail, crossfade(7).head) == (7, 7)
    assert (CUT.tail, CUT.head) == (0, 0)


def test_hard_cuts_are_those_no_crossfade_joins() -> None:
    reel = clips(10, 20, 30, 10, cuts=((5,), (), (1, 9), ()))
    assert hard_cuts(reel, [CUT, crossfade(4), fade(2)]) == (5, 10, 27, 35, 56)


@pytest.mark.parametrize("transition", [Transition(frames=3), fade(1), crossfade(0), fade(0)])
def test_transitions_of_senseless_length_are_refused(transition: Transition) -> None:
    with pytest.raises(InputError):
        check_reel(clips(10, 10), [transition])


def test_transitions_may_not_share_a_frame() -> None:
    check_reel(clips(10, 10, 10), [crossfade(5), crossfade(5)])
    with pytest.raises(InputError, match="6 \\+ 5 of 10 frames"):
        check_reel(clips(10, 10, 10), [crossfade(6), crossfade(5)])
    with pytest.raises(InputError, match="0 \\+ 11 of 10"):
        check_reel(clips(10, 30), [crossfade(11)])
    with pytest.raises(InputError, match="6 \\+ 5 of 10"):
        check_reel(clips(20, 10, 20), [fade(11), crossfade(5)])


def test_delivered_frames_round_half_up() -> None:
    to_24 = [delivered(frame, Fraction(15), Fraction(24)) for frame in range(6)]
    assert to_24 == [0, 2, 3, 5, 6, 8]  # 0, 1.6, 3.2, 4.8, 6.4, 8
    assert delivered(1, Fraction(15), Fraction(45, 2)) == 2  # 1.5
    assert delivered(241, Fraction(15), Fraction(30000, 1001)) == 482  # 481.52


@pytest.mark.parametrize("to", [Fraction(12), Fraction(15), Fraction(24000, 1001), Fraction(60)])
def test_repetition_shows_each_frame_from_its_delivered_place(to: Fraction) -> None:
    count, rate = 40, Fraction(15)
    numbered = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1) + np.zeros((1, 2, 2, 3), "u1")
    shown = np.concatenate(list(repeated(iter(np.split(numbered, [7, 8, 30])), rate, to)))
    assert len(shown) == delivered(count, rate, to)
    places = [delivered(frame, rate, to) for frame in range(count + 1)]
    for frame, (start, stop) in enumerate(pairwise(places)):
        assert (shown[start:stop] == frame).all()


@pytest.mark.parametrize("to", [Fraction(25), Fraction(30), Fraction(24000, 1001), Fraction(12)])
def test_interpolation_has_exactly_its_frames(tmp_path: Path, to: Fraction) -> None:
    rate, scratch = Fraction(15), tmp_path / "scratch.mp4"
    levels = (4 * np.arange(31, dtype=np.uint8)).reshape(-1, 1, 1, 1)
    reel = np.broadcast_to(levels, (31, 48, 64, 3))
    spans = [FrameSpan(0, 30), FrameSpan(30, 31)]
    moved = np.concatenate(list(interpolated(iter([reel]), spans, rate, to, scratch)))
    assert len(moved) == delivered(31, rate, to)
    places = np.clip(np.arange(len(moved)) * float(15 / to), 0, 29)[: delivered(30, rate, to)]
    np.testing.assert_allclose(moved[: len(places), 24, 32, 1], 4 * places, atol=2)
    assert (np.abs(moved[len(places) :].astype(int) - 120) <= 1).all()
    assert not scratch.exists()


def test_a_dissolve_holds_neither_picture_pure() -> None:
    old = np.full((3, 1, 1, 3), 200, np.uint8)
    new = np.full((3, 1, 1, 3), 0, np.uint8)
    assert dissolve(old, new, 1, 4)[:, 0, 0, 0].tolist() == [150, 100, 50]
    assert dissolve(old, old, 1, 4)[:, 0, 0, 0].tolist() == [200, 200, 200]


def test_dimming_goes_both_ways() -> None:
    white = np.full((3, 1, 1, 3), 255, np.uint8)
    assert dim(white, 1, 4)[:, 0, 0, 0].tolist() == [64, 128, 191]
    assert dim(white, 2, 3, step=-1)[:, 0, 0, 0].tolist() == [170, 85, 0]
