"""A film's music and loudness, in the finished file."""

from __future__ import annotations

import json
import math
import wave
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import probe
from holocine_core.edit.sound import measure_loudness
from holocine_core.errors import InputError
from holocine_core.events import Event, Warned
from holocine_core.film.planning import plan_film
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.store.records import sidecar_path
from tests.conftest import Write

pytestmark = pytest.mark.slow

FILM = """
profiles: {{standard: {{size: 32x32, steps: 2, guidance: 1}}}}
{more}
scenes:
  - {{global: A room., seconds: 3, shots: [A lamp is lit.]}}
  - {{global: A garden., seconds: 3, shots: [It rains.]}}
"""


def tone(path: Path, seconds: float, level: float = 0.1) -> Path:
    times = np.arange(round(seconds * 48_000)) / 48_000
    sine = np.rint(np.sin(2 * math.pi * 997 * times) * level * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.repeat(sine, 2).tobytes())
    return path


def test_music_lies_under_the_whole_film_at_the_loudness_asked(
    write: Write, tmp_path: Path
) -> None:
    tone(tmp_path / "theme.wav", 20)
    path = write(FILM.format(more="music: theme.wav\ndeliver: {loudness: -23}"))
    film = render_film(path, tmp_path / "film.mp4")
    held = probe(film.path)
    assert held.audio
    assert held.audio_seconds == pytest.approx(film.seconds, abs=0.05)
    assert measure_loudness(film.path).integrated == pytest.approx(-23, abs=0.5)
    assert film.loudness == measure_loudness(film.path)
    assert json.loads(sidecar_path(film.path).read_text())["heard"]["integrated"] == (
        film.loudness.integrated
    )


def test_a_film_that_stays_softer_than_asked_says_so(write: Write, tmp_path: Path) -> None:
    sound = np.rint(np.sin(np.arange(8 * 48_000) / 20) * 300).astype("<i2")
    sound[48_000:48_040] = 30_000
    with wave.open(str(tmp_path / "spike.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.repeat(sound, 2).tobytes())
    told: list[Event] = []
    path = write(FILM.format(more="music: spike.wav\ndeliver: {loudness: -14}"))
    plan = plan_film(path, Request(out=tmp_path / "film.mp4"))
    film = render(plan, told.append)
    assert film.loudness is not None
    assert film.loudness.integrated < -20
    warnings = [event.message for event in told if isinstance(event, Warned)]
    assert [w for w in warnings if f"{film.loudness.integrated:.1f} LUFS, not -14" in w]


def test_other_music_is_another_film_of_the_same_takes(write: Write, tmp_path: Path) -> None:
    tone(tmp_path / "theme.wav", 8)
    render_film(write(FILM.format(more="")), tmp_path / "film.mp4")
    first = (tmp_path / "film.mp4").read_bytes()
    path = write(FILM.format(more="music: {file: theme.wav, gain: -6}"))
    plan = plan_film(path, Request(out=tmp_path / "film.mp4"))
    assert plan.to_shoot == 0
    with pytest.raises(InputError, match="another film"):
        render_film(path, tmp_path / "film.mp4")
    render_film(path, tmp_path / "film.mp4", force=True)
    second = (tmp_path / "film.mp4").read_bytes()
    assert second != first
    tone(tmp_path / "theme.wav", 8, level=0.2)
    render_film(path, tmp_path / "film.mp4", force=True)
    assert (tmp_path / "film.mp4").read_bytes() != second


def test_music_that_is_not_there_is_told_with_its_line(write: Write, tmp_path: Path) -> None:
    path = write(FILM.format(more="music: gone.wav"))
    with pytest.raises(InputError, match="no sound file") as told:
        plan_film(path, Request(out=tmp_path / "film.mp4"))
    assert told.value.problems[0].where.endswith("film.yaml:2:8")
