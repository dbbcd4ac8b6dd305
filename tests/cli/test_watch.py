"""preview --watch: a saved screenplay is filmed again, and only what changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SCENE, Holocine, write_scene

pytestmark = pytest.mark.slow

TWO = """
size: 32x32
profiles: {draft: {steps: 2, guidance: 1}}
scenes:
  - {global: A room., frames: 9, shots: [A lamp is lit.]}
  - {global: A garden., frames: 9, shots: [It rains.]}
"""


@pytest.fixture
def watched(tiny: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that watches room.yaml."""
    command = [sys.executable, "-m", "holocine_cli", "preview", "room.yaml", "--watch"]
    write_room(tiny, tmp_path, "It rains.")
    process = subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def write_room(tiny: Path, folder: Path, text: str) -> None:
    film = TWO.replace("It rains.", text).strip()
    (folder / "room.yaml").write_text(f"model: {json.dumps(str(tiny))}\n{film}\n")


def shots_after(process: subprocess.Popen[str], words: str) -> list[str]:
    """What a process says until it watches again."""
    assert process.stderr is not None
    heard = []
    for line in process.stderr:
        heard.append(line)
        if "watching room.yaml" in line:
            break
    assert any(words in line for line in heard), heard
    return heard


def test_a_saved_screenplay_is_filmed_again(
    watched: subprocess.Popen[str], tiny: Path, tmp_path: Path
) -> None:
    film = tmp_path / "room.preview.mp4"
    shots_after(watched, "storyboard")
    first = film.read_bytes()
    write_room(tiny, tmp_path, "It snows.")
    shots_after(watched, "storyboard")
    assert film.read_bytes() != first
    assert len(list((tmp_path / ".holocine/room/negatives").glob("*.json"))) == 3
    (tmp_path / "room.yaml").write_text("scenes: [\n")
    shots_after(watched, "room.yaml:")
    write_room(tiny, tmp_path, "It rains.")
    shots_after(watched, "storyboard")
    assert film.read_bytes() == first
    time.sleep(0.2)
    os.kill(watched.pid, signal.SIGINT)
    assert watched.wait(20) == 0


def test_watching_is_no_document(holocine: Holocine) -> None:
    write_scene("room.yaml", SCENE)
    assert holocine("preview", "room.yaml", "--watch", "--json").exit_code == 2
