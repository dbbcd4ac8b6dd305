"""What guidance computes, and which expert answers for a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from holocine_core.film.planning import plan_film
from holocine_core.model.spec import MODELS
from holocine_core.request import Request
from holocine_core.sample import flow
from holocine_core.sample.generator import Generator
from holocine_core.sample.guidance import classifier_free_guidance
from tests.render.conftest import watch_passes


def test_guidance_leads_away_from_the_prediction_without_the_prompt() -> None:
    with_text, without = torch.tensor([3.0, -1.0]), torch.tensor([1.0, 1.0])
    assert classifier_free_guidance(with_text, without, 1).tolist() == [3, -1]
    assert classifier_free_guidance(with_text, without, 2.5).tolist() == [6, -4]
    assert classifier_free_guidance(with_text, without, 0).tolist() == [1, 1]


def test_a_guided_step_is_led_from_the_negative_prompt_to_the_prompt(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    take, generator = plan.takes[0], Generator(plan)
    assert take.sampling.guidance == 2
    passes = watch_passes(monkeypatch)
    first: list[Tensor] = []

    def on_step(progress: Any) -> None:
        first.append(progress.x)

    generator.denoise(take, on_step=on_step)
    with_text, without = (one.answer for one in passes[:2])
    sigma, after = flow.schedule(take.sampling.steps, take.sampling.shift)[:2]
    begun = first[0] - (2 * with_text - without) * (after - sigma)
    from holocine_core.sample.noise import initial_noise

    assert torch.allclose(begun, initial_noise(plan, take), atol=1e-4)


@pytest.mark.parametrize(("steps", "high"), [(12, 6), (50, 21)])
def test_a_step_on_the_switch_is_the_high_noise_experts(steps: int, high: int) -> None:
    generator = Generator.__new__(Generator)
    generator._spec = MODELS["holocine-14b-sparse"]
    sigmas = flow.schedule(steps, 5.0)
    asked = [generator._expert(sigma) for sigma in sigmas]
    # Counted by the release's rule, t >= 875: of 12 steps one lies on the switch to the bit.
    assert asked == ["transformer"] * high + ["transformer_2"] * (steps - high)
    assert (875.0 in [flow.timestep(sigma) for sigma in sigmas]) == (steps == 12)
