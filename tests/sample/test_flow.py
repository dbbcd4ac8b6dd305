from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from holocine_core.sample import flow
from holocine_core.sampling import shifted, unshifted

SCHEDULES = json.loads((Path(__file__).parents[1] / "model" / "golden" / "cases.json").read_text())[
    "flow_match"
]


@pytest.mark.parametrize("case", SCHEDULES, ids=lambda c: f"{c['steps']}-{c['shift']}")
def test_sigmas_are_the_releases(case: dict) -> None:
    assert flow.schedule(case["steps"], case["shift"]) == pytest.approx(case["sigmas"], abs=1e-6)


def test_float32_decides_which_expert_a_borderline_step_goes_to() -> None:
    """Both are 0.875 in exact arithmetic; the release's float32 parts them."""
    on_the_switch = flow.schedule(12, 5.0)[5]
    assert flow.timestep(on_the_switch) == 875.0
    golden = next(c for c in SCHEDULES if (c["steps"], c["shift"]) == (10, 3.0))["sigmas"][3]
    assert golden < 0.875
    assert flow.timestep(flow.schedule(10, 3.0)[3]) < 875.0


def test_euler_walks_back_what_noising_walked() -> None:
    clean, noise = torch.randn(2, 3), torch.randn(2, 3)
    x = flow.noisy(clean, noise, 0.8)
    back = flow.euler_step(x, flow.target(clean, noise), 0.8, 0.0)
    torch.testing.assert_close(back, clean)


def test_target_is_the_slope_of_noising() -> None:
    clean, noise = torch.randn(5), torch.randn(5)
    slope = (flow.noisy(clean, noise, 0.6) - flow.noisy(clean, noise, 0.4)) / 0.2
    torch.testing.assert_close(slope, flow.target(clean, noise))


@pytest.mark.parametrize("shift", [1.0, 3.0, 5.0])
def test_loss_weights_favour_the_middle_and_average_one(shift: float) -> None:
    weights = flow.loss_weights(shift)
    assert sum(weights) / len(weights) == pytest.approx(1)
    assert min(weights) == 0
    times = [flow.timestep(s) for s in flow.schedule(1000, shift)]
    heaviest = times[max(range(1000), key=lambda i: weights[i])]
    assert heaviest == pytest.approx(500, abs=2)


@pytest.mark.parametrize("shift", [1.0, 5.0, 12.0])
def test_the_shift_and_its_inverse(shift: float) -> None:
    even = torch.linspace(0, 1, 9)
    assert torch.allclose(unshifted(shifted(even, shift), shift), even, atol=1e-6)
    assert shifted(0.5, shift) == shift / (1 + shift)
    assert (shifted(0.0, shift), shifted(1.0, shift)) == (0, 1)
