from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from holocine_core.errors import InputError
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS, sample_scene
from holocine_core.lab.suites.scores import score
from holocine_core.lab.suites.suite import Case, Filmed
from holocine_core.lab.suites.suite_films import (
    codec_films,
    frames_of,
    plan_case,
    screened,
    size_of,
)
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.script.screenplay import Adjusted, Profiles, Screenplay, Shot
from holocine_core.script.screenplay import Scene as TextScene
from tests.lab.oracle import Said, everything, reading

pytestmark = pytest.mark.slow

OPTIONS = Request(device="cpu")


@pytest.fixture(scope="module")
def case() -> Case:
    """A scene of two shots, told in a way that the stand-in model films in a moment."""
    scene = sample_scene(HELD_OUT_SEEDS, layout=(3, 4))
    shots = tuple(Shot(prompt="Somebody.", frames=len(shot.frames)) for shot in scene.shots)
    quick = Adjusted(steps=1, guidance=1)
    told = Screenplay(
        size="48x32",
        profiles=Profiles(standard=quick),
        scenes=(TextScene(shots=shots),),
    )
    said = Said(frozenset({"set"}), tuple(frozenset() for _ in scene.cast), (frozenset(),) * 2)
    return Case(name="two-shots", scene=scene, said=said, screenplay=told, noise=5)


def test_a_case_is_filmed_with_its_own_cuts_and_noise(case: Case, tmp_path: Path) -> None:
    plans = [plan_case(case, tmp_path, OPTIONS, take) for take in range(2)]
    assert [plan.takes[0].seed for plan in plans] == [5, 6]
    assert len({plan.out for plan in plans}) == len({plan.work for plan in plans}) == 2
    first, second = ((render(plan), frames_of(plan))[1] for plan in plans)
    assert first.shape == (case.scene.frames, *size_of(plans[0]), 3) == (25, 32, 48, 3)
    assert (first != second).any()
    assert screened(Filmed(case, first)).cuts == (9,)
    again = plan_case(case, tmp_path, OPTIONS)
    assert again.takes[0].state == "reuse"


def test_any_frames_of_a_case_can_be_scored(case: Case) -> None:
    place = case.scene.place.set
    frames = np.zeros((25, 4, 4, 3), np.uint8)

    def by_brightness(shots: list[np.ndarray]) -> list[object]:
        return [reading({"set": place if shot.mean() > 99 else "kitchen"}) for shot in shots]

    variants = {"bright": frames + 200, "dark": frames}
    found = {
        name: score([Filmed(case, one)], by_brightness, everything)["said-place"].value  # type: ignore[arg-type]
        for name, one in variants.items()
    }
    assert found == {"bright": 1, "dark": float(place == "kitchen")}


def test_a_take_that_was_tidied_away_is_told(case: Case, tmp_path: Path) -> None:
    plan = plan_case(case, tmp_path, OPTIONS)
    with pytest.raises(InputError, match="no longer there"):
        frames_of(plan)


def test_other_cuts_are_refused(case: Case, tmp_path: Path) -> None:
    longer = replace(case, scene=sample_scene(HELD_OUT_SEEDS, layout=(4, 4)))
    with pytest.raises(InputError, match="other cuts"):
        plan_case(longer, tmp_path, OPTIONS)


def test_films_come_back_from_the_codec_as_long_as_they_were(case: Case, tmp_path: Path) -> None:
    plan = plan_case(case, tmp_path, OPTIONS)
    rng = np.random.default_rng(0)
    film = Filmed(case, rng.integers(0, 255, (25, 32, 48, 3)).astype(np.uint8))
    back = codec_films(plan)(film)
    assert back.frames.shape == film.frames.shape
    assert back.case is case
