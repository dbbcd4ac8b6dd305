"""An ffmpeg that hangs is ended, and the error shows its command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit import standstill
from holocine_core.edit.ffmpeg import MASTER_ARGS, probe, read_frames, write_frames
from holocine_core.edit.metadata import read_metadata
from holocine_core.edit.process import Run, ffmpeg_exe
from holocine_core.edit.standstill import computed
from holocine_core.errors import MachineError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system tells what computes")

SMALL = np.zeros((2, 32, 32, 3), np.uint8)
"""Frames that a pipe holds."""
LARGE = np.zeros((40, 64, 64, 3), np.uint8)
"""Frames that it does not."""


def film(path: Path) -> Path:
    with write_frames(path, 32, 32, Fraction(15), MASTER_ARGS) as writer:
        writer.write(SMALL)
    return path


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An ffmpeg that starts something and waits for it; reads and writes nothing."""
    path = tmp_path / "bin" / "ffmpeg"
    path.parent.mkdir()
    # Nobody else on this machine sleeps so long: tests run beside this one, and so may suites.
    asleep = f"sleep 987{uuid.uuid4().int % 10**12:012}"
    path.write_text(f"#!/bin/sh\n{asleep}\n")
    path.chmod(0o755)
    whole = film(tmp_path / "whole.mkv")
    monkeypatch.setattr(standstill, "LIMIT_S", 0.6)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
    assert ffmpeg_exe() == str(path)
    yield whole
    left = subprocess.run(["pgrep", "-f", asleep], capture_output=True, text=True, check=False)
    assert left.stdout == "", "what it started is gone too"


def written(path: Path, frames: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    height, width = frames.shape[1:3]
    with write_frames(path, width, height, Fraction(15), MASTER_ARGS) as writer:
        writer.write(frames)


@pytest.mark.parametrize(
    "work",
    [
        probe,
        read_metadata,
        lambda path: list(read_frames(path)),
        lambda path: written(path.with_name("new.mkv"), SMALL),
        lambda path: written(path.with_name("new.mkv"), LARGE),
    ],
    ids=["probe", "metadata", "frames", "end of writing", "writing"],
)
def test_what_hangs_is_ended_with_its_command(work: Callable[[Path], object], hung: Path) -> None:
    started = time.monotonic()
    with pytest.raises(MachineError, match=r"stood still for 0\.6 s and was ended: ") as raised:
        work(hung)
    assert time.monotonic() - started < 5
    assert f"{os.environ['IMAGEIO_FFMPEG_EXE']} -nostdin" in raised.value.message
    assert ".mkv" in raised.value.message
    assert not hung.with_name("new.mkv").exists()


def test_one_that_waits_for_us_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(standstill, "LIMIT_S", 0.3)
    path = tmp_path / "film.mkv"
    with write_frames(path, 32, 32, Fraction(15), MASTER_ARGS) as writer:
        for _ in range(3):
            writer.write(SMALL)
            time.sleep(0.5)
    frames = read_frames(path)
    assert next(frames).shape[1:] == (32, 32, 3)
    time.sleep(0.5)
    assert list(frames) == []


def test_one_that_computes_without_a_word_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    busy = tmp_path / "ffmpeg"
    busy.write_text('#!/bin/sh\ntimeout 1.5 sh -c "while :; do :; done"\nexit 0\n')
    busy.chmod(0o755)
    monkeypatch.setattr(standstill, "LIMIT_S", 0.6)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(busy))
    assert Run(["-y"]).wait() == 0


def test_what_a_session_computes_grows() -> None:
    before = computed(os.getsid(0))
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert computed(os.getsid(0)) > before
