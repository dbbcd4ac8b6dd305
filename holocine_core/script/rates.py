"""Frame rates: whole ones, and those of NTSC, which are n*1000/1001; and SMPTE timecode in them.

A rate is a Fraction everywhere: 23.976 is how people write 24000/1001.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

_FORMS = {24: (23.976, 23.98), 30: (29.97,), 48: (47.952, 47.95), 60: (59.94,), 120: (119.88,)}
_WRITTEN: dict[float, Fraction] = {
    written: Fraction(1000 * count, 1001) for count, forms in _FORMS.items() for written in forms
}
NTSC_COUNTS = tuple(_FORMS)
"""What NTSC's rates count into a second of timecode."""
NTSC_WRITTEN = tuple(_WRITTEN)
"""How they are written."""
NTSC_FORM = rf"^({'|'.join(map(str, _FORMS))})000/1001$"
"""And how they are written exactly."""


def rate_words(most: int) -> str:
    """What a rate of at most ``most`` may be."""
    ntsc = ", ".join(f"{forms[0]}" for forms in _FORMS.values() if forms[0] <= most)
    return f"a whole number, or one of NTSC's: {ntsc}"


RATE_WORDS = rate_words(max(_FORMS))


def frame_rate(written: int | float | str | Fraction) -> Fraction:
    """The exact rate: ``30``, ``29.97``, ``"30000/1001"``.

    Raises:
        ValueError: No whole rate, and none of NTSC's.
    """
    if isinstance(written, str):
        text = written.strip()
        if re.match(NTSC_FORM, text):
            return Fraction(text)
        if not re.fullmatch(r"\d{1,4}(\.\d{1,9})?", text):
            raise ValueError(f"'{written}' is no frame rate; write {RATE_WORDS}")
        written = float(text)
    if isinstance(written, float):
        if written in _WRITTEN:
            return _WRITTEN[written]
        if not written.is_integer():
            raise ValueError(f"{written:g} is no frame rate; write {RATE_WORDS}")
    found = Fraction(written)
    if found <= 0:
        raise ValueError(f"{written} is no frame rate; write {RATE_WORDS}")
    return found


def rate_or_none(written: object) -> Fraction | None:
    """The rate that a screenplay's value names; None where it names none. In quotes stand NTSC's
    exact ones alone."""
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        return None
    if isinstance(written, str) and not re.match(NTSC_FORM, written):
        return None
    try:
        return frame_rate(written)
    except (ValueError, OverflowError):
        return None


_WITH_UNIT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,3})?)\s*(?:fps|hz|p)?\s*", re.IGNORECASE)


def _rate_to(most: int) -> Any:
    """A frame rate of at most ``most``: whole, or one of NTSC's."""

    def checked(written: Any) -> Any:
        rate, shown = rate_or_none(written), repr(written)[:40]
        if rate is None:
            count = _WITH_UNIT.fullmatch(written) if isinstance(written, str) else None
            words = f"the number alone: {count[1]}" if count else rate_words(most)
            raise ValueError(f"`fps` can't be {shown}; write {words}")
        if not 1 <= rate <= most:
            raise ValueError(f"`fps` can't be {shown}; it must be 1 to {most}")
        return written

    ntsc = [written for written in NTSC_WRITTEN if written <= most]
    counts = "|".join(str(count) for count in NTSC_COUNTS if count <= most)
    forms = [
        {"type": "integer", "minimum": 1, "maximum": most},
        {"enum": ntsc},
        {"type": "string", "pattern": rf"^({counts})000/1001$"},
    ]
    return Annotated[int | float | str, PlainValidator(checked), WithJsonSchema({"anyOf": forms})]


if TYPE_CHECKING:
    FilmRate = int | float | str
    DeliveredRate = int | float | str
else:
    FilmRate, DeliveredRate = _rate_to(60), _rate_to(120)


def shown_rate(rate: Fraction) -> str:
    """A rate as people write it: 24, 29.97, 23.976."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def nominal(rate: Fraction) -> int:
    """Frames that timecode counts into a second: 30 at 29.97."""
    return int(rate + Fraction(1, 2))


def is_ntsc(rate: Fraction) -> bool:
    """Whether it is n*1000/1001."""
    return rate.denominator == 1001


def drops_frames(rate: Fraction) -> bool:
    """Whether timecode leaves out numbers at this rate, to keep to the clock: 29.97 and 59.94."""
    return is_ntsc(rate) and nominal(rate) in (30, 60)


def _dropped(rate: Fraction) -> int:
    """Numbers left out at the beginning of nine minutes in ten."""
    return nominal(rate) // 15


def frame_code(frame: int, rate: Fraction) -> str:
    """``HH:MM:SS:FF`` of a frame, or ``HH:MM:SS;FF`` in drop-frame timecode, which 29.97 and 59.94
    have."""
    count, drops = nominal(rate), drops_frames(rate)
    if drops:
        left_out, minute = _dropped(rate), 60 * count
        tens, rest = divmod(frame, 10 * minute - 9 * left_out)
        later = max(0, rest - minute) // (minute - left_out) + 1 if rest >= minute else 0
        frame += left_out * (9 * tens + later)
    seconds, frames = divmod(frame, count)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drops else ':'}{frames:02d}"


_CODE = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)([:;])(\d{2,3})")


def frame_of_code(code: str, rate: Fraction) -> int:
    """The frame of an ``HH:MM:SS:FF``, or of a drop-frame ``HH:MM:SS;FF``.

    Raises:
        ValueError: It is none, counts more frames than a second has, or names one that drop-frame
            timecode leaves out.
    """
    found = _CODE.fullmatch(code)
    count = nominal(rate)
    if found is None:
        raise ValueError(f"'{code}' is no timecode")
    hours, minutes, seconds, frames = (int(found[i]) for i in (1, 2, 3, 5))
    if frames >= count:
        raise ValueError(f"'{code}' counts {frames} frames into a second of {shown_rate(rate)}")
    at = (hours * 3600 + minutes * 60 + seconds) * count + frames
    if found[4] == ":":
        return at
    if not drops_frames(rate):
        raise ValueError(
            f"'{code}' is drop-frame timecode, which {shown_rate(rate)} frames a second do not have"
        )
    whole = hours * 60 + minutes
    if minutes % 10 and not seconds and frames < _dropped(rate):
        raise ValueError(f"'{code}' is left out in drop-frame timecode")
    return at - _dropped(rate) * (whole - whole // 10)
