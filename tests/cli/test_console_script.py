"""The installed script and the process around it: what only a process of its own can show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.slow

SCRIPT = Path(sys.executable).with_name("holocine")
HEAVY = ("torch", "diffusers", "transformers", "moviepy")


def test_the_script_is_installed_and_runs(in_made: Path) -> None:
    done = subprocess.run([SCRIPT, "check", "room.yaml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "room.yaml: ok (1 scene, 2 shots, 0:01)\n")


def test_a_reader_that_leaves_is_no_error(in_made: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for words in (["plan", "room.yaml"], ["--help"], ["inspect", "room.mp4", "--extract", "-"]):
        done = subprocess.run([SCRIPT, *words], stdout=writing, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
        assert "rror" not in done.stderr
    os.close(writing)


def test_torch_stays_asleep_until_something_is_shot(in_made: Path) -> None:
    code = f"""
import sys
from holocine_cli.app import main
for words in (["--help"], ["check", "room.yaml"], ["plan", "room.yaml", "--json"],
              ["inspect", "room.mp4"], ["models", "list"], ["render", "room.yaml"]):
    assert main(words) == 0, words
    assert not set({HEAVY!r}) & set(sys.modules), words
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


LONG_STEP = """
import hashlib
from holocine_cli.signals import StopRequest, handling
stop = StopRequest()
first = lambda number: print("first", number, flush=True)
stop.last_words = lambda number: print("second", flush=True)
with handling(stop), stop.awaited(first):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"step", b"", 10**9)
"""
"""One call of C that lasts minutes and looks at no signal, as a step of a large model does."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_heard_inside_a_long_step_and_the_second_ends_at_once(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LONG_STEP], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"first {int(number)}\n"
        process.send_signal(number)
        assert process.stdout.read() == "second\n"
        assert process.wait(5) == 128 + (15 if number == signal.SIGHUP else number)


def test_a_closed_terminal_is_nothing_to_one_that_was_told_so() -> None:
    """As by nohup."""
    with subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", LONG_STEP],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == f"first {int(signal.SIGTERM)}\n"
        process.kill()


def test_signals_outside_a_render_are_left_alone(holocine: Holocine) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    holocine("check", write_scene("room.yaml"))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
