"""Caches: what is asked of them, what they skip, and that a stopped take keeps its bits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from pydantic import ValidationError

from holocine_core.errors import Interrupted
from holocine_core.film.planning import plan_film
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.sampling import Cache
from tests.conftest import Write

RATIOS = "[1.0, 0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93]"
KINDS = {
    "first-block": "{kind: first-block, threshold: 0.5}",
    "mag": f"{{kind: mag, threshold: 0.4, ratios: {RATIOS}, ratios_2: {RATIOS}}}",
    "taylor": "{kind: taylor, interval: 3}",
}
OFF = {
    "first-block": "{kind: first-block, threshold: 0}",
    "mag": f"{{kind: mag, threshold: 0, ratios: {RATIOS}}}",
    "taylor": "{kind: taylor, interval: 1}",
}
Planned = Callable[..., Plan]


@pytest.fixture
def planned(write: Write, tmp_path: Path, tiny: Path) -> Planned:
    """Plans a film of eight guided steps with a cache, in a folder of its own."""

    def plan(cache: str | None, folder: str = "a", sampler: str = "euler") -> Plan:
        settings = f"steps: 8, sampler: {sampler}" + ("" if cache is None else f", cache: {cache}")
        text = (
            f"model: {tiny}\nsize: 32x32\nprofiles: {{standard: {{{settings}}}}}\n"
            "frames: 9\ncuts: [5]\nshots: [One., Two.]\n"
        )
        home = tmp_path / folder
        out, work = home / "film.mp4", home / "work"
        return plan_film(write(text), Request(device="cpu", out=out, work=work))

    return plan


def latents(plan: Plan) -> tuple[torch.Tensor, int]:
    """A plan's latents, and how many blocks computed them."""
    calls: list[int] = []
    forward = WanTransformerBlock.forward

    @functools.wraps(forward)  # The hooks look at the signature.
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return forward(self, *args, **kwargs)

    with patch.object(WanTransformerBlock, "forward", counted):
        made = Generator(plan).denoise(plan.takes[0])
    return made, len(calls)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_skips_and_its_neutral_value_does_not(planned: Planned, kind: str) -> None:
    plain, blocks = latents(planned(None))
    assert blocks == 2 * 8 * 2
    cached, fewer = latents(planned(KINDS[kind]))
    assert not torch.equal(cached, plain)
    if kind != "taylor":  # It skips attention, inside of blocks.
        assert fewer < blocks
    neutral, all_blocks = latents(planned(OFF[kind]))
    assert torch.equal(neutral, plain)
    assert all_blocks == blocks


def test_keys_of_films_without_a_cache_stay_and_a_cache_has_its_own(planned: Planned) -> None:
    plain, cached = planned(None).takes[0], planned(KINDS["first-block"]).takes[0]
    assert "cache" not in plain.ingredients["sampling"]
    assert cached.ingredients["sampling"]["cache"] == {"kind": "first-block", "threshold": 0.5}
    assert plain.latents_key != cached.latents_key


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sampler"),
    [("first-block", "euler"), ("first-block", "unipc"), ("mag", "euler"), ("taylor", "euler")],
)
def test_a_stopped_take_goes_on_with_the_same_bits(
    planned: Planned, kind: str, sampler: str
) -> None:
    render(planned(KINDS[kind], "whole", sampler))
    whole = (planned(KINDS[kind], "whole", sampler).out).read_bytes()
    for after in (2, 3, 6):  # The second expert begins in between.
        folder = f"stopped-{after}"
        asked: list[int] = []

        def stop(after: int = after, asked: list[int] = asked) -> bool:
            asked.append(1)
            return len(asked) == after

        with pytest.raises(Interrupted):
            render(planned(KINDS[kind], folder, sampler), should_stop=stop)
        plan = planned(KINDS[kind], folder, sampler)
        assert 0 < plan.takes[0].step < 8
        render(plan)
        assert plan.out.read_bytes() == whole, f"stopped after step {plan.takes[0].step}"


def test_networks_compute_everything_again_for_the_next_take(planned: Planned) -> None:
    plan = planned(KINDS["first-block"])
    generator = Generator(plan)
    first = generator.denoise(plan.takes[0])
    assert torch.equal(generator.denoise(plan.takes[0]), first), "it remembered the take before"
    generator.turn_to(planned(None), lambda event: None)
    plain, _ = latents(planned(None))
    assert torch.equal(generator.denoise(planned(None).takes[0]), plain)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "first-block"}, "needs `threshold`"),
        ({"kind": "taylor", "threshold": 0.1}, "needs `interval`"),
        ({"kind": "taylor", "interval": 2, "threshold": 0.1}, "`threshold` does not belong"),
        ({"kind": "mag", "threshold": 0.1}, "needs `ratios`"),
        ({"kind": "first-block", "threshold": 0.1, "ratios_2": (1.0,)}, "`ratios_2` does not"),
        ({"kind": "first-block", "threshold": -0.1}, "greater than or equal to 0"),
        ({"kind": "tea", "threshold": 0.1}, "first-block"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Cache(**settings)
