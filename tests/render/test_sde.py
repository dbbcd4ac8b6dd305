"""Films sampled with noise: resumed, reshot and drafted ones are what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from holocine_core.errors import InputError, Interrupted
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import inspect
from holocine_core.film.reopen import open_film, replan
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.sample.latents import read_latents
from holocine_core.sample.noise import initial_noise, noise_of_step
from holocine_core.sample.solvers import Progress
from holocine_core.script.edits import Reshoot
from holocine_core.store.vault import Vault
from tests.conftest import SMALL, Write
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow

NOISY = SMALL.replace("steps: 7", "steps: 7, sampler: sde")


@pytest.mark.parametrize("after", [1, 6, 9])
def test_a_stopped_film_goes_on_to_the_same_bytes(after: int, write: Write, tmp_path: Path) -> None:
    path = write(NOISY)
    render_film(path, tmp_path / "whole.mp4", Request(work=tmp_path / "a"))
    listener = Listener(stop_after=after)
    out, options = tmp_path / "film.mp4", Request(work=tmp_path / "b")
    with pytest.raises(Interrupted):
        render_film(path, out, options, emit=listener, should_stop=listener.should_stop)
    render_film(path, out, options)
    assert out.read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_the_film_tells_its_sampler_and_eta(write: Write, tmp_path: Path) -> None:
    render_film(write(NOISY.replace("sde", "sde, eta: 0.5")), tmp_path / "film.mp4")
    sampling = inspect(tmp_path / "film.mp4").provenance["takes"][0]["sampling"]
    assert (sampling["sampler"], sampling["eta"]) == ("sde", 0.5)
    render_film(write(SMALL), tmp_path / "plain.mp4")
    assert "eta" not in inspect(tmp_path / "plain.mp4").provenance["takes"][0]["sampling"]


def test_every_setting_of_noise_is_another_take(write: Write, tmp_path: Path) -> None:
    def key(changed: str) -> str:
        path = write(SMALL.replace("steps: 7", f"steps: 7{changed}"))
        return plan_film(path, Request(out=tmp_path / "x.mp4")).takes[0].latents_key

    found = [key(", " + c) for c in ("sampler: sde", "sampler: sde, eta: 0.5", "sampler: euler")]
    assert len({*found}) == 3
    assert key(", sampler: sde, eta: 1") == found[0], "1 is what it is where nothing is said"


@pytest.mark.parametrize("method", ["clean", "renoised"])
def test_a_reshoot_keeps_what_it_does_not_touch(
    method: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_film(write(NOISY), tmp_path / "film.mp4")
    found, before = open_film(tmp_path / "film.mp4")
    plan = replan(found, [Reshoot(scene="storm", shot=1, seed=9)])
    seen: list[Progress] = []
    take = plan.takes[0]
    assert take.known is not None
    monkeypatch.setattr(type(plan.model.spec), "clean_shots", method == "clean", raising=False)
    generator = Generator(plan)
    base = read_latents(Vault(plan.work).path("latents", before.takes[0].latents_key))
    given = generator.known_latents(take, base)
    given = type(given)(latents_BCFHW=base, spans=take.known.spans, method=method)  # type: ignore[arg-type]
    made = generator.denoise(take, on_step=seen.append, known=given)
    assert torch.equal(made[:, :, 3:], base[:, :, 3:])
    assert not torch.equal(made[:, :, :3], base[:, :, :3])
    noise = initial_noise(plan, take)
    for progress in seen[:-1]:  # The saved state has them on their way too.
        rest = progress.x[:, :, 3:] - base[:, :, 3:]
        if method == "clean":
            assert torch.equal(progress.x[:, :, 3:], base[:, :, 3:])
        else:
            sigma = float((rest / (noise[:, :, 3:] - base[:, :, 3:])).median())
            torch.testing.assert_close(
                progress.x[:, :, 3:],
                (1 - sigma) * base[:, :, 3:] + sigma * noise[:, :, 3:],
                atol=1e-3,
                rtol=1e-3,
            )
    render(plan, force=True)
    after = read_latents(Vault(plan.work).path("latents", take.latents_key))
    assert torch.equal(after[:, :, 3:], base[:, :, 3:])


def test_neighbouring_drafts_share_no_steps_noise(write: Write, tmp_path: Path) -> None:
    path = write(NOISY)
    plans = [plan_film(path, Request(out=tmp_path / "x.mp4", draft=n)) for n in (1, 2)]
    assert [plan.takes[0].seed for plan in plans] == [5, 6]
    noises = [
        initial_noise(plan, plan.takes[0]) if step < 0 else noise_of_step(plan, plan.takes[0], step)
        for plan in plans
        for step in range(-1, 7)
    ]
    flat = torch.stack([noise.flatten() for noise in noises])
    likeness = torch.corrcoef(flat) - torch.eye(len(flat))
    assert float(likeness.abs().max()) < 0.3
    assert torch.equal(noise_of_step(plans[0], plans[0].takes[0], 3), noises[4])


@pytest.mark.parametrize(
    ("profile", "message", "place"),
    [
        ("sampler: unipc, eta: 0.5", "`eta` belongs to the sampler sde; standard", "4:58"),
        ("eta: 0", "`eta` belongs to the sampler sde; standard samples with euler", "4:42"),
        ("sampler: sde, eta: 1.5", "eta", "4:56"),
        ("sampler: sde, eta: -0.1", "eta", "4:56"),
        ("sampler: ddim", "sampler", "4:46"),
    ],
)
def test_what_no_sampler_takes_is_refused_with_its_place(
    profile: str, message: str, place: str, write: Write, tmp_path: Path
) -> None:
    text = f"seed: 5\nshots: [a, b]\nprofiles:\n  standard: {{size: 32x32, steps: 4, {profile}}}\n"
    with pytest.raises(InputError, match=message) as raised:
        plan_film(write(text), Request(out=tmp_path / "x.mp4"))
    (problem,) = raised.value.problems
    assert problem.where.endswith(f"film.yaml:{place}")


def test_eta_nothing_is_taken_and_is_euler(write: Write, tmp_path: Path) -> None:
    plans = [
        plan_film(
            write(SMALL.replace("steps: 7", f"steps: 7, {how}"), f"{i}.yaml"),
            Request(out=tmp_path / f"{i}.mp4"),
        )
        for i, how in enumerate(("sampler: sde, eta: 0", "sampler: euler"))
    ]
    latents = [Generator(plan).denoise(plan.takes[0]) for plan in plans]
    torch.testing.assert_close(*latents, atol=1e-4, rtol=1e-4)
