"""Ctrl-C, SIGTERM and SIGHUP at any moment of a call, heard once for all its films."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holocine_core.render
from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.slow

BOTH = [
    (signal.SIGINT, 130, "interrupted"),
    (signal.SIGTERM, 143, "terminated"),
    (signal.SIGHUP, 143, "terminated"),
]


@pytest.fixture
def signal_in_the_cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``signal_in_the_cut(number)``: every film's final cut hears a signal, which can't stop it."""

    def arrange(number: int) -> None:
        original = holocine_core.render.cut_film

        def cut(*words: Any, **more: Any) -> Any:
            os.kill(os.getpid(), number)
            time.sleep(0.1)
            return original(*words, **more)

        monkeypatch.setattr(holocine_core.render, "cut_film", cut)

    return arrange


@pytest.mark.parametrize(("number", "code", "status"), BOTH)
def test_a_stop_in_one_films_cut_ends_the_batch(
    holocine: Holocine,
    scene: Path,
    signal_in_the_cut: Callable[[int], None],
    number: int,
    code: int,
    status: str,
) -> None:
    other = write_scene("other.yaml", seed=4)
    signal_in_the_cut(number)
    answer = holocine("render", scene, other, "--json")
    assert (answer.exit_code, answer.json["status"]) == (code, status)
    assert [film["film"] for film in answer.json["films"]] == ["room.mp4", None]
    assert not Path(".holocine/other/clips").exists()
    assert "go on with: holocine render room.yaml other.yaml" in answer.stderr


def test_a_stop_in_the_only_films_cut_shows_in_the_exit_code(
    holocine: Holocine, scene: Path, signal_in_the_cut: Callable[[int], None]
) -> None:
    signal_in_the_cut(signal.SIGINT)
    answer = holocine("render", scene)
    assert (answer.exit_code, answer.stdout) == (130, "room.mp4\n")
    assert "room.mp4 is finished and kept" in answer.stderr


def test_an_edit_that_was_stopped_in_its_cut_is_not_made_twice(
    holocine: Holocine,
    scene: Path,
    signal_in_the_cut: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holocine("render", scene)
    words, cut = ("reshoot", "room.mp4", "--shot", "2"), holocine_core.render.cut_film
    signal_in_the_cut(signal.SIGINT)
    assert holocine(*words).exit_code == 130
    edited = Path("room.mp4").read_bytes()
    monkeypatch.setattr(holocine_core.render, "cut_film", cut)
    answer = holocine(*words)
    assert answer.exit_code == 0
    assert "made already; this is version 2" in answer.stderr
    assert Path("room.mp4").read_bytes() == edited


ENDLESS = """
import sys, time
from holocine_core.api import films
from holocine_cli.app import entry

def render(*words, **more):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(20)

films.render = render
sys.argv = ["holocine", "render", "room.yaml", "--json"]
entry()
"""


@pytest.mark.parametrize(("number", "code", "status"), BOTH)
def test_the_second_signal_still_says_the_document(
    scene: Path, number: int, code: int, status: str
) -> None:
    words = [sys.executable, "-c", ENDLESS]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while process.stderr.readline() != "ready\n":
            pass
        process.send_signal(number)
        assert "once more ends now" in process.stderr.readline()
        process.send_signal(number)
        document = json.loads(process.stdout.read())
        assert process.wait(5) == code
    assert (document["exit_code"], document["status"]) == (code, status)
    assert document["screenplay"] == "room.yaml"
    assert document["error"]["kind"] == "interrupted"


EARLY = """
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Finder())
from holocine_cli.app import entry
sys.argv = ["holocine", "render", "room.yaml", "--json"]
entry()
"""


@pytest.mark.parametrize(("number", "code", "status"), BOTH)
@pytest.mark.parametrize("module", ["typer", "holocine_cli.commands", "holocine_core.film.extras"])
def test_the_first_moments_are_guarded_too(
    scene: Path, module: str, number: int, code: int, status: str
) -> None:
    words = [sys.executable, "-c", EARLY.format(module=module, number=int(number))]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert (document["exit_code"], document["status"]) == (code, status)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("stopped: ")


def test_a_terminal_that_is_closed_ends_a_render_as_a_sigterm_does(
    scene: Path, tiny: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "holocine_cli", "render", str(scene), "--model", str(tiny)]
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, command)
    started = time.monotonic()
    while not list(tmp_path.glob(".holocine/room/run.jsonl")) and time.monotonic() < started + 30:
        with contextlib.suppress(OSError):
            os.read(terminal, 4096)
    os.close(terminal)  # The system tells the session's leader by SIGHUP.
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 143
    log = [json.loads(line) for line in (tmp_path / ".holocine/room/run.jsonl").open()]
    assert "FilmDone" not in {line["event"] for line in log}
