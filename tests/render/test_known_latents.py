"""A shot that is there already stays, and the others are made beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from holocine_core.film.planning import plan_film
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.sample.known_latents import KnownLatents
from holocine_core.sample.noise import initial_noise
from holocine_core.script.timeline import LatentSpan
from tests.render.conftest import watch_passes


def test_given_frames_stay_and_enter_without_noise(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    take = plan.takes[0]
    usual = Generator(plan).denoise(take)
    picture = torch.randn(usual.shape, generator=torch.Generator().manual_seed(3))
    seen = watch_passes(monkeypatch)
    generator = Generator(plan)
    shot = take.timeline.latent_spans[1]
    made = generator.denoise(take, known=KnownLatents(latents_BCFHW=picture, spans=[shot]))
    assert (shot, made.shape[2]) == (LatentSpan(3, 5), 5)
    assert torch.equal(made[:, :, 3:], picture[:, :, 3:])
    assert not torch.equal(made[:, :, :3], usual[:, :, :3])
    rows, columns = made.shape[3] // 2, made.shape[4] // 2
    for one in seen:
        assert torch.equal(one.x[:, :, 3:], picture[:, :, 3:])
        per_frame = one.time.view(5, rows * columns)
        assert (per_frame[3:] == 0).all()
        assert (per_frame[:3] == per_frame[0, 0]).all()
        assert per_frame[0, 0] > 0
    noise = initial_noise(plan, take)
    assert torch.equal(seen[0].x[:, :, :3], noise[:, :, :3])


def test_what_lies_in_frames_that_are_not_given_is_not_read(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    take = plan.takes[0]
    picture = torch.randn(initial_noise(plan, take).shape)
    other = picture.clone()
    other[:, :, 3:] = torch.nan
    made = [
        Generator(plan).denoise(
            take, known=KnownLatents(latents_BCFHW=one, spans=[LatentSpan(0, 3)])
        )
        for one in (picture, other)
    ]
    assert torch.equal(*made)
    assert not torch.equal(made[0], Generator(plan).denoise(take))
