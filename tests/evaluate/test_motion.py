from __future__ import annotations

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.motion import (
    after_cuts,
    by_latents,
    flicker,
    motion,
    raggedness,
    stands_out,
)
from holocine_core.script.timeline import FrameSpan


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
    assert after_cuts(scene, [FrameSpan(0, 20), FrameSpan(20, 40)]) == pytest.approx([0])
    scene[20] = 0
    assert after_cuts(scene, [FrameSpan(0, 20), FrameSpan(20, 40)])[0] > 5
    assert after_cuts(scene, [FrameSpan(0, 38), FrameSpan(38, 40)]) == [], "too short to tell"


def test_a_cut_that_comes_a_frame_late_is_no_flicker() -> None:
    scene = np.concatenate([drifting(21) // 4, drifting(19)])
    assert after_cuts(scene, [FrameSpan(0, 20), FrameSpan(20, 40)]) == pytest.approx([0])


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
    assert after_cuts(drifting(21), [FrameSpan(0, 20), FrameSpan(20, 21)]) == []


def pulsing(frames: int, jump: int) -> np.ndarray:
    """A still picture that jumps into every latent's first frame: 1, 5, 9 ..."""
    level = np.array([100 + jump * (((at + 3) // 4) % 2) for at in range(frames)], np.uint8)
    return np.tile(level[:, None, None, None], (1, 16, 16, 3))


def test_a_pulse_is_what_latents_first_frames_change_more() -> None:
    ((into, inside),) = by_latents(pulsing(21, 51), [FrameSpan(0, 21)])
    assert (into, inside) == (pytest.approx(20), 0)
    ((into, inside),) = by_latents(drifting(21, 2), [FrameSpan(0, 21)])
    assert into == pytest.approx(inside)


def test_cuts_are_in_no_pulse_and_frames_count_from_the_takes_first() -> None:
    scene = np.concatenate([pulsing(9, 51), 255 - pulsing(18, 51)[9:]])
    shots = [FrameSpan(0, 9), FrameSpan(9, 18)]
    assert [round(into) for into, _ in by_latents(scene, shots)] == [20, 20]
    scene = pulsing(25, 51)[6:]
    assert next(by_latents(scene, [FrameSpan(0, 19)], 6)) == (pytest.approx(20), 0)
    assert next(by_latents(scene, [FrameSpan(0, 19)], 0))[0] < 20
    assert list(by_latents(scene, [FrameSpan(0, 1)])) == []


def test_what_a_codec_cannot_hold_is_ragged() -> None:
    seen: list[int] = []

    def steady(frames: Frames) -> Frames:
        """A codec that knows one picture per latent: the mean of its frames."""
        seen.append(len(frames))
        out = frames.astype(float)
        for start in range(1, len(frames), 4):
            out[start : start + 4] = out[start : start + 4].mean(0)
        return out.round().astype(np.uint8)

    (found,) = raggedness(pulsing(21, 50), [FrameSpan(0, 21)], steady)
    assert found == pytest.approx(25 / 255 * 100)
    assert seen == [17], "from frame 2 on, so that every jump lies inside a latent"
    assert list(raggedness(pulsing(21, 0), [FrameSpan(0, 21)], steady)) == [0]
    assert list(raggedness(pulsing(21, 9), [FrameSpan(0, 5)], steady)) == []
    assert len(list(raggedness(pulsing(21, 9), [FrameSpan(0, 9), FrameSpan(9, 21)], steady))) == 2
