"""The command line as a shell sees it: words in, two streams and an exit code out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holocine_cli.app import main
from holocine_cli.progress import Reporter

SCENE = """
size: 32x32
profiles: {standard: {steps: 6, guidance: 1}, draft: {steps: 2, guidance: 1}}
global: A quiet room.
frames: 13
cuts: [6]
shots: [A lamp is lit., The lamp goes out.]
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int

    @property
    def json(self) -> dict[str, Any]:
        document = json.loads(self.stdout)
        assert document["exit_code"] == self.exit_code
        return dict(document)


Holocine = Callable[..., Answer]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def holocine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Holocine:
    """Runs the real ``main`` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HOLOCINE_MODELS", raising=False)

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        return Answer(told.out, told.err, code)

    return run


@pytest.fixture
def scene(holocine: Holocine, tmp_path: Path) -> Path:
    """One scene of two shots in the current folder, a fraction of a second to render."""
    return write_scene("room.yaml")


def write_scene(name: str, text: str = SCENE, **settings: object) -> Path:
    lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
    Path(name).write_text("\n".join([*lines, text.strip(), ""]), encoding="utf-8")
    return Path(name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A folder with room.yaml, its film room.mp4 and its work folder; not to be changed.

    The screenplay names its model, so that other processes find the film up to date.
    """
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        write_scene("room.yaml", model=str(tiny))
        assert main(["render", "room.yaml", "-qq"]) == 0
    shutil.copytree(folder, untouched(folder))
    return folder


def untouched(made: Path) -> Path:
    """What the folder of ``made`` was like before calls in it wrote into its journal."""
    return made.with_name(f"{made.name}-untouched")


@pytest.fixture
def film(holocine: Holocine, made: Path) -> Path:
    """A finished film of its own in the current folder, with its work folder."""
    for name in ("room.yaml", "room.mp4", "room.mp4.json"):
        shutil.copy(untouched(made) / name, name)
    shutil.copytree(untouched(made) / ".holocine", ".holocine")
    return Path("room.mp4")


@pytest.fixture
def in_made(holocine: Holocine, made: Path) -> Iterator[Path]:
    """Inside the folder with a finished film."""
    with contextlib.chdir(made):
        yield made


@pytest.fixture
def signal_at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """``signal_at_step(number, step)``: this process gets a signal once, after that step."""

    def arrange(number: int, step: int) -> None:
        told, original = [], Reporter.__call__

        def listen(self: Reporter, event: Any) -> None:
            if type(event).__name__ == "StepDone" and event.step == step and not told:
                told.append(event)
                os.kill(os.getpid(), number)
                time.sleep(0.1)
            original(self, event)

        monkeypatch.setattr(Reporter, "__call__", listen)

    return arrange
