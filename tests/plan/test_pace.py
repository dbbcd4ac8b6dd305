"""How long films take here, by the films before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core.api import estimate, pace_of
from holocine_core.events import (
    CutsSeen,
    Event,
    FilmDone,
    FilmStarted,
    FramesDecoded,
    ModelLoaded,
    StepDone,
    TakeDone,
    TakeStarted,
    ignore,
)
from holocine_core.film.planning import plan_film
from holocine_core.model.devices import machine_name
from holocine_core.plan import pace
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from tests.conftest import Write

SHIPPED = Path(pace.__file__).with_name("measured_paces.json")
TEXT = """
size: 32x32
profiles: {standard: {steps: 4}}
scenes:
  - {id: one, frames: 9, cuts: [5], shots: [A lamp is lit., The lamp goes out.]}
  - {id: two, frames: 17, cuts: [5], shots: [A door opens., Nobody is there.]}
"""


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def plan(write: Write, tmp_path: Path) -> Plan:
    out, work = tmp_path / "film.mp4", tmp_path / "work"
    return plan_film(write(TEXT), Request(device="cpu", out=out, work=work))


class Clock:
    """Says what it is told."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def told(plan: Plan, step: float, *, loaded: bool = True, until: int = 99) -> None:
    """A render of 3 s before its first step, then ``step`` seconds each, 2 s of developing for
    every take and 1.5 s of cutting; it ends after ``until`` events."""
    clock, part = Clock(), "transformer" if loaded else "vae"
    events: list[tuple[float, Event]] = [
        (0, FilmStarted(film=str(plan.out), takes=2, to_shoot=2)),
        (3, ModelLoaded(model="", part=part, seconds=1, placement="")),
    ]
    for take in plan.takes:
        steps, scene = take.sampling.steps, take.scene
        size = step * take.cost.flops / plan.takes[0].cost.flops
        events.append((0, TakeStarted(scene=scene, state="new", step=0, steps=steps)))
        events += [
            (size, StepDone(scene=scene, step=n, steps=steps, seconds=size))
            for n in range(1, steps + 1)
        ]
        events.append((1.2, FramesDecoded(scene=scene, frames=9, of=9)))
        events.append((0.8, TakeDone(scene=scene, reused=False, seconds=0)))
    events.append((0.5, CutsSeen(scene="one", asked=(), missing=(), extra=())))
    events.append((1.0, FilmDone(film=str(plan.out), frames=26, seconds=0, up_to_date=False)))
    with pace.paced(plan, ignore, clock) as emit:
        for after, event in events[:until]:
            clock.at += after
            emit(event)


def seconds(plan: Plan) -> float:
    found = estimate([plan])
    assert found is not None
    assert found.source == pace.HERE
    return found.seconds


def test_a_film_takes_what_it_took(plan: Plan) -> None:
    assert estimate([plan]) is None, "nothing was measured"
    told(plan, step=5)
    larger = plan.takes[1].cost.flops / plan.takes[0].cost.flops
    assert seconds(plan) == pytest.approx(3 + 4 * 5 * (1 + larger) + 2 + 2 + 1.5, rel=0.02)


def test_what_is_done_takes_nothing_and_networks_open_once(plan: Plan) -> None:
    told(plan, step=5)
    whole = seconds(plan)
    first, second = plan.takes
    half = replace(plan, takes=(replace(first, step=2), replace(second, state="reuse")))
    # Loading, two steps of the first scene, its developing and the cut.
    assert seconds(half) == pytest.approx(3 + 10 + 2 * 9 / 13 + 1.5, rel=0.02)
    done = replace(plan, takes=tuple(replace(take, state="reuse") for take in plan.takes))
    assert seconds(done) == pytest.approx(1.5)
    both = estimate([plan, plan])
    assert both is not None
    assert both.seconds == pytest.approx(2 * whole - 3)


def test_the_median_of_the_last_films_counts(plan: Plan) -> None:
    for step in (1, 1, 1, 5, 50, 5, 5):
        told(plan, step)
    found = pace_of(plan)
    assert found is not None
    first = plan.takes[0]
    assert found[0].step == pytest.approx(5 * first.sampling.steps / first.cost.flops)


@pytest.mark.parametrize("how", ["stopped", "with networks that were open", "gone on with"])
def test_what_tells_too_little_is_no_measure(plan: Plan, how: str) -> None:
    begun = replace(plan, takes=(replace(plan.takes[0], step=2), plan.takes[1]))
    told(
        begun if how == "gone on with" else plan,
        step=5,
        loaded=how != "with networks that were open",
        until=8 if how == "stopped" else 99,
    )
    assert estimate([plan]) is None


def test_a_damaged_cache_is_no_measure_and_is_replaced(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "cache" / "holocine" / pace.NAME
    file.parent.mkdir(parents=True)
    told(plan, step=5)
    (key,) = json.loads(file.read_text())
    broken = ("no JSON", "[]", json.dumps({key: [{"step": 1}]}), json.dumps({key: [{"step": ""}]}))
    for text in broken:
        file.write_text(text)
        assert estimate([plan]) is None, text
    told(plan, step=5)
    assert estimate([plan]) is not None


def test_a_render_measures_itself(plan: Plan) -> None:
    film = render(plan)
    assert film.frames == 26
    assert 0 < seconds(replace(plan, takes=plan.takes)) < 600


def test_without_films_of_ones_own_those_of_the_package_count(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(plan, step=5)
    own = tmp_path / "cache" / "holocine" / pace.NAME
    shipped = tmp_path / "shipped.json"
    own.rename(shipped)
    monkeypatch.setattr(pace, "MEASURED", shipped)
    found = estimate([plan])
    assert found is not None
    assert found.source == machine_name("cpu")
    told(plan, step=50)
    after = estimate([plan])
    assert after is not None
    assert after.source == pace.HERE
    assert after.seconds > 5 * found.seconds


def test_paces_that_ship_are_of_named_machines() -> None:
    shipped = json.loads(SHIPPED.read_text())
    assert shipped
    for key, films in shipped.items():
        assert key.startswith("nano | sparse | plain | cpu"), key
        assert key.endswith("cores")
        (film,) = films
        pace.Pace(**film)
        assert all(value > 0 for value in film.values())
