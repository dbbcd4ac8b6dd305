"""NTSC's rates are exact fractions, and timecode counts in them as editors do."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import provenance
from holocine_core.request import Request
from holocine_core.script.rates import frame_code, frame_of_code, frame_rate, shown_rate
from holocine_core.script.timing import parse_time
from tests.conftest import Write

FILM, VIDEO, FIELDS = (Fraction(1000 * count, 1001) for count in (24, 30, 60))


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        (24, Fraction(24)), (25.0, Fraction(25)), (23.976, FILM), (23.98, FILM), (29.97, VIDEO),
        (59.94, FIELDS), ("24000/1001", FILM), ("29.97", VIDEO), ("30", Fraction(30)),
    ],
)  # fmt: skip
def test_rates_are_read_exactly(written: int | float | str, rate: Fraction) -> None:
    assert frame_rate(written) == rate
    assert frame_rate(shown_rate(rate)) == rate


@pytest.mark.parametrize("wrong", [24.5, 23.9, "24000/1002", "x", "-1", 0, float("nan")])
def test_no_other_rate_is_guessed(wrong: int | float | str) -> None:
    with pytest.raises(ValueError, match="is no frame rate"):
        frame_rate(wrong)


@pytest.mark.parametrize(
    ("frame", "rate", "code"),
    [
        (1799, VIDEO, "00:00:59;29"), (1800, VIDEO, "00:01:00;02"), (17981, VIDEO, "00:09:59;29"),
        (17982, VIDEO, "00:10:00;00"), (107892, VIDEO, "01:00:00;00"),
        (3600, FIELDS, "00:01:00;04"), (215784, FIELDS, "01:00:00;00"),
        (1440, FILM, "00:01:00:00"), (1440, Fraction(24), "00:01:00:00"),
    ],
)  # fmt: skip
def test_timecode_leaves_out_numbers_as_smpte_does(frame: int, rate: Fraction, code: str) -> None:
    assert frame_code(frame, rate) == code
    assert frame_of_code(code, rate) == frame


def test_timecode_there_and_back() -> None:
    for rate in (VIDEO, FIELDS, FILM, Fraction(25)):
        codes = [frame_code(frame, rate) for frame in range(0, 40_000, 7)]
        assert [frame_of_code(code, rate) for code in codes] == list(range(0, 40_000, 7))


def test_cuts_are_written_in_timecode() -> None:
    assert parse_time("00:00:02:20", FILM) == 68
    assert parse_time("00:01:00;02", VIDEO) == 1800
    assert parse_time("2s", FILM) == Fraction(48000, 1001)
    assert "left out" in str(parse_time("00:01:00;01", VIDEO))
    assert "drop-frame" in str(parse_time("00:01:00;02", Fraction(25)))
    assert "25 frames into a second of 25" in str(parse_time("00:00:00:25", Fraction(25)))


TEXT = (
    "fps: {fps}\ndeliver: {{fps: {deliver}}}\nsize: 32x32\nframes: 17\nglobal: A\nshots: [B, C]\n"
)


def test_a_film_is_planned_and_told_at_ntscs_rates(write: Write, tmp_path: Path) -> None:
    path = write(TEXT.format(fps="23.976", deliver='"60000/1001"'))
    plan = plan_film(path, Request(out=tmp_path / "film.mp4"))
    assert (plan.fps, plan.delivery.fps, plan.takes[0].timeline.fps) == (FILM, FIELDS, FILM)
    told = provenance(plan)
    assert (told["fps"], told["delivery"]["fps"]) == ("24000/1001", "60000/1001")


@pytest.mark.parametrize("fps", ["23.97", "24.5", '"24"', "61", "59.9401", "true", "[24]", "0"])
def test_other_rates_are_refused_where_they_stand(write: Write, tmp_path: Path, fps: str) -> None:
    path = write(TEXT.format(fps=fps, deliver=24))
    with pytest.raises(InputError, match="`fps` can't be") as told:
        plan_film(path, Request(out=tmp_path / "film.mp4"))
    assert told.value.where.endswith(":1:6")
    assert len(told.value.problems) == 1
