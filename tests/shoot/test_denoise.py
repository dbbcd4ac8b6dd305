from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from holocine_core.errors import RenderError
from holocine_core.shoot import flow
from holocine_core.shoot.denoise import SOLVERS, Progress, denoise

SIGMAS = flow.schedule(12, 5.0)


def toward(goal: Tensor):
    """The exact velocity of a flow whose clean end is ``goal``."""
    return lambda x, sigma: (x - goal) / sigma


def curved(x: Tensor, sigma: float) -> Tensor:
    return torch.sin(3 * x) + sigma * x


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_known_flow_ends_where_it_should(solver: str) -> None:
    goal = torch.tensor([[0.5, -2.0, 3.0]])
    out = denoise(toward(goal), torch.randn(1, 3), SIGMAS, solver=solver)
    torch.testing.assert_close(out, goal, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("stop", [1, 2, 5, 11])
def test_stopping_anywhere_changes_no_bit(solver: str, stop: int) -> None:
    noise = torch.randn(4, 5, generator=torch.Generator().manual_seed(3))
    kept: list[Progress] = []
    whole = denoise(curved, noise, SIGMAS, solver=solver, on_step=kept.append)
    again = denoise(curved, noise, SIGMAS, solver=solver, start=kept[stop - 1])
    assert torch.equal(whole, again)


def test_unipc_is_second_order_and_euler_first() -> None:
    noise = torch.linspace(-1, 1, 7)[None].double()
    exact = denoise(curved, noise, flow.schedule(4000, 1.0))

    def off(solver: str, steps: int) -> float:
        out = denoise(curved, noise, flow.schedule(steps, 1.0), solver=solver)
        return float((out - exact).norm())

    for solver, order in (("euler", 1), ("unipc", 2)):
        halving = off(solver, 12) / off(solver, 24)
        assert halving == pytest.approx(2**order, rel=0.2)
    assert off("unipc", 12) < off("euler", 12) / 4


def test_velocity_is_asked_at_every_sigma_once_and_steps_reach_zero() -> None:
    asked: list[float] = []

    def constant(x: Tensor, sigma: float) -> Tensor:
        asked.append(sigma)
        return torch.ones_like(x)

    out = denoise(constant, torch.zeros(1), SIGMAS)
    assert asked == list(SIGMAS)
    travelled = sum(b - a for a, b in pairwise((*SIGMAS, 0.0)))
    assert float(out) == pytest.approx(travelled)


def test_latents_that_blow_up_are_an_error_naming_the_step() -> None:
    def broken(x: Tensor, sigma: float) -> Tensor:
        return x / (sigma - SIGMAS[3])

    with pytest.raises(RenderError, match="step 4 of 12"):
        denoise(broken, torch.ones(2), SIGMAS)
