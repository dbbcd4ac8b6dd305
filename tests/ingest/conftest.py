"""Small films: coloured shots with something that moves, cut where the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames, write_frames
from holocine_core.edit.process import Run, url
from holocine_core.evaluate.cuts import CutDetector
from holocine_core.ingest import scan as scanning

SIZE = (160, 96)
COLOURS = (
    (200, 60, 50),
    (40, 90, 190),
    (60, 160, 70),
    (210, 180, 60),
    (120, 60, 150),
    (70, 190, 190),
    (150, 110, 80),
)
MakeFilm = Callable[..., Path]


def shot(number: int, frames: int, size: tuple[int, int] = SIZE) -> Frames:
    """A striped wall of its own colour, and a square that crosses it."""
    width, height = size
    columns = np.arange(width)[None, :, None]
    rows = np.arange(height)[:, None, None]
    wall = np.array(COLOURS[number % len(COLOURS)]) * (0.6 + 0.4 * ((columns // (7 + number)) % 2))
    wall = np.broadcast_to(wall * (0.7 + 0.3 * rows / height), (height, width, 3))
    made = np.repeat(wall[None], frames, axis=0).astype(np.float32)
    for k in range(frames):
        x = abs((10 + 3 * k + 17 * number) % (2 * (width - 24)) - (width - 24))
        made[k, 30:54, x : x + 24] = np.array((240, 240, 220)) - 20 * number
    return np.clip(made, 0, 255).astype(np.uint8)


def shots(*lengths: int) -> list[Frames]:
    return [shot(number, frames) for number, frames in enumerate(lengths)]


def write_film(
    path: Path, parts: Sequence[Frames], rate: Fraction = Fraction(24), crf: int = 12
) -> Path:
    height, width = parts[0].shape[1:3]
    codec = (
        "-c:v",
        "libx264",
        "-threads",
        "1",
        "-crf",
        str(crf),
        "-g",
        "24",
        "-pix_fmt",
        "yuv420p",
    )
    with write_frames(path, width, height, rate, codec) as writer:
        for part in parts:
            writer.write(part)
    return path


def ffmpeg(*args: str | Path) -> None:
    run = Run([url(one) if isinstance(one, Path) else one for one in args])
    assert run.wait() == 0, run.reason


@pytest.fixture
def film(tmp_path: Path) -> MakeFilm:
    """Shots of these lengths, one after another."""

    def make(*lengths: int, name: str = "film.mp4", rate: Fraction = Fraction(24)) -> Path:
        return write_film(tmp_path / name, shots(*lengths), rate)

    return make


class Quiet(CutDetector):
    """Hears every sudden change, and starts no process."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *raised: object) -> None: ...

    def probabilities(self, frames: Frames) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        moved = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
        cut = np.append((moved > 25) * 0.9, 0).astype(np.float32)
        return cut, cut * np.float32(0.5)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """TransNetV2 takes seconds to start: what it would say is told by the frames."""
    monkeypatch.setattr(scanning, "CutDetector", Quiet)
