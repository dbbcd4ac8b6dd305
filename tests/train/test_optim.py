from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from holocine_core.train.optim import EMA, Optimization, learning_rate, orthogonal
from holocine_core.train.recipe import Optimizer, Schedule

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 24, 8), (1, 8, 24)])
def test_muon_brings_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    stack = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = orthogonal(stack)
    values = torch.linalg.svdvals(made)
    assert made.shape == shape
    assert values.min() > 0.6
    assert values.max() < 1.3
    # The directions stay: each matrix still points where it did.
    assert ((made * stack).sum((1, 2)) > 0).all()


def parameters() -> dict[str, torch.nn.Parameter]:
    rng = torch.Generator().manual_seed(3)
    shapes = {
        "transformer.blocks.0.attn1.to_q.weight": (8, 8),
        "transformer.blocks.1.attn1.to_q.weight": (8, 8),
        "transformer.blocks.0.ffn.net.2.weight": (8, 16),
        "transformer.proj_out.weight": (4, 8),
        "transformer.proj_out.bias": (4,),
    }
    return {
        name: torch.nn.Parameter(torch.randn(shape, generator=rng))
        for name, shape in shapes.items()
    }


def loss_of(trained: dict[str, torch.nn.Parameter]) -> torch.Tensor:
    return torch.stack([p.square().sum() for p in trained.values()]).sum()


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_steps_go_downhill_and_go_on_from_a_state(kind: str) -> None:
    settings = Optimizer(kind=kind, lr=0.05, clip=1e9)  # type: ignore[arg-type]
    trained = parameters()
    optimization = Optimization(trained, settings)
    losses = []
    for _ in range(20):
        loss = loss_of(trained)
        losses.append(float(loss.detach()))
        loss.backward()  # type: ignore[no-untyped-call]
        optimization.step(settings.lr)
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.grad is None for p in trained.values())

    twin = {n: torch.nn.Parameter(p.detach().clone()) for n, p in trained.items()}
    other = Optimization(twin, settings)
    other.restore({n: t.clone() for n, t in optimization.state().items()})
    for one, weights in ((optimization, trained), (other, twin)):
        for _ in range(3):
            loss_of(weights).backward()  # type: ignore[no-untyped-call]
            one.step(settings.lr)
    assert all(torch.equal(trained[n], twin[n]) for n in trained)


def test_the_gradient_is_clipped_and_its_norm_told() -> None:
    trained = parameters()
    optimization = Optimization(trained, Optimizer(clip=0.5))
    loss_of(trained).backward()  # type: ignore[no-untyped-call]
    expected = torch.stack([p.grad.norm() for p in trained.values() if p.grad is not None]).norm()
    assert optimization.step(0.0) == pytest.approx(float(expected))


def test_the_learning_rate_rises_holds_and_falls() -> None:
    schedule = Schedule(warm_up=9, decay=0.25)
    rates = [learning_rate(step, 100, 2.0, schedule) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9:76] == pytest.approx([2.0] * 67)
    assert all(a > b for a, b in pairwise(rates[75:]))
    assert 0 < rates[-1] < 0.1


def test_the_average_follows_and_swaps_back() -> None:
    trained = {"w": torch.nn.Parameter(torch.zeros(3))}
    average = EMA(trained, 0.9)
    with torch.no_grad():
        trained["w"].fill_(1.0)
    for step in range(1, 200):
        average.follow(step)
    assert torch.allclose(average.weights["w"], torch.ones(3), atol=1e-6)
    with torch.no_grad():
        trained["w"].fill_(5.0)
    average.follow(200)
    assert torch.allclose(average.weights["w"], torch.full((3,), 1.4))
    average.swap()
    assert torch.allclose(trained["w"], torch.full((3,), 1.4))
    average.swap()
    assert torch.equal(trained["w"], torch.full((3,), 5.0))


def test_the_average_is_short_at_first() -> None:
    trained = {"w": torch.nn.Parameter(torch.zeros(1))}
    average = EMA(trained, 0.999)
    with torch.no_grad():
        trained["w"].fill_(1.0)
    average.follow(1)
    assert float(average.weights["w"]) == pytest.approx(10 / 11)
    average.follow(10)
    assert float(average.weights["w"]) == pytest.approx(1 - 1 / 22)


def test_without_decay_the_average_is_the_weights() -> None:
    trained = parameters()
    average = EMA(trained, 0.0)
    before = {name: value.detach().clone() for name, value in trained.items()}
    with torch.no_grad():
        for value in trained.values():
            value.add_(1)
    average.follow(1)
    with average.in_place():
        assert all(torch.equal(value, before[name] + 1) for name, value in trained.items())
    assert all(torch.equal(average.weights[name], before[name] + 1) for name in before)
    assert all(average.weights[n].data_ptr() == trained[n].data_ptr() for n in before)
