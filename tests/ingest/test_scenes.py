"""Shots in a row become scenes: on the grid, of about the length, apart where they are unlike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from holocine_core.ingest.scan import Scan
from holocine_core.ingest.scenes import SceneCut, compose
from holocine_core.ingest.shots import Shot
from holocine_core.script.timeline import on_grid

FPS, RATE = 15, 24


def _shots(*lengths: int) -> list[Shot]:
    edges = np.cumsum([0, *lengths]).tolist()
    return [
        Shot(first=a, stop=b, begins=Fraction(a, RATE), ends=Fraction(b, RATE))
        for a, b in itertools.pairwise(edges)
    ]


def _scan(shots: Sequence[Shot], colours: Sequence[int] | None = None) -> Scan:
    count = shots[-1].stop
    small = np.zeros((count, 27, 48, 3), np.uint8)
    for number, shot in enumerate(shots):
        small[shot.first : shot.stop] = colours[number] if colours else 100
    flat = np.ones(count, np.float32)
    return Scan(
        time_n=np.arange(count),
        score_n=flat,
        light_n=flat * 100,
        spread_n=flat * 40,
        torn_n=np.zeros(count, bool),
        small_nHW3=small,
        cut_n=flat * 0,
        within_n=flat * 0,
    )


def _compose(shots: Sequence[Shot], length: float = 5.0, **more: object) -> tuple[SceneCut, ...]:
    colours = more.pop("colours", None)
    scan = _scan(shots, colours)  # type: ignore[arg-type]
    return compose(shots, scan, length, fps=FPS, longest=int(more.pop("longest", 1000)))


def _firsts(scenes: Sequence[SceneCut]) -> list[list[int]]:
    return [[part.shot.first for part in scene.parts] for scene in scenes]


def test_cuts_and_lengths_lie_on_the_grid() -> None:
    scenes = _compose(_shots(31, 50, 41, 67, 38, 44))
    assert scenes
    for scene in scenes:
        assert on_grid(scene.frames)
        assert all(on_grid(span.start) for span in scene.spans[1:])


def test_no_frame_lies_outside_its_shot() -> None:
    for scene in _compose(_shots(31, 50, 41, 67, 38, 44)):
        for part in scene.parts:
            assert part.begins >= part.shot.begins
            ends = part.begins + Fraction(part.frames - 1, FPS)
            assert ends < part.shot.ends
            told = part.shot.seconds - Fraction(part.frames, FPS)
            assert part.trimmed == told
            assert 0 <= told < Fraction(5, FPS)


@pytest.mark.parametrize("flaw", ["flaws", "asked", "broken"])
def test_no_scene_passes_over(flaw: str) -> None:
    shots = _shots(48, 48, 48, 48, 48, 48)
    value: object = ("too dark",) if flaw == "flaws" else True
    shots[3] = replace(shots[3], **{flaw: value})
    scenes = _firsts(_compose(shots))
    held = {first for scene in scenes for first in scene}
    assert (144 in held) == (flaw != "flaws")
    assert not any(96 in scene and 192 in scene for scene in scenes)
    assert not any({96, 144} <= set(scene) for scene in scenes)


def test_lengths_are_near_what_was_asked() -> None:
    for length in (3.0, 5.0):
        for scene in _compose(_shots(*[24] * 40), length):
            assert 0.55 * length <= scene.frames / FPS <= 1.15 * length


def test_a_film_is_parted_where_it_changes() -> None:
    shots = _shots(*[40] * 6)
    scenes = _firsts(_compose(shots, colours=[30, 30, 30, 200, 200, 200]))
    assert scenes == [[0, 40, 80], [120, 160, 200]]


def test_to_and_fro_is_one_scene() -> None:
    shots = _shots(*[24] * 5)
    assert len(_compose(shots, colours=[30, 200, 30, 200, 30])) == 1


def test_a_long_take_is_parted_and_never_cut_within_a_scene() -> None:
    scenes = _compose(_shots(24 * 16), 5.0)
    assert len(scenes) == 3
    assert all(len(scene.parts) == 1 for scene in scenes)
    begins = [scene.parts[0].begins for scene in scenes]
    assert begins == sorted(begins)


def test_no_scene_is_longer_than_the_model_knows() -> None:
    scenes = _compose(_shots(*[24] * 30), 5.0, longest=61)
    assert scenes
    assert max(scene.frames for scene in scenes) <= 61
