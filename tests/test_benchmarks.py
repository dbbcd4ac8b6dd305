"""Benchmarks run: each in small, as far as that takes seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import gpu, step
from benchmarks.gpu_bench import Row, Work
from benchmarks.gpu_page import page

pytestmark = pytest.mark.slow
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls a benchmark's main with words; what it printed."""

    def call(main: Callable[[], None], *words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, words)])
        main()
        return capsys.readouterr().out

    return call


def test_the_gpu_benchmark_runs_whole_in_small(run: Run, tmp_path: Path) -> None:
    printed = run(gpu.main, "--tiny", "--out", tmp_path)
    told = json.loads((tmp_path / "rows.json").read_text())
    assert [row["name"] for row in told["rows"] if "failed" in row] == []
    measured = {
        (row["group"], row["name"]): row["measured"] for row in told["rows"] if "took" in row
    }
    assert measured["Golden parity", "float32, loop"]["error"] < 1e-5
    assert len(measured) > 18
    assert {row["skipped"] for row in told["rows"] if "skipped" in row} <= {"needs a GPU"}
    assert (tmp_path / "page.md").read_text() == printed.removesuffix("\n")
    assert run(gpu.main, "--page", tmp_path) == printed


def test_a_row_that_fails_or_does_not_fit_keeps_no_other_from_being_measured(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, float]:
        raise RuntimeError("out of memory, say")

    def rows(bench: object) -> list[tuple[Row, Work]]:
        return [
            (Row(group="a", name="broken", seconds=1), broken),
            (Row(group="a", name="long", seconds=3600), lambda: {"seconds": 1.0}),
            (Row(group="a", name="sound", seconds=1), lambda: {"seconds": 2.0}),
        ]

    monkeypatch.setattr(gpu, "rows", rows)
    printed = run(gpu.main, "--tiny", "--out", tmp_path, "--minutes", 1)
    assert "| broken | failed: RuntimeError: out of memory, say |" in printed
    assert "it may take 3600 |" in printed
    assert "| sound | 2 |" in printed


def test_a_page_of_nothing_but_what_was_skipped_is_a_table() -> None:
    row = {"group": "g", "name": "n", "about": "", "skipped": "needs a GPU"}
    assert "| n | skipped: needs a GPU |" in page({"machine": {"name": "m"}, "rows": [row]})


def test_training_steps_are_measured_in_every_setup(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "SIZES", {"48x32": (4, 6)})
    monkeypatch.setattr(step, "SHAPES", {"256 x 10 x 768": (1, 1, 64)})
    monkeypatch.setattr(step, "print_parts", lambda batch: None)
    printed = run(step.main, "--rounds", 1, "--threads", 1, "--batch", 2)
    assert all(f"| {name} |" in printed for name in step.SETUPS)
