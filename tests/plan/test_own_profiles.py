"""Profiles of the user's own and settings of the call: what goes before what, what can not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import InputError
from holocine_core.film.ownership import film_key
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import provenance
from holocine_core.model.spec import MODELS
from holocine_core.plan.settings import choice_of, profile_of
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sampling import PROFILE_NAMES, Cache, OwnProfile
from holocine_core.script.screenplay import Screenplay
from tests.conftest import Write

SCENE = """
size: 64x32
profiles: {standard: {steps: 7, guidance: 2, shift: 3}}
global: A quiet room.
frames: 9
shots: [A lamp is lit.]
"""


def planned(path: Path, **asked: Any) -> Plan:
    return plan_film(path, Request(out=path.parent / "film.mp4", device="cpu", **asked))


def sampled(plan: Plan) -> dict[str, Any]:
    return plan.takes[0].sampling.record()


def told(path: Path, **asked: Any) -> tuple[str, str, str]:
    with pytest.raises(InputError) as refused:
        planned(path, **asked)
    (problem,) = refused.value.problems
    return problem.message, problem.where.removeprefix(str(path)), problem.hint


def test_the_call_goes_before_ones_own_profile_and_that_before_the_screenplay(write: Write) -> None:
    path = write(SCENE)
    cache = Cache(kind="taylor", interval=2)
    mine = {"mine": OwnProfile(steps=9, guidance=3, size="32x64", cache=cache)}
    plain = sampled(planned(path))
    assert [plain[name] for name in ("width", "height", "steps", "shift")] == [64, 32, 7, 3]
    own = sampled(planned(path, profile="mine", profiles=mine))
    want = {"width": 32, "height": 64, "steps": 9, "guidance": 3.0, "cache": cache.record()}
    assert own == {**plain, **want}
    plan = planned(path, profile="mine", profiles=mine, steps=11, size="48x48")
    assert sampled(plan) == {**own, "steps": 11, "width": 48, "height": 48}
    assert [plan.choice.source(name) for name in ("steps", "size", "guidance", "shift")] == [
        "--steps", "--size", "mine", "",
    ]  # fmt: skip
    assert plan.options == {"profile": "mine", "steps": 11, "size": "48x48"}
    assert provenance(plan)["own_profile"] == mine["mine"].record()
    assert OwnProfile.model_validate(mine["mine"].record()) == mine["mine"]


def test_a_size_of_the_call_is_a_drafts_too(write: Write) -> None:
    path = write(SCENE)
    drafted = sampled(planned(path, profile="draft", size="48x80"))
    assert (drafted["width"], drafted["height"]) == (48, 80)
    mine = {"mine": OwnProfile(base="draft", size="80x48")}
    drafted = sampled(planned(path, profile="mine", profiles=mine))
    assert (drafted["width"], drafted["height"]) == (80, 48)


def test_what_is_asked_for_and_is_so_anyway_makes_the_same_takes(write: Write) -> None:
    path = write(SCENE)
    plain = planned(path)
    for asked in (
        {"steps": 7, "guidance": 2, "size": "64x32"},
        {"profile": "mine", "profiles": {"mine": OwnProfile(steps=7, guidance=2.0)}},
    ):
        assert planned(path, **asked).takes[0].latents_key == plain.takes[0].latents_key
    # A card's whole number is told from a fraction by fingerprints.
    card = MODELS["nano"].profiles["standard"].model_copy(update={"guidance": 2})
    film = Screenplay(scenes=({"shots": ({"prompt": "a"},)},))
    spec = type("Spec", (), {"profiles": {"standard": card}, "size_multiple": 16})
    found = profile_of(film, spec, choice_of(film, Request(guidance=2.0)))  # type: ignore[arg-type]
    assert repr(found.guidance) == "2"


def test_a_screenplay_may_name_ones_own_profile(write: Write) -> None:
    path = write("profile: min" + SCENE)
    place = ":1:10"
    assert told(path) == ("there is no profile 'min'", place, "it is one of draft, standard, final")
    mine = {"mine": OwnProfile(steps=9), "other": OwnProfile()}
    known = "did you mean 'mine'? It is one of draft, standard, final, mine, other"
    assert told(path, profiles=mine)[1:] == (place, known)
    path = write("profile: mine" + SCENE)
    plan = planned(path, profiles=mine)
    assert (plan.profile, sampled(plan)["steps"], plan.options) == ("mine", 9, {})
    # What another profile films needs nobody's own.
    assert planned(path, profile="draft").profile == "draft"
    path = write("profile: 'a b'" + SCENE)
    assert told(path)[0] == "`profile` is 'a b'"


def test_what_no_model_films_is_told_by_who_asked(write: Write) -> None:
    path = write(SCENE)
    near = "the nearest are 496x304 and 512x304"
    size = "size 500x300 is not a multiple of 16 pixels"
    assert told(path, size="500x300") == (size, "--size", near)
    mine = {"mine": OwnProfile(size="500x300")}
    assert told(path, profile="mine", profiles=mine) == (size, "profile mine", near)
    assert planned(path, profile="mine", profiles=mine, size="32x32").profile == "mine"
    mine = {"mine": OwnProfile(eta=0.5)}
    path = write(SCENE.replace("shift: 3", "sampler: euler"))
    message = "`eta` belongs to the sampler sde; standard samples with euler"
    assert told(path, profile="mine", profiles=mine)[:2] == (message, "profile mine")


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"steps": 201}, "201 is no `steps`", "it must be less than or equal to 200"),
        ({"guidance": 0.5}, "0.5 is no `guidance`", "it must be greater than or equal to 1"),
        ({"size": "9x9"}, "'9x9' is no `size`", "write WIDTHxHEIGHT in pixels, with an x between"),
        ({"size": "10x900"}, "'10x900' is no `size`", "each side has 16 to 8192 pixels"),
        ({"profile": "fnal"}, "there is no profile 'fnal'",
         "did you mean 'final'? It is one of draft, standard, final"),
        ({"profiles": {"Draft": OwnProfile()}},
         "'Draft' is every model's own profile: call yours otherwise", ""),
        ({"profiles": {"a b": OwnProfile()}},
         "'a b' is no name of a profile: letters, digits, - and _ only, 64 at most", ""),
    ],
)  # fmt: skip
def test_a_request_refuses_what_can_not_be(asked: Any, message: str, hint: str) -> None:
    with pytest.raises(InputError) as refused:
        Request(**asked)
    assert [(one.message, one.hint) for one in refused.value.problems] == [(message, hint)]


def test_a_profile_of_the_drafts_kind_is_a_draft(write: Write, tmp_path: Path) -> None:
    quick = {"quick": OwnProfile(base="draft"), "slow": OwnProfile(base="final")}
    path = write("slate: true" + SCENE)
    plain, own = planned(path, profile="draft"), planned(path, profile="quick", profiles=quick)
    assert (own.is_draft, film_key(own)) == (True, film_key(plain))
    assert not planned(path, profile="slow", profiles=quick).is_draft
    with pytest.raises(InputError, match="a draft is not made from a draft"):
        planned(path, profile="quick", profiles=quick, from_draft=1)
    film = planned(path, profile="slow", profiles=quick, from_draft=1, steps=4, size="32x32")
    base = film.takes[0].upscaled
    assert base is not None, "the settings of the call are the film's, not its draft's"
    assert base.base.latents_key == plain.takes[0].latents_key
    assert any("its picture is stretched" in one.message for one in film.warnings)
    path = write(SCENE.replace("64x32", "640x320"))
    alike = planned(path, profile="slow", profiles=quick, from_draft=1)
    assert not any("stretched" in one.message for one in alike.warnings)


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_nothing_asked_changes_nothing(name: str, write: Write) -> None:
    path = write(SCENE)
    plan = planned(path, profile=name)
    assert (plan.choice.base, plan.options) == (name, {"profile": name})
    assert "own_profile" not in provenance(plan)
