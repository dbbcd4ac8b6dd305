from __future__ import annotations

import numpy as np
import pytest

from holocine_core.evaluate.motion import after_cuts, flicker, motion, stands_out
from holocine_core.script.timeline import Span


def drifting(frames: int, step: int = 1) -> np.ndarray:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 3, (32, 1, 3))
    return np.stack([np.roll(ramp, at * step, 1) for at in range(frames)])


def test_motion_is_in_percent_of_full_scale() -> None:
    still = np.full((5, 8, 8, 3), 90, np.uint8)
    assert motion(still) == 0
    still[1::2] += 51
    assert motion(still) == pytest.approx(20)
    assert motion(still[:1]) is None


def test_faster_motion_is_more() -> None:
    slow, fast = motion(drifting(8)), motion(drifting(8, 4))
    assert slow is not None
    assert fast is not None
    assert 0 < slow < fast


def test_a_steady_shot_does_not_flicker_however_fast() -> None:
    assert flicker(drifting(20)) == pytest.approx(0)
    assert flicker(drifting(20, 5)) == pytest.approx(0)


def test_a_shot_that_settles_flickers() -> None:
    shot = drifting(20)
    shot[0] = np.clip(shot[0].astype(int) + 40, 0, 255)
    found = flicker(shot)
    assert found is not None
    assert found > 5
    later = drifting(20)
    later[12] = 0
    assert flicker(later) == pytest.approx(0), "what happens later is motion"


def test_only_shots_after_cuts_are_looked_at() -> None:
    first, second = drifting(20), drifting(20)
    first[0] = 0
    scene = np.concatenate([first, second])
    assert after_cuts(scene, [Span(0, 20), Span(20, 40)]) == pytest.approx([0])
    scene[20] = 0
    assert after_cuts(scene, [Span(0, 20), Span(20, 40)])[0] > 5
    assert after_cuts(scene, [Span(0, 38), Span(38, 40)]) == [], "too short to tell"


def test_a_cut_that_comes_a_frame_late_is_no_flicker() -> None:
    scene = np.concatenate([drifting(21) // 4, drifting(19)])
    assert after_cuts(scene, [Span(0, 20), Span(20, 40)]) == pytest.approx([0])


def test_a_cut_is_where_the_picture_changes_most() -> None:
    scene = np.full((30, 8, 8, 3), 50, np.uint8)
    scene[15:] += 20
    assert stands_out(scene, 15)
    assert stands_out(scene, 16), "a frame late"
    assert not stands_out(scene, 18)
    assert not stands_out(scene, 12)
    scene[17:] += 40
    assert not stands_out(scene, 15), "something changes more two frames on"
    assert stands_out(scene[:16], 15), "at the very end"


def test_a_last_shot_of_one_frame_is_no_flicker() -> None:
    assert after_cuts(drifting(21), [Span(0, 20), Span(20, 21)]) == []
