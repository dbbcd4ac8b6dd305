"""What a folder asks of a fleet."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.errors import InputError, Problem, TakenOver
from holocine_core.fleet import forecast as forecasts
from holocine_core.fleet.forecast import (
    Fleet,
    FleetFilm,
    asks_of_all,
    film_asks,
    forecast,
    makespan,
    read_fleet,
)
from holocine_core.plan import pace
from holocine_core.plan.pace import estimate
from holocine_core.request import Request
from tests.cli.conftest import Holocine, holocine  # noqa: F401 - a fixture
from tests.fleet.conftest import Make


def film(seconds: float | None) -> FleetFilm:
    return FleetFilm(
        film=Path("a.mp4"),
        seconds=seconds,
        start=2,
        flops=10,
        peak_bytes=int(seconds or 7),
        take_bytes=5,
        film_bytes=1,
    )


def test_whoever_is_free_takes_the_longest() -> None:
    assert makespan([5, 4, 3, 3, 3], 2) == 10
    assert makespan([5, 4, 3, 3, 3], 1) == 18
    assert makespan([5, 4], 8) == 5
    assert makespan([], 3) == 0


def test_all_films_of_a_fleet() -> None:
    found = forecast((film(n) for n in (5, 4, 3, 3, 3)), Fleet(2))
    assert (found.seconds, found.work_seconds, found.longest) == (12, 18, 5)
    assert (found.films, found.flops, found.peak_bytes) == (5, 50, 5)
    assert (found.take_bytes, found.film_bytes) == (25, 5)
    unknown = forecast([film(5), film(None)], Fleet(2))
    assert (unknown.seconds, unknown.work_seconds, unknown.longest) == (None, None, None)


@pytest.mark.parametrize("asked", ["0", "x", "-3", "3x", "", "3xmars", "3.5"])
def test_what_is_no_fleet(asked: str) -> None:
    with pytest.raises(InputError) as caught:
        read_fleet(asked)
    assert caught.value.where == "--fleet"


def test_kinds_are_those_that_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["AMD EPYC, 2 cores", "NVIDIA H200", "NVIDIA H100"]
    monkeypatch.setattr(forecasts, "machines", lambda: names)
    assert read_fleet("8xh200") == Fleet(8, "NVIDIA H200")
    assert read_fleet(" 8 ") == Fleet(8)
    with pytest.raises(InputError, match="no machine like 'NVIDIA'"):
        read_fleet("2 x NVIDIA")


def test_another_machines_pace(
    queued: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = queued(1)
    plan = api.plan(one.screenplay, Request(out=one.film))
    assert film_asks(plan, Fleet(1)).seconds is None
    key = pace._key(plan).rpartition(" | ")[0]
    table = tmp_path / "paces.json"
    slow = {"start": 3.0, "step": 1e-9, "develop": 0.0, "cut": 0.0}
    table.write_text(json.dumps({f"{key} | NVIDIA H200": [slow]}))
    monkeypatch.setattr(pace, "MEASURED", table)
    found = film_asks(plan, Fleet(8, "NVIDIA H200"))
    assert found.start == 3
    assert found.seconds == pytest.approx(1e-9 * plan.takes[0].cost.flops)
    assert film_asks(plan, Fleet(8)).seconds is None, "not this machine"
    here = {"start": 1.0, "step": 2e-9, "develop": 0.0, "cut": 0.0}
    table.write_text(json.dumps({pace._key(plan): [here]}))
    expected = estimate([plan])
    assert expected is not None
    assert film_asks(plan, Fleet(8)).seconds == pytest.approx(expected.seconds - 1)


def test_errors_come_from_other_processes_whole() -> None:
    told = [Problem("one", "a.yaml:1:2", "mend it"), Problem("two")]
    error = pickle.loads(pickle.dumps(InputError.of(told)))
    assert type(error) is InputError
    assert error.problems == tuple(told)
    assert (str(error), error.where, error.hint) == ("one", "a.yaml:1:2", "mend it")
    gone = pickle.loads(pickle.dumps(TakenOver("gone", where="here")))
    assert (type(gone), gone.message, gone.where) == (TakenOver, "gone", "here")


@pytest.mark.slow
def test_many_films_are_planned_by_several_processes(
    queued: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("shots: [One., '{ann} sits.']\n")
    films = [(one.screenplay, Request(out=one.film)) for one in queued(3)]
    films.insert(1, (bad, Request()))
    alone = list(asks_of_all(films, Fleet(2)))
    monkeypatch.setattr(forecasts, "MANY", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    together = list(asks_of_all(films, Fleet(2)))
    assert [one for one in together if isinstance(one, FleetFilm)] == [
        one for one in alone if isinstance(one, FleetFilm)
    ]
    assert isinstance(together[1], InputError)
    assert "bad.yaml:1:15" in together[1].where


@pytest.mark.slow
def test_a_folder_is_planned_film_by_film(
    holocine: Holocine,  # noqa: F811
    queued: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued(3)
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("shots: [One., '{ann} sits.']\n")
    answer = holocine("plan", ".", "--fleet", "2")
    assert answer.exit_code == 4
    assert "bad.yaml:1:15" in answer.stderr
    assert "3 films by 2 workers on machines like this one: not measured there" in answer.stdout
    document = json.loads(holocine("plan", ".", "--fleet", "2", "--json").stdout)
    films = [one for one in document["films"] if one["film"]]
    assert len(films) == document["fleet"]["films"] == 3
    assert document["fleet"]["take_bytes"] == sum(one["take_bytes"] for one in films)
