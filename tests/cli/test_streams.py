"""stdout is the product, stderr is everything else, --json is one document."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_cli.app import main
from holocine_cli.console import Console
from holocine_cli.progress import Meter, reporting
from holocine_core.events import StepDone, TakeStarted
from holocine_core.film.planning import plan_film
from tests.cli.conftest import Holocine, Terminal, write_scene

COLOR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    "words",
    [
        ["check", "room.yaml"],
        ["plan", "room.yaml"],
        ["render", "room.yaml"],
        ["render", "room.yaml", "--dry-run"],
        ["inspect", "room.mp4"],
        ["models", "list"],
        ["models", "verify", "nano"],
        ["models", "pull", "nano"],
    ],
    ids=" ".join,
)
def test_json_is_one_document_on_success(
    holocine: Holocine, in_made: Path, words: list[str]
) -> None:
    document = holocine(*words, "--json").json
    command = " ".join(word for word in words if re.fullmatch("[a-z]+", word) and word != "nano")
    command = "plan" if "--dry-run" in words else command
    assert document["command"] == command
    assert (document["schema"], document["status"], document["error"]) == (1, "done", None)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["check", "no.yaml"], "input"),
        (["plan", "no.yaml"], "input"),
        (["render", "no.yaml"], "input"),
        (["render", "no.yaml", "--wat"], "input"),
        (["preview", "no.yaml"], "input"),
        (["inspect", "no.mp4"], "input"),
        (["new", "..."], "input"),
        (["bogus"], "input"),
        (["models", "pull", "no"], "input"),
        (["models", "verify", "holocine-14b-full"], "machine"),
        (["models", "pull", "holocine-14b-full"], "input"),
    ],
    ids=str,
)
def test_json_is_one_document_on_failure(holocine: Holocine, words: list[str], kind: str) -> None:
    answer = holocine(*words, "--json")
    error = answer.json["error"]
    assert error["kind"] == kind
    assert error["problems"][0]["message"] == error["message"]
    assert answer.exit_code == {"input": 2, "machine": 3}[kind]
    assert f"error: {error['message']}" in answer.stderr


def test_quiet_drops_information_and_twice_warnings(holocine: Holocine, in_made: Path) -> None:
    loud = holocine("render", "room.yaml")
    quiet = holocine("render", "room.yaml", "-q")
    silent = holocine("render", "room.yaml", "-qq")
    assert "up to date" in loud.stderr
    assert "up to date" not in quiet.stderr
    assert silent.stderr == ""
    assert loud.stdout == quiet.stdout == silent.stdout == "room.mp4\n"
    assert holocine("render", "no.yaml", "-qq").stderr.startswith("error: ")


def test_verbose_tells_every_step(holocine: Holocine, scene: Path) -> None:
    told = holocine("render", scene, "-v").stderr
    assert [f"step {i} of 6" in told for i in range(1, 7)] == [True] * 6
    assert "loaded transformer" in told


def test_a_terminal_gets_bars_and_colours(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["render", str(scene)]) == 0
    shown = sys.stderr.getvalue()
    assert COLOR.search(shown)
    assert "take 1/1" in shown
    assert shown.count("\x1b[?25h") == shown.count("\x1b[?25l") > 0, "the cursor is back"


@pytest.fixture
def shown(scene: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Console], str]:
    """What a console shows of two steps on a terminal."""

    def show(console: Console) -> str:
        monkeypatch.setattr(sys, "stderr", Terminal())
        plan = plan_film(scene)
        with reporting(plan, console, Meter([plan])) as reporter:
            reporter(TakeStarted(scene="scene-1", state="new", step=0, steps=6))
            for step in (1, 2):
                reporter(StepDone(scene="scene-1", step=step, steps=6, seconds=1.5))
        return str(sys.stderr.getvalue())

    return show


def test_no_color_keeps_the_bars_and_drops_the_colours(shown: Callable[[Console], str]) -> None:
    text = shown(Console())
    assert "step 2/6" in text
    assert "over 0:06 left" in text
    assert not re.search(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[0-9;]*m", text)


@pytest.mark.parametrize("console", [Console(quiet=1), Console(verbose=True)], ids=["q", "v"])
def test_quiet_and_verbose_have_no_bars(shown: Callable[[Console], str], console: Console) -> None:
    assert "step 2/6" not in shown(console)


def test_dumb_terminals_have_no_bars(
    shown: Callable[[Console], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(Console())


def test_errors_are_three_lines(holocine: Holocine) -> None:
    path = write_scene("room.yaml", seed=-1)
    lines = holocine("check", path).stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[1] == "  at room.yaml:1:7"


def test_the_log_for_machines_is_a_file(in_made: Path) -> None:
    log = (in_made / ".holocine/room/run.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in log]
    assert events[:2] == ["FilmClaimed", "FilmStarted"]
    assert events.count("StepDone") == 6
