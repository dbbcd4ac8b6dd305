"""Ways for a CPU to compute a small model: chosen once, recorded, alike but for last bits."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from holocine_core.errors import InputError, Interrupted
from holocine_core.events import Event, StepDone
from holocine_core.film.planning import plan_film, plan_to_render
from holocine_core.model import kernels, placement
from holocine_core.model.attention.layout import ShotContext, ShotLayout, gelu_by_erf, install
from holocine_core.model.locate import find_model
from holocine_core.model.memory import Needs
from holocine_core.model.placement import Free, choose_placement
from holocine_core.model.weights import load_component
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.script.timeline import LatentSpan
from tests.conftest import Write

EARLIER = "cpu, float32, products in bfloat16, weights in float32"
"""What films record that were made before there was a choice."""


@pytest.fixture(autouse=True)
def bf16_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A processor that multiplies bfloat16, and a cache of the test's own."""
    monkeypatch.setattr(placement, "multiplies_bfloat16", lambda: True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(kernels.VARIABLE, raising=False)


def timed(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> list[int]:
    """Pretends what is measured; how often it was."""
    calls: list[int] = []

    def measure() -> dict[str, float]:
        calls.append(1)
        return {"products": 1.0, "fused": 1.0, "tanh": 1.0, "erf": 1.0, **seconds}

    monkeypatch.setattr(kernels, "measure", measure)
    return calls


@pytest.mark.parametrize(
    ("fused", "erf", "chosen"),
    [
        (2.0, 2.0, "products"),
        (0.97, 0.97, "products"),
        (2.0, 0.3, "products-erf"),
        (0.7, 2.0, "fused"),
        (0.7, 0.3, "fused-erf"),
    ],
)
def test_the_fastest_is_measured_once_and_kept(
    fused: float, erf: float, chosen: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = timed(monkeypatch, fused=fused, erf=erf)
    assert kernels.kernel_here() == "products", "nothing was measured"
    assert kernels.settle() == kernels.settle() == kernels.kernel_here() == chosen
    assert len(calls) == 1
    (kept,) = json.loads((tmp_path / "cache/holocine/kernels.json").read_text()).values()
    assert kept["fused"] == fused


def test_a_damaged_cache_is_measured_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = timed(monkeypatch, fused=0.5)
    kernels.settle()
    file = tmp_path / "cache/holocine/kernels.json"
    (key,) = json.loads(file.read_text())
    for text in ("{", "[]", json.dumps({key: {"kernel": "wild"}}), json.dumps({key: 1})):
        file.write_text(text)
        assert kernels.kernel_here() == "products"
        assert kernels.settle() == "fused"
    assert len(calls) == 5


def test_a_variable_chooses_and_its_mistakes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = timed(monkeypatch)
    monkeypatch.setenv(kernels.VARIABLE, "fused")
    assert kernels.settle() == kernels.kernel_here() == "fused"
    assert not calls
    monkeypatch.setenv(kernels.VARIABLE, "flash")
    with pytest.raises(InputError, match="flash"):
        kernels.kernel_here()


def test_the_first_kernel_keeps_the_words_of_before_and_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = find_model("nano").spec
    found = {}
    for kernel in kernels.KERNELS:
        monkeypatch.setenv(kernels.VARIABLE, kernel)
        found[kernel] = choose_placement(spec, Needs(), Free(), "cpu").computing
    assert found["products"] == EARLIER
    assert len({*found.values()}) == 4
    monkeypatch.setattr(placement, "multiplies_bfloat16", lambda: False)
    assert (
        choose_placement(spec, Needs(), Free(), "cpu").computing
        == "cpu, float32, weights in float32"
    )


def planned(write: Write, folder: Path) -> Plan:
    text = (
        "size: 32x32\nprofiles: {standard: {steps: 4}}\nframes: 9\ncuts: [5]\nshots: [One., Two.]"
    )
    out, work = folder / "film.mp4", folder / "work"
    return plan_film(write(text), Request(device="cpu", out=out, work=work))


def test_a_stopped_take_goes_on_with_the_kernel_it_began_with(
    tiny: Path, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    seen: list[Event] = []

    def steps() -> int:
        return sum(isinstance(event, StepDone) for event in seen)

    monkeypatch.setenv(kernels.VARIABLE, "products")
    render(planned(write, whole))
    with pytest.raises(Interrupted):
        render(planned(write, stopped), seen.append, should_stop=lambda: steps() == 2)
    monkeypatch.setenv(kernels.VARIABLE, "products-erf")
    goes_on = planned(write, stopped)
    assert goes_on.placement.computing == EARLIER
    assert all(0 < take.step < 4 for take in goes_on.takes)
    assert planned(write, tmp_path / "new").placement.kernel == "products-erf"
    render(goes_on)
    assert (stopped / "film.mp4").read_bytes() == (whole / "film.mp4").read_bytes()
    render(planned(write, tmp_path / "new"))
    latents = [next(f.rglob("*.safetensors")).read_bytes() for f in (whole, tmp_path / "new")]
    assert latents[0] != latents[1], "another kernel has other last bits"


def test_the_first_render_measures(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = timed(monkeypatch, erf=0.2)
    path = write("size: 32x32\nframes: 9\ncuts: [5]\nshots: [One., Two.]")
    request = Request(device="cpu", out=tmp_path / "film.mp4", work=tmp_path / "work")
    assert plan_film(path, request).placement.kernel == "products"
    assert not calls, "a plan waits for no measure"
    assert plan_to_render(path, request).placement.kernel == "products-erf"
    assert plan_to_render(path, request).placement.kernel == "products-erf"
    assert len(calls) == 1


@contextlib.contextmanager
def by_erf(network: Any, kernel: str) -> Iterator[None]:
    """The network's gelu as a kernel computes it, and by tanh again."""
    if kernel.endswith("erf"):
        gelu_by_erf(network)
    yield
    for block in network.blocks:
        block.ffn.net[0].approximate = "tanh"


@pytest.mark.nano
@torch.no_grad()
def test_all_kernels_are_as_near_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = load_component(find_model("nano").component("transformer"), torch.float32)
    context = ShotContext()
    shots = (LatentSpan(0, 2), LatentSpan(2, 5))
    padded = ((0, 1, 2, 3, *[7] * 90), (0, 1, 4, 5, *[7] * 90))
    draw = torch.Generator().manual_seed(0)
    given = {
        "hidden_states": torch.randn(1, 24, 5, 8, 12, generator=draw),
        "timestep": torch.tensor([700.0]),
        "encoder_hidden_states": torch.randn(1, 8, 128, generator=draw),
        "return_dict": False,
    }
    for sparse in (True, False):
        context.layout = ShotLayout(
            shots=shots, frame_tokens=24, windows=padded if sparse else None, sparse=sparse
        )
        install(network, context)
        exact, found = network(**given)[0], {}
        for kernel in kernels.KERNELS:
            install(network, context, "fused" if kernel.startswith("fused") else "auto")
            with by_erf(network, kernel), torch.autocast("cpu", torch.bfloat16):
                found[kernel] = network(**given)[0].float()
        errors = {name: float((x - exact).norm() / exact.norm()) for name, x in found.items()}
        assert 0 < errors["products"] < 0.02
        assert max(errors.values()) < 1.25 * errors["products"], errors
        assert len({x.numpy().tobytes() for x in found.values()}) == 4, "two kernels are one"
