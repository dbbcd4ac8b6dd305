"""The embedded model films: as long and as large as asked, and what it is told to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import holocine_core.model
from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.evaluate.motion import stands_out
from holocine_core.film.planning import plan_film
from holocine_core.lab.judge.network import load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS, SUITE_SEEDS
from holocine_core.lab.suites.scores import by_chance, score_watched
from holocine_core.lab.suites.suite import Filmed, stage_suite
from holocine_core.lab.suites.suite_films import frames_of, plan_case
from holocine_core.lab.suites.watched import watch
from holocine_core.model.locate import find_model
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.train import checkpoints
from holocine_core.train.export import named
from tests.conftest import NANO, Write

pytestmark = [pytest.mark.nano, pytest.mark.slow]

FILM = """
profiles: {draft: {steps: 2}}
scenes:
  - {global: A quiet room., frames: 9, cuts: [5], shots: [A lamp is lit., The lamp goes out.]}
"""
OPTIONS = Request(profile="draft", device="cpu")
SEED = SUITE_SEEDS + 400_000_000
"""Apart from the suites of the documentation."""
NANO_HOME = Path(str(holocine_core.model.__file__)).parent / "nano"
MOST_BYTES = 60_000_000
"""What comes with every installation may not weigh more."""


def test_its_weights_tell_every_run_that_made_them() -> None:
    runs = named(NANO_HOME / "transformer")
    assert len(runs) > 1
    for run in runs:
        # As it was written: keys may have gone since.
        phases = run[checkpoints.RECIPE]["phases"]
        assert 0 < int(run[checkpoints.STEP]) <= sum(phase["steps"] for phase in phases)
        assert int(run[checkpoints.SEED]) == run[checkpoints.RECIPE]["seed"]
        for phase in phases:
            last = phase["first_seed"] + phase["scenes"]
            assert last <= HELD_OUT_SEEDS < SUITE_SEEDS, "no run saw what nano is measured by"


def test_it_films_without_being_named(write: Write, tmp_path: Path) -> None:
    screenplay, out = write(FILM), tmp_path / "film.mp4"
    plan = plan_film(screenplay, replace(OPTIONS, out=out))
    assert plan.model.spec is NANO
    film = render_film(screenplay, out, OPTIONS)
    found = probe(out)
    draft = NANO.profiles["draft"]
    assert found.frames == film.frames == 9
    assert (found.width, found.height) == (draft.width, draft.height)
    assert np.concatenate(list(read_frames(out))).std() > 0, "a picture, not one colour"


def test_its_weights_are_small() -> None:
    files = [path for path in NANO_HOME.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_it_shows_what_scenes_it_never_saw_say_and_cuts_where_they_do(tmp_path: Path) -> None:
    world = world_of(find_model("nano"))
    judge = load_judge(asked=world)
    cases = [case for case in stage_suite(SEED, 4, world).cases if case.words == "trained"]
    films = []
    for case in cases:
        # By the judge five steps show as much as sixteen (docs/nano.md, "Steps"), in a third.
        plan = plan_case(case, tmp_path, Request(profile="draft", device="cpu"))
        render(plan)
        films.append(Filmed(case, frames_of(plan)))
    watched = watch(films, judge, judge.trust.reads)
    mine, chance = score_watched(watched)["said"], by_chance(watched)["said"]
    # Half way between what another film shows and everything.
    assert mine.value > (1 + chance.value) / 2
    for film in films:
        for shot in film.case.scene.shots[1:]:
            assert stands_out(film.frames, shot.frames.start)
