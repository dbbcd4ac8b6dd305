from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.evaluate.numbers import Measure
from holocine_core.evaluate.table import METRICS, Column, Gate, Report, parse_gates, shown_value

GOOD = Measure(value=0.9, low=0.8, high=0.95, n=40, hits=36)


def report(*gates: Gate) -> Report:
    own = {"said": GOOD, "cut-error": Measure(value=1.5, n=4)}
    drawn = {"said": Measure(value=0.97, n=40), "sca": Measure(value=0.99, n=3)}
    columns = (Column(title="nano", measures=own), Column(title="drawn", measures=drawn))
    return Report(columns=columns, gates=gates)


def test_gates_are_written_with_the_tables_names() -> None:
    gates = parse_gates(["said=0.8", "cut-accuracy = 0.5"], ["flicker=2"], judged=True)
    assert gates == (
        Gate("said", "min", 0.8),
        Gate("cut-accuracy", "min", 0.5),
        Gate("flicker", "max", 2.0),
    )


def test_all_wrong_gates_are_told_at_once_with_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        parse_gates(
            ["cut-acuracy=0.5", "cut-error=1", "said=0.8", "sca=high", "sca=nan"],
            ["sca=1"],
            judged=False,
        )
    problems = caught.value.problems
    assert len(problems) == 6
    assert "did you mean cut-accuracy?" in problems[0].hint
    assert problems[1].hint == "write --max cut-error=1"
    assert "--suite" in problems[2].hint
    assert "no number" in problems[3].message
    assert "no number" in problems[4].message
    assert problems[5].hint == "write --min sca=1"


def test_gates_look_at_the_first_column_only() -> None:
    passed, missed = Gate("said", "min", 0.9), Gate("said", "min", 0.91)
    assert [one.gate for one in report(passed, missed).missed] == [missed]
    assert [one.passed for one in report(Gate("cut-error", "max", 1.5)).checked] == [True]
    assert str(report(Gate("cut-error", "max", 1)).missed[0]) == "cut-error is 1.5, above 1"


def test_what_could_not_be_measured_passes_no_gate() -> None:
    (missed,) = report(Gate("sca", "min", 0.1)).missed
    assert str(missed) == "sca could not be measured, below 0.1"


def test_rows_keep_the_tables_order() -> None:
    assert report().names == ("sca", "cut-error", "said")


def test_the_record_holds_every_column_and_gate() -> None:
    record = report(Gate("said", "min", 0.91)).record()
    assert [column["title"] for column in record["columns"]] == ["nano", "drawn"]
    assert record["columns"][0]["measures"]["said"]["hits"] == 36
    assert record["gates"] == [{"name": "said", "min": 0.91, "value": 0.9, "passed": False}]


def test_values_are_shown_in_their_unit() -> None:
    assert shown_value(METRICS["said"], GOOD) == "90.0% [80.0, 95.0] 36 of 40"
    assert shown_value(METRICS["cut-error"], Measure(value=1.5, n=4)) == "1.50 n=4"


def test_every_measure_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in text] == []
