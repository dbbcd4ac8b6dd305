"""Settings of a take: declared once, for cards, recipes, screenplays and plans."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from holocine_core.model.spec import MODELS
from holocine_core.plan.settings import sampling_of
from holocine_core.plan.values import ProfileChoice
from holocine_core.sampling import SIDES, Profile, Sampling, recorded
from holocine_core.script.screenplay import Adjusted, Profiles, Screenplay
from holocine_core.train.recipe_start import Card

STANDARD = ProfileChoice(name="standard", base="standard")
GIVEN = {"width": 32, "height": 16, "steps": 4, "guidance": 2, "shift": 5}


def test_what_a_screenplay_may_change_is_a_profiles_and_nothing_is_said_twice() -> None:
    changed = [name for name in Adjusted.model_fields if name not in ("size", "lora")]
    assert changed == [name for name in Profile.model_fields if name not in SIDES]
    assert set(Sampling.model_fields) - set(Profile.model_fields) == {"text", "attention"}
    assert Card.model_fields["profiles"].annotation.__args__[1] is Profile
    for name in changed:
        bounds = Profile.model_fields[name].metadata
        assert Adjusted.model_fields[name].default is None
        if bounds:
            lowest = {"steps": 0, "guidance": 0.5, "guidance_stop": 0, "shift": 0}[name]
            for model, rest in ((Profile, GIVEN), (Adjusted, {})):
                with pytest.raises(ValidationError, match=name):
                    model(**{**rest, name: lowest})


def test_a_cards_whole_numbers_stay_whole_and_a_screenplays_are_floats() -> None:
    profile = Profile(**GIVEN)
    assert repr(profile.record()["guidance"]) == "2"
    assert repr(profile.in_floats().guidance) == "2.0"
    assert repr(Adjusted(guidance=2, shift=3).guidance) == "2.0"


def test_a_film_may_have_been_sampled_as_nobody_could_ask_for_today() -> None:
    told = {**GIVEN, "guidance": 0.5, "text": "scene", "attention": "full", "sampler": "euler"}
    told["guidance_stop"] = 1.0
    found = recorded(told)
    assert (found.guidance, found.eta) == (0.5, None)
    assert found.record() == told
    with pytest.raises(ValidationError, match="sampler"):
        recorded({**told, "sampler": "ddim"})


def test_eta_is_of_sde_whoever_names_it() -> None:
    with pytest.raises(ValidationError, match="belongs to `sampler: sde`"):
        Profile(**GIVEN, eta=0.5)
    assert "eta" not in Profile(**GIVEN).record()
    spec = MODELS["holocine-14b-sparse"]
    scenes = ({"shots": ({"prompt": "a"},)},)
    changes = Profiles(standard=Adjusted(sampler="sde"))
    film = Screenplay(scenes=scenes, profiles=changes)
    assert sampling_of(film, spec, STANDARD).eta == 1.0
    assert sampling_of(Screenplay(scenes=scenes), spec, STANDARD).eta is None
