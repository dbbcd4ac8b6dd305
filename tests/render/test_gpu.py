"""Whole films on a CUDA device, in every placement: run with `make test-gpu`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import Interrupted
from holocine_core.events import StepDone
from holocine_core.production import render_film
from holocine_core.request import Request
from tests.conftest import SMALL, Write

pytestmark = pytest.mark.gpu


def frames(path: Path) -> np.ndarray:
    return np.concatenate(list(read_frames(path))).astype(float)


@pytest.mark.parametrize("memory", ["resident", "swap", "fp8", "group"])
def test_a_film_stops_and_goes_on_with_the_same_bytes(
    memory: str, write: Write, tmp_path: Path
) -> None:
    screenplay = write(SMALL)
    options = Request(device="cuda", memory=memory)
    whole, again = tmp_path / "whole" / "film.mp4", tmp_path / "again" / "film.mp4"
    render_film(screenplay, whole, options)
    steps: list[StepDone] = []

    def listen(event: object) -> None:
        if isinstance(event, StepDone):
            steps.append(event)

    with pytest.raises(Interrupted):
        render_film(screenplay, again, options, emit=listen, should_stop=lambda: len(steps) > 2)
    render_film(screenplay, again, options)
    assert again.read_bytes() == whole.read_bytes()


def test_the_gpu_films_what_the_cpu_films(write: Write, tmp_path: Path) -> None:
    """Same noise, same mechanism: bfloat16 and other kernels move the picture only a little."""
    screenplay = write(SMALL)
    films = []
    for device in ("cpu", "cuda"):
        out = tmp_path / device / "film.mp4"
        render_film(screenplay, out, Request(device=device))
        films.append(frames(out))
    cpu, cuda = films
    assert np.corrcoef(cpu.ravel(), cuda.ravel())[0, 1] > 0.9
