"""Where shots end, told by numbers alone: no film is read here."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from holocine_core.evaluate.cuts import INPUT
from holocine_core.ingest.boundaries import Boundary, answered, find_boundaries, sharpness
from holocine_core.ingest.scan import Scan


def _scan(frames: np.ndarray, heard: dict[int, float] | None = None) -> Scan:
    """A film of small frames [n, H, W, 3]; what TransNetV2 says of some of them."""
    moved = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(axis=(1, 2, 3))
    cut = np.zeros(len(frames), np.float32)
    for frame, likely in (heard or {}).items():
        cut[frame] = likely
    return Scan(
        time_n=np.arange(len(frames)),
        score_n=np.concatenate([[0], moved]).astype(np.float32),
        light_n=frames.mean(axis=(1, 2, 3)).astype(np.float32),
        spread_n=frames.std(axis=(1, 2, 3)).astype(np.float32),
        torn_n=np.zeros(len(frames), bool),
        small_nHW3=frames.astype(np.uint8),
        cut_n=cut,
        within_n=cut * 0.5,
    )


def _shot(seed: int, count: int) -> np.ndarray:
    """Patches of colour that drift a little."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(30, 225, (3, 6, 3)).repeat(9, axis=0).repeat(8, axis=1)
    return np.stack([np.roll(patches, k // 4, axis=1) for k in range(count)]).astype(np.float32)


def _where(found: tuple[Boundary, ...]) -> list[tuple[str, int, bool]]:
    return [(one.kind, one.first, one.sure) for one in found]


def test_frames_have_the_detectors_size() -> None:
    assert _shot(0, 2).shape[1:] == (*INPUT, 3)


def test_a_cut_that_both_hear_is_sure() -> None:
    frames = np.concatenate([_shot(1, 20), _shot(2, 20)])
    assert _where(find_boundaries(_scan(frames, {19: 0.8}))) == [("cut", 20, True)]


def test_one_voice_alone_is_asked() -> None:
    frames = np.concatenate([_shot(1, 20), _shot(2, 20)])
    assert _where(find_boundaries(_scan(frames))) == [("cut", 20, False)]
    still = _shot(1, 40)
    found = find_boundaries(_scan(still, {19: 0.9}))
    assert [(one.kind, one.sure) for one in found] == [("cut", False)]
    assert abs(found[0].first - 20) <= 2


def test_a_flash_is_no_cut() -> None:
    frames = _shot(1, 40)
    frames[20:22] = 255
    assert find_boundaries(_scan(frames)) == ()


def test_steady_motion_is_no_cut() -> None:
    patches = _shot(3, 1)[0]
    frames = np.stack([np.roll(patches, 3 * k, axis=1) for k in range(40)])
    assert find_boundaries(_scan(frames)) == ()


def test_a_dissolve_goes_with_its_frames() -> None:
    old, new = _shot(1, 40), _shot(2, 40)
    share = ((np.arange(10) + 1) / 11)[:, None, None, None]
    mixed = old[30:] * (1 - share) + new[:10] * share
    frames = np.concatenate([old[:30], mixed, new[10:]])
    (found,) = find_boundaries(_scan(frames, {34: 0.4}))
    assert found.kind == "dissolve"
    assert found.sure
    assert found.first <= 30 <= 40 <= found.last
    assert found.first >= 26
    assert found.last <= 44


def test_a_fade_goes_with_its_frames() -> None:
    old, new = _shot(1, 40), _shot(2, 40)
    dim = np.linspace(1, 0, 9)[1:, None, None, None]
    frames = np.concatenate([old[:32], old[32:] * dim, new[:8] * dim[::-1], new[8:]])
    (found,) = find_boundaries(_scan(frames))
    assert found.kind == "fade"
    assert 27 <= found.first <= 32
    assert 48 <= found.last <= 53


def test_long_black_takes_no_longer_than_its_frames() -> None:
    black = np.zeros((4000, *INPUT, 3), np.uint8)
    dim = np.linspace(1, 0, 9)[1:, None, None, None]
    shot = _shot(1, 40)
    shot[32:] *= dim
    scan = _scan(np.concatenate([shot.astype(np.uint8), black, shot[::-1].astype(np.uint8)]))
    began = time.process_time()
    (found,) = find_boundaries(scan)
    assert time.process_time() - began < 4
    assert found.kind == "fade"
    assert 28 <= found.first <= 33
    assert 4047 <= found.last <= 4052


def test_a_dark_shot_is_no_fade() -> None:
    frames = np.concatenate([_shot(1, 20), _shot(2, 20) * 0.02])
    assert _where(find_boundaries(_scan(frames, {19: 0.9}))) == [("cut", 20, True)]


def test_what_could_not_be_read_ends_a_shot() -> None:
    torn = np.zeros(40, bool)
    torn[20] = True
    scan = replace(_scan(_shot(1, 40)), torn_n=torn)
    assert _where(find_boundaries(scan)) == [("gap", 20, True)]
    assert answered(find_boundaries(scan), {20: False}) == find_boundaries(scan)


def test_no_answer_joins_shots_over_what_could_not_be_read() -> None:
    torn = np.zeros(40, bool)
    torn[20] = True
    scan = replace(_scan(np.concatenate([_shot(1, 20), _shot(2, 20)])), torn_n=torn)
    found = find_boundaries(scan)
    assert {one.kind for one in found} == {"cut", "gap"}
    assert _where(answered(found, {20: False})) == [("gap", 20, True)]


def test_answers_of_no_frame_of_the_film_are_left_out() -> None:
    found = find_boundaries(_scan(_shot(1, 40)))
    assert answered(found, {0: True, 40: True, 41: False}, frames=40) == ()
    assert _where(answered(found, {39: True}, frames=40)) == [("cut", 39, True)]


def test_answers_decide() -> None:
    frames = np.concatenate([_shot(1, 20), _shot(2, 20)])
    found = find_boundaries(_scan(frames))
    assert answered(found, {20: False}) == ()
    assert _where(answered(found, {20: True})) == [("cut", 20, True)]
    assert _where(answered(found, {10: True})) == [("cut", 10, True), ("cut", 20, False)]


def test_sharpness_is_beside_its_neighbours() -> None:
    score = np.full(30, 4, np.float32)
    score[15] = 40
    assert sharpness(score)[15] == 10
    assert sharpness(score)[14] < 1.1
