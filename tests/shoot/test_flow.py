from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from holocine_core.shoot import flow

SCHEDULES = json.loads((Path(__file__).parents[1] / "model" / "golden" / "cases.json").read_text())[
    "flow_match"
]


@pytest.mark.parametrize("case", SCHEDULES, ids=lambda c: f"{c['steps']}-{c['shift']}")
def test_sigmas_are_the_releases(case: dict) -> None:
    assert flow.schedule(case["steps"], case["shift"]) == pytest.approx(case["sigmas"], abs=1e-6)


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
