from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from holocine_core.errors import RenderError
from holocine_core.sample import flow
from holocine_core.sample.solvers import Progress, Solver, denoise, solver_of

SIGMAS = flow.schedule(12, 5.0)
SAMPLERS = ("euler", "unipc", "sde")


def drawn(step: int) -> Tensor:
    return torch.randn(4, 5, generator=torch.Generator().manual_seed(100 + step))


def solver(name: str, sigmas: Sequence[float] = SIGMAS, **more: Any) -> Solver:
    return solver_of(name, sigmas, noise=drawn, **more)


def toward(goal: Tensor):
    """The exact velocity of a flow whose clean end is ``goal``."""
    return lambda x, sigma: (x - goal) / sigma


def curved(x: Tensor, sigma: float) -> Tensor:
    return torch.sin(3 * x) + sigma * x


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_known_flow_ends_where_it_should(name: str) -> None:
    goal = torch.linspace(-2, 3, 20).view(4, 5)
    out = denoise(toward(goal), torch.randn(4, 5), SIGMAS, solver=solver(name))
    torch.testing.assert_close(out, goal, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("stop", [1, 2, 5, 11])
def test_stopping_anywhere_changes_no_bit(name: str, stop: int) -> None:
    noise = torch.randn(4, 5, generator=torch.Generator().manual_seed(3))
    kept: list[Progress] = []
    whole = denoise(curved, noise, SIGMAS, solver=solver(name), on_step=kept.append)
    again = denoise(curved, noise, SIGMAS, solver=solver(name), start=kept[stop - 1])
    assert torch.equal(whole, again)


def test_sde_without_fresh_noise_is_euler_and_asks_for_none() -> None:
    def none(step: int) -> Tensor:
        raise AssertionError("eta is 0")

    noise = torch.randn(4, 5, generator=torch.Generator().manual_seed(3))
    still = denoise(curved, noise, SIGMAS, solver=solver_of("sde", SIGMAS, eta=0.0, noise=none))
    torch.testing.assert_close(still, denoise(curved, noise, SIGMAS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("eta", [0.3, 1.0, None])
def test_sde_keeps_as_much_noise_as_the_flow_has(eta: float | None) -> None:
    """Of clean latents x0 the state at sigma is (1 - sigma) x0 + sigma times noise of unit size."""
    big = (200, 200)

    def fresh(step: int) -> Tensor:
        return torch.randn(big, generator=torch.Generator().manual_seed(step))

    clean = torch.full(big, 2.0)
    noise = torch.randn(big, generator=torch.Generator().manual_seed(77))
    kept: list[Progress] = []
    one = solver_of("sde", SIGMAS, eta=eta, noise=fresh)
    denoise(toward(clean), noise, SIGMAS, solver=one, on_step=kept.append)
    for progress, sigma in zip(kept, (*SIGMAS[1:], 0.0), strict=True):
        rest = progress.x - (1 - sigma) * clean
        assert float(rest.std()) == pytest.approx(sigma, rel=0.02, abs=1e-5)
    share = 1.0 if eta is None else eta
    after = (kept[0].x - (1 - SIGMAS[1]) * clean) / SIGMAS[1]
    assert float((after * noise).mean()) == pytest.approx((1 - share**2) ** 0.5, abs=0.02)
    assert float((after * fresh(0)).mean()) == pytest.approx(share, abs=0.02)


def test_sde_leaves_known_parts_on_their_way() -> None:
    known, noise = torch.full((4, 5), 3.0), torch.randn(4, 5)

    def settle(x: Tensor, sigma: float) -> Tensor:
        way = flow.noisy(known, noise, sigma)
        return torch.cat([way[:2], x[2:]])

    kept: list[Progress] = []
    one = solver("sde", settle=settle)
    denoise(curved, noise, SIGMAS, solver=one, on_step=kept.append)
    for progress, sigma in zip(kept, (*SIGMAS[1:], 0.0), strict=True):
        assert torch.equal(progress.x[:2], flow.noisy(known, noise, sigma)[:2])


def test_there_is_no_other_sampler() -> None:
    with pytest.raises(ValueError, match="ddim"):
        solver_of("ddim", SIGMAS)


def test_unipc_is_second_order_and_euler_first() -> None:
    noise = torch.linspace(-1, 1, 7)[None].double()
    exact = denoise(curved, noise, flow.schedule(4000, 1.0))

    def off(name: str, steps: int) -> float:
        sigmas = flow.schedule(steps, 1.0)
        out = denoise(curved, noise, sigmas, solver=solver(name, sigmas))
        return float((out - exact).norm())

    for name, order in (("euler", 1), ("unipc", 2)):
        halving = off(name, 12) / off(name, 24)
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
