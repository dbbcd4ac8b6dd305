"""What is wrong with a shot, and what of its picture is a picture."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import Frames
from holocine_core.events import ignore, never
from holocine_core.ingest.boundaries import Boundary, Kind, find_boundaries
from holocine_core.ingest.footage import Footage, open_footage
from holocine_core.ingest.looks import Looks
from holocine_core.ingest.scan import Scan, scan
from holocine_core.ingest.shots import LOOKS, Shot, burnt_in, judged, looked_at, shots_between
from tests.ingest.conftest import shot, write_film

pytestmark = pytest.mark.usefixtures("quiet")


def _judged(folder: Path, parts: Sequence[Frames], **more: frozenset[int]) -> tuple[Shot, ...]:
    footage = open_footage(write_film(folder / "film.mp4", parts))
    seen = scan(footage, folder / "scan", ignore, never)
    shots = shots_between(seen, footage, find_boundaries(seen))
    looks = Looks(footage, folder / "looks")
    looks.gather(looked_at(shots, seen), never)
    return judged(shots, seen, looks, 15, **more)


def _grey(count: int) -> Scan:
    """A film in which a little moves everywhere."""
    ones = np.ones(count, np.float32)
    small = np.random.default_rng(0).integers(90, 110, (count, 27, 48, 3), np.uint8)
    return Scan(
        time_n=np.arange(count),
        score_n=ones,
        light_n=ones * 100,
        spread_n=ones * 40,
        torn_n=np.zeros(count, bool),
        small_nHW3=small,
        cut_n=ones * 0,
        within_n=ones * 0,
    )


def _between(*found: tuple[Kind, int, int]) -> list[tuple[int, int]]:
    """First frames and ends of the shots between boundaries of a film of 300 frames."""
    footage = cast(Footage, SimpleNamespace(tick=Fraction(1, 24), rate=Fraction(24)))
    boundaries = [
        Boundary(kind=kind, first=first, last=last, voices=("change",), sure=True)
        for kind, first, last in found
    ]
    return [(one.first, one.stop) for one in shots_between(_grey(300), footage, boundaries)]


def test_no_shot_begins_within_a_transition() -> None:
    around = [(0, 100), (120, 300)]
    for inside in (("cut", 105, 105), ("gap", 105, 105), ("dissolve", 105, 112)):
        assert _between(("dissolve", 100, 120), inside) == around
    assert _between(("dissolve", 100, 120), ("dissolve", 110, 130)) == [(0, 100), (130, 300)]


def test_no_shot_begins_behind_the_film() -> None:
    assert _between(("cut", 100, 100), ("cut", 300, 300), ("cut", 900, 900)) == [
        (0, 100),
        (100, 300),
    ]


def test_a_frame_that_stands_is_no_motion(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [shot(number, 1) for number in range(3)], Fraction(1))
    footage = open_footage(film)
    seen = scan(footage, tmp_path / "scan", ignore, never)
    slides = [Shot(first=k, stop=k + 1, begins=Fraction(k), ends=Fraction(k + 1)) for k in range(3)]
    looks = Looks(footage, tmp_path / "looks")
    looks.gather(looked_at(slides, seen), never)
    assert [one.flaws for one in judged(slides, seen, looks, 15)] == [("nothing moves",)] * 3


def test_few_pictures_are_in_memory_at_once() -> None:
    class Counted:
        now = most = 0

        def read(self, time: int) -> Any:
            picture = np.full((63, 112, 3), 100, np.uint8)
            weakref.finalize(picture, self._gone)
            self.now += 1
            self.most = max(self.most, self.now)
            return picture

        def _gone(self) -> None:
            self.now -= 1

    counted = Counted()
    many = [
        Shot(first=k, stop=k + 24, begins=Fraction(k, 24), ends=Fraction(k + 24, 24))
        for k in range(0, 480, 24)
    ]
    found = judged(many, _grey(480), cast(Looks, counted), 15)
    assert not any(one.flaws for one in found)
    assert counted.most <= 2 * LOOKS


def test_each_flaw_is_named(tmp_path: Path) -> None:
    still = np.repeat(shot(3, 1), 40, axis=0)
    dark = (shot(4, 40) * 0.06).astype(np.uint8)
    found = _judged(tmp_path, [shot(0, 40), shot(1, 10), still, shot(2, 40), dark, shot(5, 40)])
    flaws = [one.flaws for one in found]
    assert [bool(each) for each in flaws] == [False, True, True, False, True, False]
    assert flaws[1][0] == "too short: 6 frames at 15 per second, 9 are needed"
    assert flaws[2] == ("nothing moves",)
    assert flaws[4][0] == "too dark"


def test_the_same_footage_is_used_once(tmp_path: Path) -> None:
    found = _judged(tmp_path, [shot(0, 40), shot(1, 40), shot(0, 40), shot(2, 40)])
    assert found[2].flaws == ("the same footage as at 0.00 s",)
    assert not found[0].flaws
    assert not found[3].flaws


def test_a_person_decides(tmp_path: Path) -> None:
    parts = [shot(0, 40), (shot(4, 40) * 0.06).astype(np.uint8), shot(1, 10), shot(2, 40)]
    found = _judged(tmp_path, parts, kept=frozenset({40, 80}), dropped=frozenset({0}))
    assert found[0].flaws == ("not wanted",)
    assert found[1].flaws == ()
    assert found[2].flaws  # Nothing makes it longer.


def test_bars_are_no_picture(tmp_path: Path) -> None:
    boxed = [shot(number, 40) for number in range(3)]
    for part in boxed:
        part[:, :12] = part[:, -12:] = 0
    for one in _judged(tmp_path, boxed):
        assert 0.125 <= one.crop.top <= 0.15
        assert 0.85 <= one.crop.bottom <= 0.875
        assert (one.crop.left, one.crop.right) == (0, 1)


def test_times_are_the_films_own(tmp_path: Path) -> None:
    found = _judged(tmp_path, [shot(0, 40), shot(1, 50)])
    assert [(one.begins, one.ends) for one in found] == [
        (0, Fraction(40, 24)),
        (Fraction(40, 24), Fraction(90, 24)),
    ]


def test_letters_stand_still_and_pictures_do_not() -> None:
    from benchmarks.footage import titled

    scene = np.stack([one for one in shot(0, 60, (448, 252))])
    plain = [scene[k] for k in (5, 15, 30, 45, 55)]
    lettered = [titled(one[None], "Where have you been all night?")[0] for one in plain]
    assert burnt_in(lettered)
    assert not burnt_in(plain)
