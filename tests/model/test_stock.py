"""What a model films with that says nothing of itself, and what the 14B's final is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core.model.card import CARD_NAME, apply_card
from holocine_core.model.spec import MODELS, WAN_5B
from holocine_core.model.stock import on_grid, stock_wan


@pytest.mark.parametrize("name", ["holocine-14b-sparse", "holocine-14b-full"])
def test_the_final_is_more_than_the_standard(name: str) -> None:
    spec = MODELS[name]
    standard, final = spec.profiles["standard"], spec.profiles["final"]
    assert (final.width, final.height) == (1280, 720)
    assert final.model_copy(update={"width": 832, "height": 480}) == standard
    assert spec.earlier[0].profiles == {"final": standard}
    for profile in spec.profiles.values():
        assert not profile.width % spec.size_multiple
        assert not profile.height % spec.size_multiple


def test_settings_of_another_model_are_on_the_models_own_grid() -> None:
    stock = stock_wan()
    assert on_grid(stock) == stock
    coarse = on_grid(replace(stock, vae=WAN_5B.vae))
    sizes = [(one.width, one.height) for one in coarse.profiles.values()]
    assert sizes == [(480, 256), (832, 480), (1280, 704)]


def test_a_card_without_profiles_keeps_what_the_model_was(tmp_path: Path) -> None:
    path, spec = tmp_path / CARD_NAME, MODELS["holocine-14b-full"]
    path.write_text(json.dumps({"note": "mine"}))
    assert apply_card(spec, path) == replace(spec, note="mine")
    path.write_text(json.dumps({"profiles": {"final": spec.profiles["final"].record()}}))
    assert apply_card(spec, path).earlier == ()
