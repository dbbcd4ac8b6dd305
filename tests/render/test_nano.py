"""The embedded model films: as long and as large as asked, and what it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.production import Options, plan_film, render_film
from tests.conftest import NANO, Write

pytestmark = pytest.mark.nano

FILM = """
profiles: {draft: {steps: 2}}
scenes:
  - {global: A quiet room., frames: 9, cuts: [5], shots: [A lamp is lit., The lamp goes out.]}
"""
OPTIONS = Options(profile="draft", device="cpu")


def test_it_films_without_being_named(write: Write, tmp_path: Path) -> None:
    screenplay, out = write(FILM), tmp_path / "film.mp4"
    plan = plan_film(screenplay, out, OPTIONS)
    assert plan.model.spec is NANO
    film = render_film(screenplay, out, OPTIONS)
    found = probe(out)
    draft = NANO.profiles["draft"]
    assert found.frames == film.frames == 9
    assert (found.width, found.height) == (draft.width, draft.height)
    assert np.concatenate(list(read_frames(out))).std() > 0, "a picture, not one colour"
