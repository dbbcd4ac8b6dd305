"""Streams that take nothing: messages are dropped, a product that can't be written is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import write_scene

pytestmark = pytest.mark.slow

SCRIPT = Path(sys.executable).with_name("holocine")
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs ``holocine LINE`` in a shell, whose redirections it may hold."""
    return subprocess.run(
        ["bash", "-c", f"{SCRIPT} {line}"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@needs_full
def test_a_render_needs_no_stderr(scene: Path, tiny: Path) -> None:
    done = shell(f"render {scene} --model {tiny} -v 2>/dev/full")
    assert (done.returncode, done.stdout) == (0, "room.mp4\n")
    assert Path("room.mp4").is_file()


@needs_full
@pytest.mark.parametrize("away", ["2>/dev/full", "2>&-"])
def test_an_exit_code_needs_no_stderr(in_made: Path, away: str) -> None:
    done = shell(f"render room.yaml {away}")
    assert (done.returncode, done.stdout) == (0, "room.mp4\n")
    assert shell(f"--debug render no.yaml {away}").returncode == 2


@needs_full
@pytest.mark.parametrize("away", [">/dev/full", ">&-"])
@pytest.mark.parametrize(
    "words",
    ["check room.yaml", "plan room.yaml --json", "--help", "inspect room.mp4 --extract -"],
)
def test_a_product_that_can_not_be_written_is_told(in_made: Path, words: str, away: str) -> None:
    done = shell(f"{words} {away}")
    assert done.returncode == 3, done.stderr
    assert "error: stdout: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@needs_full
def test_a_film_that_stdout_can_not_take_is_kept(in_made: Path) -> None:
    done = shell("render room.yaml -o - -q >/dev/full")
    assert done.returncode == 3
    assert "error: stdout: " in done.stderr
    assert "at .holocine/room/room.mp4" in done.stderr
    assert Path(".holocine/room/room.mp4").is_file()
    done = shell("render room.yaml -o - -q | head -c 4 >/dev/null; exit ${PIPESTATUS[0]}")
    assert (done.returncode, "error" in done.stderr) == (0, False), done.stderr


@needs_full
def test_no_stream_at_all_is_an_exit_code(in_made: Path) -> None:
    for away in (">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"):
        assert shell(f"plan room.yaml {away}").returncode == 3
        assert shell(f"plan no.yaml --json {away}").returncode == 3


def test_letters_that_a_stream_lacks_are_escaped(scene: Path) -> None:
    path = write_scene("caf\u00e9.yaml", title="\u0141\u00f3d\u017a")
    page = shell(f"plan {path}", PYTHONIOENCODING="ascii")
    assert page.returncode == 0, page.stderr
    assert "caf\\xe9.mp4" in page.stdout
    document = shell(f"plan {path} --json", PYTHONIOENCODING="ascii")
    assert json.loads(document.stdout)["film"] == "caf\u00e9.mp4"
    assert shell("--help", PYTHONIOENCODING="ascii").returncode == 0
