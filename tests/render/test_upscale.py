"""A film made from a draft: it begins where the draft leaves off, and stays near it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from holocine_core.errors import InputError, Interrupted
from holocine_core.events import StepDone
from holocine_core.film.planning import plan_film
from holocine_core.film.reopen import open_film
from holocine_core.plan.upscale import SIGMA, first_step
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample import flow
from holocine_core.sample.generator import Generator
from holocine_core.sample.latents import read_latents
from holocine_core.sample.noise import initial_noise
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow


def latents(plan: Plan, scene: int = 0) -> torch.Tensor:
    return read_latents(Vault(plan.work).path("latents", plan.takes[scene].latents_key))


def test_the_draft_is_made_first_and_only_later_steps_are(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4", from_draft=2))
    listener = Listener()
    render(plan, listener)
    step = first_step(plan.takes[0].sampling)
    assert 0 < step < 7
    steps = [(e.scene, e.step, e.steps) for e in listener.of(StepDone) if e.scene == "storm"]
    assert steps == [("storm", i, 2) for i in (1, 2)] + [
        ("storm", i, 7) for i in range(step + 1, 8)
    ]
    draft = plan_film(small, Request(out=tmp_path / "draft.mp4", profile="draft", draft=2))
    assert Vault(plan.work).find("latents", draft.takes[0].latents_key) is not None
    assert plan.takes[0].seed == draft.takes[0].seed == 6


def test_it_starts_from_the_drafts_frames_with_noise(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4", from_draft=1))
    render(plan)
    take = plan.takes[0]
    assert take.upscaled is not None
    base = read_latents(Vault(plan.work).path("latents", take.upscaled.base.latents_key))
    start = Generator(plan).upscaled_start(take, base)
    sigma = flow.schedule(7, take.sampling.shift)[start.step]
    assert sigma <= SIGMA
    noise = initial_noise(plan, take)
    clean = (start.x - sigma * noise) / (1 - sigma)
    frames = np.concatenate(list(Generator(plan).decode(take, clean)))
    drafted = np.concatenate(list(Generator(plan).decode(take.upscaled.base, base)))
    assert frames.shape[1:3] == (2 * drafted.shape[1], 2 * drafted.shape[2])


def test_a_stopped_promotion_goes_on_to_the_same_bits(small: Path, tmp_path: Path) -> None:
    whole = plan_film(small, Request(out=tmp_path / "whole.mp4", from_draft=1, work=tmp_path / "a"))
    render(whole)
    listener = Listener(stop_after=5)
    options = Request(from_draft=1, work=tmp_path / "b")
    with pytest.raises(Interrupted):
        render(
            plan_film(small, replace(options, out=tmp_path / "film.mp4")), listener,
            should_stop=listener.should_stop,
        )  # fmt: skip
    plan = plan_film(small, replace(options, out=tmp_path / "film.mp4"))
    render(plan)
    assert torch.equal(latents(plan), latents(whole))


def test_the_film_says_which_draft_it_is_made_from(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4", from_draft=3))
    render(plan)
    found, again = open_film(tmp_path / "film.mp4")
    assert found.provenance["options"] == {"from-draft": 3}
    assert [take.latents_key for take in again.takes] == [t.latents_key for t in plan.takes]
    fresh = plan_film(small, Request(out=tmp_path / "other.mp4"))
    assert fresh.takes[0].latents_key != plan.takes[0].latents_key


def test_a_draft_is_not_made_from_a_draft(small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not made from a draft"):
        plan_film(small, Request(out=tmp_path / "film.mp4", from_draft=1, profile="draft"))


@pytest.mark.parametrize("shift", [2.0, 5.0, 8.0])
def test_a_draft_stands_for_the_steps_above_six_tenths_of_noise(
    shift: float, small: Path, tmp_path: Path
) -> None:
    sampling = plan_film(small, Request(out=tmp_path / "film.mp4")).takes[0].sampling
    for steps in (5, 16, 40):
        step = first_step(sampling.model_copy(update={"steps": steps, "shift": shift}))
        sigmas = flow.schedule(steps, shift)
        assert sigmas[step] <= 0.6 or step == steps - 1
        assert all(sigma > 0.6 for sigma in sigmas[:step])
