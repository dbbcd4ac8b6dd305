"""What is wrong with a shot, and what of its picture is a picture."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import Frames
from holocine_core.events import ignore, never
from holocine_core.ingest.boundaries import find_boundaries
from holocine_core.ingest.footage import open_footage
from holocine_core.ingest.looks import Looks
from holocine_core.ingest.scan import scan
from holocine_core.ingest.shots import Shot, burnt_in, judged, looked_at, shots_between
from tests.ingest.conftest import shot, write_film

pytestmark = pytest.mark.usefixtures("quiet")


def _judged(folder: Path, parts: Sequence[Frames], **more: frozenset[int]) -> tuple[Shot, ...]:
    footage = open_footage(write_film(folder / "film.mp4", parts))
    seen = scan(footage, folder / "scan", ignore, never)
    shots = shots_between(seen, footage, find_boundaries(seen))
    looks = Looks(footage, folder / "looks")
    looks.gather(looked_at(shots, seen), never)
    return judged(shots, seen, looks, 15, **more)


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
