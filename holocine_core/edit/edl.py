"""A cut list as an EDL of CMX 3600, and back.

The film is one reel, and every shot an event of its picture; where it has sound, one event more
takes both of its channels from beginning to end. The comments that editing programs know are
written as they write them; those that hold what made a shot begin with a word of ours, so that no
prompt is taken for one of theirs. No comment holds the file's address: Premiere calls every clip
UNKNOWN that has one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction

from holocine_core.edit.cuts import CutList, CutShot, ReadShot, one_line
from holocine_core.errors import InputError
from holocine_core.script.rates import drops_frames, frame_code, frame_of_code

MOST_EVENTS = 999
REEL_LETTERS = 8
_SPECIAL = frozenset({"AX", "BL", "BLACK", "BARS"})
"""Reels that stand for no file."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def reel_name(stem: str) -> str:
    """A film's reel: at most eight letters and digits, another for another name.

    A short name of letters and digits is its own reel. Any other ends in four letters and digits
    that follow from the whole of it: ``shot 1-12`` and ``shot 11-2`` have the same letters.
    """
    bare = unicodedata.normalize("NFKD", stem)
    held = "".join(sign for sign in bare if sign.isascii() and sign.isalnum())
    if held == stem and 0 < len(held) <= REEL_LETTERS and held.upper() not in _SPECIAL:
        return held
    left = int.from_bytes(hashlib.sha256(stem.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    tail = ""
    for _ in range(REEL_LETTERS - 4 if held else REEL_LETTERS - 1):
        left, digit = divmod(left, len(_DIGITS))
        tail += _DIGITS[digit]
    return (held[: REEL_LETTERS - 4] or "R") + tail


def write_edl(cuts: CutList, rate: Fraction) -> str:
    """The film's EDL.

    Raises:
        InputError: It has more shots than an EDL holds, or goes on longer than timecode counts.
    """
    events = len(cuts.shots) + cuts.sound
    if events > MOST_EVENTS:
        raise InputError(
            f"an EDL holds {MOST_EVENTS} events, the film has {events}", hint="write --to otio"
        )
    times = int(rate / cuts.fps)
    if frame_code(cuts.frames * times, rate) >= "24":
        raise InputError(
            "timecode counts up to 24 hours, and the film goes on longer", hint="write --to otio"
        )
    return "\n".join(_lines(cuts, rate, times)) + "\n"


def _lines(cuts: CutList, rate: Fraction, times: int) -> Iterator[str]:
    reel = reel_name(cuts.film.stem)
    yield f"TITLE: {one_line(cuts.title)}"
    yield f"FCM: {'DROP FRAME' if drops_frames(rate) else 'NON-DROP FRAME'}"

    def event(number: int, channel: str, start: int, stop: int) -> Iterator[str]:
        stretch = " ".join(frame_code(at * times, rate) for at in (start, stop))
        yield ""
        yield f"{number:03d}  {reel:8} {channel:5} C        {stretch} {stretch}"
        yield f"* FROM CLIP NAME:  {one_line(cuts.film.name)}"

    for number, shot in enumerate(cuts.shots, 1):
        yield from event(number, "V", shot.span.start, shot.span.stop)
        yield from _told(shot)
    if cuts.sound:
        yield from event(len(cuts.shots) + 1, "AA", 0, cuts.frames)


def _told(shot: CutShot) -> Iterator[str]:
    prompt, *more = shot.told
    yield f"* SHOT: {one_line(shot.name)}"
    yield f"* PROMPT: {prompt}"
    for line in more:
        yield f"* SEED: {line.removeprefix('seed ')}"


_EVENT = re.compile(r"\d{3,} +(\S+) +(\S+) +C +([\d:;]+) ([\d:;]+) ([\d:;]+) ([\d:;]+)")
_SAID = re.compile(r"\* (SHOT|PROMPT|SEED): ?(.*)")


def read_edl(text: str, rate: Fraction) -> list[ReadShot]:
    """The shots of an EDL of :func:`write_edl`, in the timeline's frames.

    Raises:
        ValueError: It is none.
    """
    found = []
    events = [part for part in text.split("\n\n") if _EVENT.match(part)]
    for part in events:
        first, *comments = part.split("\n")
        event = _EVENT.fullmatch(first)
        if event is None or not re.fullmatch(r"[A-Za-z0-9]{1,8}", event[1]):
            raise ValueError(f"'{first}' is no event")
        start, stop, at, end = (frame_of_code(event[i], rate) for i in (3, 4, 5, 6))
        if event[2] != "V":
            continue
        if end - at != stop - start:
            raise ValueError(f"'{first}' is longer in one place than in the other")
        said = [line for line in map(_SAID.fullmatch, comments) if line]
        told = [f"seed {line[2]}" if line[1] == "SEED" else line[2] for line in said[1:]]
        found.append(ReadShot(name=said[0][2], told=told, start=start, stop=stop, at=at))
    return found
