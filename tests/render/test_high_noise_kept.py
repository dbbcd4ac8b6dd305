"""Steps of high noise are kept where only the low-noise expert or its LoRAs are others: they used
nothing of these."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import Interrupted, RenderError
from holocine_core.events import Event, StepDone
from holocine_core.film.planning import plan_film
from holocine_core.model.lora.file import LoraFile
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from tests.conftest import Write

FILM = """
model: {model}
seed: 5
profiles:
  standard: {{size: 16x16, steps: 8, guidance: 2, shift: 5, sampler: unipc}}
frames: 5
global: A cliff at night.
shots: [Wide shot of the cliff.]
"""
STEPS, HIGH, PASSES = 8, 4, 2
"""Of the film: its steps, those of high noise, and the passes of each."""
LOW = "transformer_2/diffusion_pytorch_model.safetensors"
HIGH_FILE = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    """A model of two experts to alter."""
    return Path(shutil.copytree(tiny, tmp_path / "model"))


@pytest.fixture
def film(model: Path, write: Write) -> Path:
    return write(FILM.format(model=model))


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Passes of the networks, by expert."""
    counted: Counter[str] = Counter()
    kept = Generator._velocity

    def counting(self: Generator, *given: Any) -> Any:
        velocity = kept(self, *given)

        def counted_velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
            network = self._networks.use(self._expert(sigma))
            name = self._expert(sigma)
            hook = network.register_forward_hook(lambda *_: counted.update([name]))
            try:
                return velocity(x, sigma)
            finally:
                hook.remove()

        return counted_velocity

    monkeypatch.setattr(Generator, "_velocity", counting)
    return counted


class StopAt:
    """Stops a render after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self, event: Event) -> None:
        self.left -= isinstance(event, StepDone)

    def should_stop(self) -> bool:
        return self.left <= 1


def change(path: Path, by: float = 0.1) -> None:
    state = load_file(path)
    state["proj_out.bias"] += by
    save_file(state, path)


def spoil(path: Path) -> None:
    state = load_file(path)
    state["proj_out.weight"][0, 0] = torch.nan
    save_file(state, path)


def planned(film: Path, **asked: Any) -> Plan:
    return plan_film(film, Request(device="cpu", out=film.with_suffix(".mp4"), **asked))


def latents(plan: Plan) -> torch.Tensor:
    (take,) = plan.takes
    folder = plan.work / "negatives"
    return load_file(folder / f"{take.latents_key}.safetensors")["latents"]


def anew(film: Path, **asked: Any) -> torch.Tensor:
    """The film's latents as one uninterrupted render makes them."""
    out = film.with_name("anew.mp4")
    plan = plan_film(film, Request(device="cpu", out=out, work=film.with_name("anew"), **asked))
    render(plan)
    return latents(plan)


def stopped(film: Path, steps: int, **asked: Any) -> None:
    stop = StopAt(steps)
    with pytest.raises(Interrupted):
        render(planned(film, **asked), stop, should_stop=stop.should_stop)


def test_the_film_is_made_by_both(film: Path, passes: Counter[str]) -> None:
    render(planned(film))
    high, low = HIGH * PASSES, (STEPS - HIGH) * PASSES
    assert passes == {"transformer": high, "transformer_2": low}


def test_a_mended_low_noise_expert_goes_on_from_the_last_high_noise_step(
    film: Path, model: Path, passes: Counter[str]
) -> None:
    whole = (model / LOW).read_bytes()
    spoil(model / LOW)
    with pytest.raises(RenderError, match="no longer finite after step 5"):
        render(planned(film))
    assert passes["transformer"] == HIGH * PASSES
    passes.clear()
    (model / LOW).write_bytes(whole)
    plan = planned(film)
    (take,) = plan.takes
    assert take.step == HIGH
    assert "goes on at step 4 of 8" in take.reason
    assert not plan.obstacles
    render(plan)
    assert passes == {"transformer_2": (STEPS - HIGH) * PASSES}
    assert torch.equal(latents(plan), anew(film))
    assert not list((plan.work / "progress").glob("*"))


@pytest.mark.parametrize("steps", [2, 4, 6])
def test_another_low_noise_expert_takes_up_what_the_first_one_made(
    steps: int, film: Path, model: Path, passes: Counter[str]
) -> None:
    stopped(film, steps)
    passes.clear()
    change(model / LOW)
    plan = planned(film)
    assert not plan.obstacles
    kept = min(steps, HIGH)
    assert plan.takes[0].step == kept
    render(plan)
    assert passes["transformer"] == (HIGH - kept) * PASSES
    assert passes["transformer_2"] == (STEPS - HIGH) * PASSES
    if steps > HIGH:
        assert torch.equal(latents(plan), anew(film))


@pytest.mark.parametrize("file", [HIGH_FILE, "text_encoder/model.safetensors"])
def test_what_the_first_steps_used_begins_anew(
    file: str, film: Path, model: Path, passes: Counter[str]
) -> None:
    stopped(film, 4)
    passes.clear()
    state = load_file(model / file)
    name = sorted(state)[0]
    state[name] = state[name] * 1.5
    save_file(state, model / file)
    assert planned(film).obstacles, "a film half made by weights that are gone says so"
    plan = planned(film, anew=True)
    assert plan.takes[0].step == 0
    render(plan)
    assert passes["transformer"] == HIGH * PASSES


def lora(path: Path, size: float) -> Path:
    generator = torch.Generator().manual_seed(1)
    draw = {"generator": generator}
    home = "transformer.blocks.0.attn1.to_q"
    matrices = {
        f"{home}.lora_A.weight": torch.randn(2, 48, **draw),  # type: ignore[arg-type]
        f"{home}.lora_B.weight": size * torch.randn(48, 2, **draw),  # type: ignore[arg-type]
    }
    save_file(matrices, path)
    return path


def test_loras_of_the_low_noise_expert_leave_the_first_steps_alone(
    film: Path, tmp_path: Path, passes: Counter[str]
) -> None:
    both = LoraFile(path=lora(tmp_path / "look.safetensors", 0.1), weight=1.0, expert="high")
    low = LoraFile(path=lora(tmp_path / "more.safetensors", 0.2), weight=1.0, expert="low")
    stopped(film, 5, loras=(both, low))
    passes.clear()
    for loras in ((both,), (both, replace(low, weight=0.5)), (replace(both, expert="both"), low)):
        assert planned(film, loras=loras).takes[0].step == HIGH
    for loras in ((), (low,), (replace(both, weight=0.5), low)):
        assert planned(film, loras=loras).takes[0].step == 0
    lora(low.path, 0.3)
    plan = planned(film, loras=(both, low))
    render(plan)
    assert passes == {"transformer_2": (STEPS - HIGH) * PASSES}
    assert torch.equal(latents(plan), anew(film, loras=(both, low)))


def test_what_was_kept_before_this_was_told_goes_on(film: Path, passes: Counter[str]) -> None:
    """Sidecars of earlier versions say nothing of the first expert's steps."""
    from holocine_core.store.records import intact_record, write_record

    stopped(film, 3)
    (sidecar,) = (planned(film).work / "progress").glob("*.json")
    record = intact_record(sidecar)
    write_record(sidecar, {key: value for key, value in record.items() if key != "high"})
    passes.clear()
    plan = planned(film)
    assert plan.takes[0].step == 3
    render(plan)
    assert passes["transformer"] == (HIGH - 3) * PASSES
