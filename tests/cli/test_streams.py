"""stdout is the product, stderr is everything else, --json is one document."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_cli.app import main
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
        (["models", "pull", "holocine-14b-full"], "machine"),
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


def test_progress_is_a_line_per_take_away_from_terminals(holocine: Holocine, scene: Path) -> None:
    answer = holocine("render", scene)
    assert answer.stdout == "room.mp4\n"
    lines = [line for line in answer.stderr.splitlines() if line.startswith("[1/1] scene-1: ")]
    assert len(lines) == 1
    assert "2 shots, 13 frames" in lines[0]
    assert "\x1b" not in answer.stderr


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


@pytest.fixture
def terminal(holocine: Holocine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs with stderr as a terminal; returns what it showed."""

    def run(*words: object) -> str:
        screen = Terminal()
        with monkeypatch.context() as shown:
            shown.setattr(sys, "stderr", screen)
            main([str(word) for word in words])
        return screen.getvalue()

    return run


def test_a_terminal_gets_bars_and_colours(
    terminal: Callable[..., str], scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    shown = terminal("render", scene)
    assert COLOR.search(shown)
    assert "take 1/1" in shown
    assert shown.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in shown, "the cursor is back"


def test_no_color_keeps_the_bars_and_drops_the_colours(
    terminal: Callable[..., str], scene: Path
) -> None:
    shown = terminal("render", scene)
    assert "take 1/1" in shown
    colors = {code for code in COLOR.findall(shown) if re.search(r"3[0-7]|38|4[0-7]|48", code)}
    assert not colors


@pytest.mark.parametrize("flag", ["-q", "-v"])
def test_quiet_and_verbose_have_no_bars(
    terminal: Callable[..., str], scene: Path, flag: str
) -> None:
    assert "take 1/1" not in terminal("render", scene, flag)


def test_errors_are_three_lines(holocine: Holocine) -> None:
    path = write_scene("room.yaml", seed=-1)
    lines = holocine("check", path).stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[1] == "  at room.yaml:1:7"


def test_the_log_for_machines_is_a_file(in_made: Path) -> None:
    log = (in_made / ".holocine/room/run.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in log]
    assert events[0] == "FilmStarted"
    assert events.count("StepDone") == 6
