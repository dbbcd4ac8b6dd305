from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from holocine_core.film.planning import plan_film
from holocine_core.lab.stage.world import Person
from holocine_core.lab.suites.mechanism import (
    VARIANTS,
    Variant,
    film_alone,
    film_given,
    film_variant,
    is_filmed,
    last_shared,
    solo_takes,
)
from holocine_core.lab.suites.suite import parse_suite
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.known_latents import Method
from holocine_core.sample.latents import read_latents
from holocine_core.sample.mechanism import Mechanism, shot_layout
from holocine_core.script.timeline import LatentSpan
from holocine_core.store.vault import Vault

pytestmark = pytest.mark.slow

BY_NAME = {variant.name: variant for variant in VARIANTS}
MEMORY_GUIDED = Variant(name="memory guided", about="", mechanism=Mechanism(guide_summaries=False))
"""Not what the small model of the tests has on its card, as nano has."""
SCENE = """
profiles:
  standard: {{size: 32x32, steps: 3, guidance: 2}}
scenes:
  - global: A cliff at night.
    frames: 25
    cuts: [9]
    shots: [A lamp on the rock., {second}]
"""


def plan_of(
    folder: Path, second: str = "A red boat.", attention: str = "sparse", model: str = "nano"
) -> Plan:
    folder.mkdir(exist_ok=True)
    path = folder / "film.yaml"
    path.write_text(f"attention: {attention}\n" + SCENE.format(second=second))
    return plan_film(path, Request(out=folder / "film.mp4", device="cpu", model=model))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("variants"))


@pytest.fixture(scope="module")
def latents(plan: Plan) -> dict[str, Tensor]:
    return {name: film_variant(plan, variant) for name, variant in BY_NAME.items()}


def test_the_whole_mechanism_is_the_render(plan: Plan, latents: dict[str, Tensor]) -> None:
    render(plan)
    rendered = read_latents(Vault(plan.work).path("latents", plan.takes[0].latents_key))
    assert torch.equal(latents["holistic"], rendered)


def test_every_switch_changes_the_film(plan: Plan, latents: dict[str, Tensor]) -> None:
    shapes = {tuple(one.shape) for one in latents.values()}
    assert len(shapes) == 1
    assert torch.equal(latents["text guided"], latents["holistic"])
    films = [film for name, film in latents.items() if name != "text guided"]
    films.append(film_variant(plan, MEMORY_GUIDED))
    assert not any(torch.equal(a, b) for i, a in enumerate(films) for b in films[:i])


def test_a_card_says_what_guidance_leads_away_from(plan: Plan, tmp_path: Path) -> None:
    assert plan.model.folder is not None
    model = shutil.copytree(plan.model.folder, tmp_path / "model")
    card = json.loads((model / "holocine.json").read_text())
    assert card["guide_summaries"] is True
    card["guide_summaries"] = False
    (model / "holocine.json").write_text(json.dumps(card))
    other = plan_of(tmp_path / "film", model=str(model))
    assert other.takes[0].latents_key != plan.takes[0].latents_key
    guided = film_variant(plan, MEMORY_GUIDED)
    assert torch.equal(film_variant(other, BY_NAME["holistic"]), guided)
    assert torch.equal(film_variant(other, MEMORY_GUIDED), guided)
    assert not torch.equal(film_variant(other, BY_NAME["text guided"]), guided)


def test_full_is_what_the_screenplay_can_ask_for(
    latents: dict[str, Tensor], tmp_path: Path
) -> None:
    asked = film_variant(plan_of(tmp_path, attention="full"), BY_NAME["holistic"])
    assert torch.equal(latents["full"], asked)


def test_shots_alone_know_nothing_of_each_other(
    plan: Plan, latents: dict[str, Tensor], tmp_path: Path
) -> None:
    other = plan_of(tmp_path, second="A black cat.")
    for name, kept in (("alone", True), ("holistic", False)):
        changed = film_variant(other, BY_NAME[name])
        assert torch.equal(changed[:, :, :3], latents[name][:, :, :3]) == kept
        assert not torch.equal(changed[:, :, 3:], latents[name][:, :, 3:])
    first, second = solo_takes(plan.takes[0])
    # The second begins a latent frame earlier, which is cut off.
    assert [t.timeline.latent_frames for t in (first, second)] == [3, 5]
    assert second.prompt.text == (
        "[global caption] A cliff at night. This scene contains 1 shots. "
        "[per shot caption] A red boat."
    )


@pytest.mark.parametrize("method", ["clean", "renoised"])
def test_given_shots_stay_and_count(plan: Plan, latents: dict[str, Tensor], method: Method) -> None:
    first = latents["holistic"]
    again = film_given(plan, first, [0], method=method, seed=7)
    other = film_given(plan, first.flip(2), [0], method=method, seed=7)
    assert torch.equal(again[:, :, :3], first[:, :, :3])
    assert not torch.equal(again[:, :, 3:], first[:, :, 3:]), "another seed"
    assert not torch.equal(again[:, :, 3:], other[:, :, 3:]), "the given shot is seen"


def test_a_shot_made_alone_fits_into_its_place(plan: Plan) -> None:
    alone = [film_alone(plan, shot, seed) for shot, seed in ((0, 0), (1, 1), (1, 2))]
    assert [one.shape[2] for one in alone] == [3, 4, 4]
    assert not torch.equal(alone[1], alone[2])


def test_the_last_shot_that_shares_a_person() -> None:
    cases = parse_suite("stage:1500000000:12").cases
    for case in cases:
        people = [
            {role.who for role in shot.roles if isinstance(case.scene.cast[role.who], Person)}
            for shot in case.scene.shots
        ]
        shared = [
            i
            for i, mine in enumerate(people)
            if any(mine & other for j, other in enumerate(people) if j != i)
        ]
        assert last_shared(case) == (shared[-1] if shared else None)
    assert {last_shared(case) is None for case in cases} == {True, False}


def test_films_are_made_once(plan: Plan, latents: dict[str, Tensor], tmp_path: Path) -> None:
    assert all(is_filmed(plan, variant) for variant in VARIANTS)
    assert not is_filmed(plan_of(tmp_path), BY_NAME["alone"])
    nothing = replace(plan, model=replace(plan.model, components={}))
    assert torch.equal(film_variant(nothing, BY_NAME["alone"]), latents["alone"])


def test_switches_reach_the_layout(plan: Plan) -> None:
    from holocine_core.sample.conditioning import Conditioning

    text = Conditioning(text_BLD=torch.zeros(1, 5, 8), windows=((0, 1, 4, 4), (0, 2, 3, 4, 4)))
    layout = shot_layout(plan, plan.takes[0], text, Mechanism(summaries=False, windows=False))
    assert layout.windows == ((0, 1, 2, 3, 4, 4),) * 2
    assert not layout.summaries
    assert layout.shots == (LatentSpan(0, 3), LatentSpan(3, 7))
