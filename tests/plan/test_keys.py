"""Fingerprints of takes are those that earlier versions gave them: what they kept is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core.film.planning import plan_film
from holocine_core.model import locate
from holocine_core.model.card import CARD_NAME, apply_card
from holocine_core.model.components import LocatedModel
from holocine_core.model.spec import MODELS
from holocine_core.plan.make import make_plan
from holocine_core.plan.values import Past
from holocine_core.request import Request
from holocine_core.script.reader import read
from tests.conftest import NANO

SCREENPLAY = """title: Keys
model: {model}
seed: 5
negative: blurry
style: Cut paper.
characters:
  mara: a keeper in a yellow coat
{profiles}scenes:
  - id: storm
    global: A cliff at night. {{mara}} waits.
    frames: 17
    cuts: [7]
    shots: [Wide shot of the cliff., "{{mara}} turns."]
"""
AS_NANO_WAS = """profiles:
  draft: {size: 224x128, steps: 5, guidance: 2.5, guidance_stop: 0.4, shift: 8, sampler: unipc}
  standard: {size: 224x128, steps: 10, guidance: 2.5, guidance_stop: 1, shift: 8, sampler: unipc}
  final: {size: 224x128, steps: 30, guidance: 2.5, guidance_stop: 1, shift: 8, sampler: unipc}
"""
KEYS = {
    "nano draft": ("2e8a6ab546c36058", "56bca9ba904230ae"),
    "nano standard": ("79ba03ee2c4175dc", "d0511b22e45819cb"),
    "nano final": ("60ce006fd6f49aaa", "25540baea7781233"),
    "holocine-14b-full draft": ("8dedb953ba6b3ae3", "88211317774229db"),
    "holocine-14b-full standard": ("09b57627a6f811f7", "1c82aa3615915c00"),
    "holocine-14b-sparse draft": ("884f3438b733af41", "a87c46a148f746b5"),
    "holocine-14b-sparse final": ("1bbdaf5d1badcd21", "e903b7ff38970589"),
}
"""Of latents and clip, as commit f951d44 gave them."""


BEFORE = "holocine-14b-sparse final"
"""Larger since."""


@pytest.mark.nano
@pytest.mark.parametrize("which", [which for which in KEYS if which != BEFORE])
def test_keys_stay(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {part: part for part in ("text_encoder", "tokenizer", "transformer", "vae")}
    monkeypatch.setattr(LocatedModel, "identity", lambda self: marks)
    model, profile = which.split(" ")
    path = tmp_path / "keys.yaml"
    profiles = AS_NANO_WAS if model == "nano" else ""
    path.write_text(SCREENPLAY.format(model=model, profiles=profiles))
    options = Request(profile=profile, device="cpu", models_dir=tmp_path)
    (take,) = plan_film(path, replace(options, out=tmp_path / "film.mp4")).takes
    assert (take.latents_key, take.clip_key) == KEYS[which]


@pytest.mark.nano
@pytest.mark.parametrize("profile", ["draft", "standard", "final"])
def test_nano_remembers_how_it_was_sampled(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun before its sampler changed is found by what its card says it was."""
    marks = {part: part for part in ("text_encoder", "tokenizer", "transformer", "vae")}
    monkeypatch.setattr(LocatedModel, "identity", lambda self: marks)
    path = tmp_path / "keys.yaml"
    path.write_text(SCREENPLAY.format(model="nano", profiles=""))
    request = Request(
        out=tmp_path / "film.mp4",
        work=tmp_path / "work",
        profile=profile,
        device="cpu",
    )
    past = Past(profiles=NANO.earlier[-1].profiles)
    (take,) = make_plan(read(path), request, past).takes
    assert (take.latents_key, take.clip_key) == KEYS[f"nano {profile}"]


def test_a_final_of_before_is_found_by_what_the_14b_says_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = {part: part for part in ("text_encoder", "tokenizer", "transformer", "vae")}
    monkeypatch.setattr(LocatedModel, "identity", lambda self: marks)
    model, profile = BEFORE.split(" ")
    path = tmp_path / "keys.yaml"
    path.write_text(SCREENPLAY.format(model=model, profiles=""))
    request = Request(profile=profile, device="cpu", models_dir=tmp_path, out=tmp_path / "film.mp4")
    spec = MODELS[model]
    past = Past(profiles=spec.earlier[-1].profiles)
    (take,) = make_plan(read(path), request, past).takes
    assert (take.latents_key, take.clip_key) == KEYS[BEFORE]
    (today,) = make_plan(read(path), request).takes
    standard, final = spec.profiles["standard"], today.sampling
    assert final.width * final.height > 2 * standard.width * standard.height
    assert final.steps >= standard.steps


def test_nanos_card_says_what_the_table_says() -> None:
    path = Path(locate.__file__).parent / NANO.embedded / CARD_NAME
    assert apply_card(replace(NANO, profiles={}, earlier=(), note=""), path) == NANO
