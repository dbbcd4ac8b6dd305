"""Benchmarks run: each whole, in small.

A sixth of them at each commit, another at another; all of them where ``EVERY_BENCHMARK`` is set.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks import gpu, step
from benchmarks.gpu_bench import Row, Work
from benchmarks.gpu_page import page
from benchmarks.quick import parsed
from tests.warm import Warm

pytestmark = pytest.mark.slow
Run = Callable[..., str]

HOME = Path(__file__).parents[1]
RULE = re.compile(r"\|(-+\|)+")
CASES: tuple[tuple[str, str], ...] = (
    ("agreement", ""),
    ("agreement", "draw --out {out}"),
    ("altered", ""),
    ("binding", "--image {out}.png"),
    ("broken", ""),
    ("character", "--image {out}.png"),
    ("codecs", ""),
    ("colours", "--out {out}.json"),
    ("crash_points", ""),
    ("damages", ""),
    ("curves", "--out {out}.svg"),
    ("directing", "--out {out} --chromium {chromium}"),
    ("disk", ""),
    ("drawing", ""),
    ("eye", "film --out {out}"),
    ("eye", "table"),
    ("film", ""),
    ("fleet", ""),
    ("fleet", "--no-flock"),
    ("fp8_error", ""),
    ("full_size", ""),
    ("golden", ""),
    ("held_out", ""),
    ("ingest", ""),
    ("inputs", ""),
    ("kernels", ""),
    ("kill", ""),
    ("layouts", ""),
    ("lengths", ""),
    ("likeness", ""),
    ("long_footage", ""),
    ("losses", ""),
    ("many_samples", ""),
    ("masters", ""),
    ("mechanism", "--images {out}"),
    ("memory", ""),
    ("memory_estimates", ""),
    ("merges", ""),
    ("muon", ""),
    ("own_cuts", ""),
    ("paces", "--out {out}.json"),
    ("peek", ""),
    ("placements", ""),
    ("places", ""),
    ("planning", ""),
    ("pull_bytes", ""),
    ("reading", ""),
    ("recipes", ""),
    ("reshoot", "--images {out}"),
    ("sampler", "--figure {out}.svg --images {out}"),
    ("scripts", ""),
    ("sharing", ""),
    ("sharing_films", ""),
    ("sheets", "--out {out}.jpg"),
    ("soak", ""),
    ("speed", "--images {out}"),
    ("stages", ""),
    ("startup", ""),
    ("step", ""),
    ("stock", ""),
    ("training", ""),
    ("trials", ""),
    ("upscale", ""),
    ("words", ""),
)
"""Benchmarks and what they are given beside --quick; ``{out}`` is there afterwards."""
PRINTS = {
    "broken": r"20 screenplays: \d+ refused with \d+ problems, \d+ still valid\n0 faults",
    "directing": r"shot 1: \d+ -> \d+ frames, at 0 -> 0; differs by 0\.0 of 255",
    "sheets": r"^1\. \[global caption\] \w+",
    "soak": r"20 screenplays: \d+ refused",
}
"""What others print instead of a table."""
SILENT = {("agreement", "draw"), ("curves", "--out"), ("eye", "film")}
"""These make pictures only."""
EXCEPTED = {"gpu": "has tests of its own here"}
COLD = {"kill", "long_footage", "pull_bytes", "startup"}
"""These look at the processes that they start, or kill them."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls a benchmark's main with words; what it printed."""
    monkeypatch.chdir(HOME)

    def call(main: Callable[[], None], *words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, words)])
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                pytest.fail(f"it ended with {ended.code}")
        return capsys.readouterr().out

    return call


@pytest.fixture(scope="module", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Folders that benchmarks and their processes make for a while lie below pytest's own."""
    folder = str(tmp_path_factory.mktemp("benchmarks"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TMPDIR", folder)
        yield


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    found = Warm(tmp_path_factory.mktemp("warm"))
    yield found
    found.close()


@pytest.fixture
def chromium(tmp_path: Path) -> Path:
    """A command that takes an empty picture of a page that is there."""
    path = tmp_path / "chromium"
    path.write_text(
        f"""#!{sys.executable}
import sys
from urllib.request import urlopen
from PIL import Image
assert urlopen(sys.argv[-1]).read()
(path,) = (word.partition("=")[2] for word in sys.argv if word.startswith("--screenshot="))
Image.new("RGB", (80, 100)).save(path)
"""
    )
    path.chmod(0o755)
    return path


TURNS = 6


def due(cases: Sequence[tuple[str, str]], commit: str) -> list[tuple[str, str]]:
    """The sixth of the cases that a commit's tests run; all where there is no commit.

    They are a seventh of the time of all tests, and nobody's films depend on them.
    """
    if not commit:
        return list(cases)
    turn = zlib.crc32(commit.encode())
    return [case for at, case in enumerate(cases) if (at + turn) % TURNS == 0]


def commit() -> str:
    """The commit that is checked out; empty where there is none, or all benchmarks are to run."""
    if "EVERY_BENCHMARK" in os.environ:
        return ""
    asked = ["git", "-C", str(HOME), "rev-parse", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


DUE = due(CASES, commit())


def test_every_benchmark_has_its_turn() -> None:
    turns = [due(CASES, str(number)) for number in range(60)]
    assert {case for turn in turns for case in turn} == set(CASES)
    assert {len(turn) for turn in turns} <= {len(CASES) // TURNS, len(CASES) // TURNS + 1}
    assert due(CASES, "") == list(CASES)


@pytest.mark.parametrize(("name", "words"), DUE, ids=[" ".join(case).strip() for case in DUE])
def test_a_benchmark_runs_whole_in_small(
    name: str,
    words: str,
    run: Run,
    tmp_path: Path,
    chromium: Path,
    warm: Warm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    if name not in COLD:
        monkeypatch.setattr(subprocess, "Popen", warm.process())
    given = words.format(out=tmp_path / "out", chromium=chromium).split()
    printed = run(module.main, "--quick", *given)
    for path in (Path(word) for word in given if word.startswith(str(tmp_path / "out"))):
        files = [one for one in (path, *path.rglob("*")) if one.is_file()]
        assert files, f"{path.name} was not made"
        assert all(one.stat().st_size for one in files)
    if (name, words.partition(" ")[0]) in SILENT:
        return
    if name in PRINTS:
        assert re.search(PRINTS[name], printed, re.M)
    else:
        assert numbers_of_tables(printed), printed


def numbers_of_tables(printed: str) -> list[str]:
    """Cells of a page's tables that hold a number, rows' names apart.

    Fails where a table has no such row.
    """
    lines, found = printed.splitlines(), []
    for at in (at for at, line in enumerate(lines) if RULE.fullmatch(line)):
        columns = lines[at].count("|")
        rows = []
        for line in lines[at + 1 :]:
            if not line.startswith("|"):
                break
            assert line.count("|") == columns, line
            rows += [cell for cell in line.split("|")[2:] if re.search(r"\d", cell)]
        assert rows, f"nothing below {lines[at - 1]}"
        found += rows
    return found


def test_no_benchmark_is_forgotten() -> None:
    runnable = {
        path.stem
        for path in (HOME / "benchmarks").glob("*.py")
        if "\ndef main(" in path.read_text(encoding="utf-8")
    }
    assert runnable == {name for name, _ in CASES} | set(EXCEPTED)


def test_quick_values_stand_in_for_what_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*words: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        parser.add_argument("path", type=Path)
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--way", action="append", required=True)
        monkeypatch.setattr(sys, "argv", ["benchmark", *words])
        return parsed(parser, "--tiny", path=lambda: Path("made"), rounds=1, way=("a", "b"))

    found = asked("--quick")
    assert (found.path, found.rounds, found.way, found.quick) == (Path("made"), 1, ("a", "b"), True)
    found = asked("there", "--tiny", "--rounds", "0", "--way", "c")
    assert (found.path, found.rounds, found.way, found.quick) == (Path("there"), 0, ["c"], True)
    found = asked("there", "--way", "c")
    assert (found.rounds, found.quick) == (5, False)
    with pytest.raises(SystemExit):
        asked("there")


def test_steps_are_measured_in_every_setup(run: Run) -> None:
    printed = run(step.main, "--quick")
    assert all(f"| {name} |" in printed for name in step.SETUPS)


def test_sheets_are_laid_out_under_names_that_tell_nothing(run: Run, tmp_path: Path) -> None:
    from benchmarks import eye

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "01-ferry.png").write_text(name)
    run(eye.main, "shuffle", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "blind")
    key = json.loads((tmp_path / "blind" / "key.json").read_text())
    assert {(tmp_path / "blind" / code).read_text() for code in key} == {"a", "b"}
    assert all((tmp_path / "blind" / code).read_text() == Path(key[code]).name for code in key)


def test_the_gpu_benchmark_runs_whole_in_small(run: Run, tmp_path: Path) -> None:
    printed = run(gpu.main, "--quick", "--out", tmp_path)
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
