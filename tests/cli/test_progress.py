from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from holocine_cli.console import Paint
from holocine_cli.layout import columns, wrapped
from holocine_cli.progress import Meter
from holocine_core.api import clock, counted, duration, memory, scaled
from holocine_core.film.planning import plan_film
from holocine_core.plan.values import Plan
from holocine_core.request import Request

TWO = """
    size: 32x32
    profiles: {standard: {steps: 10, guidance: 1}}
    scenes:
      - {id: short, shots: [A lamp.], frames: 9}
      - {id: long, shots: [A lamp.], frames: 81}
"""


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def plan(write: Callable[[str], Path], tmp_path: Path) -> Plan:
    return plan_film(write(TWO), Request(out=tmp_path / "film.mp4"))


def test_time_left_scales_with_each_takes_work(plan: Plan) -> None:
    short, long = plan.takes
    meter = Meter([plan], Clock())
    assert meter.left is None
    meter.take_started("short", 10)
    meter.step_done("short", 9, 60.0)
    assert meter.left is None, "the first step loads the networks: it measures nothing"
    meter.step_done("short", 8, 1.0)
    per_flop = 1.0 / (short.cost.flops / 10)
    assert meter.left == pytest.approx(8 * 1.0 + long.cost.flops * per_flop)
    assert meter.left > 8 + 10 * 2, "the long take costs several times the short one"


def test_one_slow_step_does_not_spoil_the_estimate(plan: Plan) -> None:
    meter = Meter([replace(plan, takes=plan.takes[:1])], Clock())
    meter.take_started("short", 10)
    for left, seconds in ((9, 30.0), (8, 1.0), (7, 1.0), (6, 90.0), (5, 1.0)):
        meter.step_done("short", left, seconds)
    assert meter.left == pytest.approx(5.0)


def test_developing_joins_the_estimate_once_it_is_measured(plan: Plan) -> None:
    clock_ = Clock()
    meter = Meter([replace(plan, takes=plan.takes[:1])], clock_)
    meter.decoded("short", 1, 9)
    assert not meter.whole
    clock_.now = 2.0
    meter.decoded("short", 5, 9)
    assert meter.whole
    assert meter.left == pytest.approx(4 * 0.5)


def test_the_films_bar_never_falls_and_ends_full(plan: Plan) -> None:
    meter = Meter([plan], Clock())
    shares = [meter.share]
    for take in plan.takes:
        meter.take_started(take.scene, 10)
        for left in range(9, -1, -1):
            meter.step_done(take.scene, left, 1.0)
            shares.append(meter.share)
        for frames in range(1, take.timeline.frames + 1, 4):
            meter.decoded(take.scene, frames, take.timeline.frames)
            shares.append(meter.share)
        meter.take_done(take.scene)
        shares.append(meter.share)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, pytest.approx(1))


def test_columns_line_up_whatever_their_colours() -> None:
    scene = Paint(True)("scene", bold=True)
    lines = columns([(scene, "5"), ("b", "121\nx")], right=frozenset({1}), indent="")
    assert [line.replace(scene, "scene") for line in lines] == [
        "scene    5",
        "b      121",
        "         x",
    ]


def test_cuts_wrap_between_numbers_only() -> None:
    assert wrapped(["80->81", "160->161", "200"], 15) == "80->81 160->161\n200"


def test_numbers_in_words() -> None:
    assert [clock(8), clock(67.6), clock(3723)] == ["0:08", "1:08", "1:02:03"]
    assert [duration(0.031), duration(12.34), duration(185)] == ["0.03 s", "12.3 s", "3:05"]
    assert [scaled(999, "B"), scaled(1234, "B"), scaled(5.16e17, "FLOP")] == [
        "999 B",
        "1.2 kB",
        "516 PFLOP",
    ]
    assert [memory(2**20 * 3), memory(2**30 * 22.4)] == ["3.0 MiB", "22.4 GiB"]
    assert [counted(1, "shot"), counted(2, "shot")] == ["1 shot", "2 shots"]
