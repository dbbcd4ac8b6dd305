"""A scene's lengths and cuts as written -> its timeline, with everything that had to move."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from holocine_core.script.prompt import shot_count
from holocine_core.script.rates import frame_of_code
from holocine_core.script.screenplay import Scene
from holocine_core.script.seconds import SECONDS
from holocine_core.script.timeline import (
    TEMPORAL_STRIDE,
    Moved,
    Timeline,
    cuts_from_lengths,
    even_cuts,
    nearest_on_grid,
)
from holocine_core.script.yaml_source import Key, short
from holocine_core.units import counted

SECONDS_PER_SHOT = 4
"""Length of a shot for which neither the scene nor the shot gives one."""


@dataclass(frozen=True, slots=True)
class TimingProblem:
    """A fault in a scene's timing; ``key`` is its place inside the scene."""

    key: Key
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A resolved scene: its timeline and what was asked for."""

    timeline: Timeline
    cuts: tuple[Moved, ...]
    """Every cut as asked and as got; evenly spaced ones were asked for by nobody."""
    length: Moved
    cuts_given: tuple[bool, ...]
    """Of each cut, whether a person said where it is, by itself or by the lengths around it."""
    length_given: bool

    @property
    def moved(self) -> bool:
        """Whether anything a person wrote stands elsewhere now."""
        told = zip(self.cuts, self.cuts_given, strict=True)
        cuts = any(cut.moved and given for cut, given in told)
        return cuts or (self.length_given and self.length.moved)


def resolve(
    scene: Scene, fps: Fraction, max_frames: int, *, strict: bool = False
) -> Timing | list[TimingProblem]:
    """Place a scene's cuts on the 4t+1 grid.

    Args:
        scene: A valid scene.
        fps: Frames per second.
        max_frames: Longest scene that a missing length may come to, in frames.
        strict: Whether a value that has to move is a problem.
    """
    shots = shot_count(scene)
    if scene.cuts or (scene.cuts is not None and shots > 1):
        found = _from_cuts(scene, fps, shots)
    elif any(s.seconds is not None or s.frames is not None for s in scene.shots or ()):
        found = _from_lengths(scene, fps)
    else:
        found = _even(scene, fps, shots, max_frames)
    if isinstance(found, list):
        return found
    problems = _collisions(found, scene) or (_strict(found, scene) if strict else [])
    if problems:
        return problems
    timeline = Timeline(found.length.got, tuple(cut.got for cut in found.cuts), fps)
    return Timing(
        timeline=timeline,
        cuts=tuple(found.cuts),
        length=found.length,
        cuts_given=tuple(found.cuts_given),
        length_given=found.length_given,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    cuts: list[Moved]
    length: Moved
    cuts_given: list[bool]
    length_given: bool
    keys: list[Key]
    """Where each cut stands in the scene."""
    length_key: Key


def frames_of(item: object, fps: Fraction) -> Fraction | None:
    """Frames of something with `frames` or `seconds`; None where it gives neither."""
    frames, seconds = getattr(item, "frames", None), getattr(item, "seconds", None)
    if frames is not None:
        return Fraction(frames)
    return None if seconds is None else Fraction(str(seconds)) * fps


def _length_key(scene: Scene) -> Key:
    return ("frames",) if scene.frames is not None else ("seconds",)


def _from_cuts(scene: Scene, fps: Fraction, shots: int) -> _Found | list[TimingProblem]:
    asked = frames_of(scene, fps)
    cuts = scene.cuts or ()
    problems: list[TimingProblem] = []
    if len(cuts) != shots - 1:
        problems.append(
            TimingProblem(
                ("cuts",),
                f"{counted(len(cuts), 'cut')} for {counted(shots, 'shot')}; a cut stands before "
                "each shot but the first",
                f"give {counted(shots - 1, 'cut')}, or leave `cuts` out to space them evenly",
            )
        )
    if asked is None:
        hint = "add `frames:` or `seconds:`"
        return [*problems, TimingProblem(("cuts",), "cuts without the scene's length", hint)]
    moved: list[Moved] = []
    for i, cut in enumerate(cuts):
        at = parse_time(cut, fps)
        if isinstance(at, str):
            problems.append(TimingProblem(("cuts", i), at, _CUT_HINT))
        elif not 1 <= at < asked:
            problems.append(
                TimingProblem(
                    ("cuts", i),
                    f"cut {cut} (frame {float(at):g}) is outside the scene's "
                    f"{float(asked):g} frames",
                    f"choose a frame from 1 to {int(asked) - 1}, or lengthen the scene",
                )
            )
        else:
            moved.append(Moved(at, nearest_on_grid(at)))
    for i, (before, after) in enumerate(pairwise(moved), 1):
        if not problems and after.asked <= before.asked:
            same = after.asked == before.asked
            told = "is at the same time as" if same else "is not after"
            hint = "keep one of them, or move one" if same else "sort the cuts"
            told = f"cut {cuts[i]} {told} cut {cuts[i - 1]}"
            problems.append(TimingProblem(("cuts", i), told, hint))
    if problems:
        return problems
    return _Found(
        cuts=moved,
        length=Moved(asked, nearest_on_grid(asked)),
        cuts_given=[True] * len(cuts),
        length_given=True,
        keys=[("cuts", i) for i in range(len(cuts))],
        length_key=_length_key(scene),
    )


def _from_lengths(scene: Scene, fps: Fraction) -> _Found | list[TimingProblem]:
    given = [frames_of(shot, fps) for shot in scene.shots or ()]
    total = frames_of(scene, fps)
    known = sum((length for length in given if length is not None), Fraction(0))
    open_shots = given.count(None)
    share = Fraction(SECONDS_PER_SHOT) * fps
    if total is not None and open_shots:
        share = (total - known) / open_shots
        if share <= 0:
            return [
                TimingProblem(
                    _length_key(scene),
                    f"the shots with a length fill {float(known):g} of the scene's "
                    f"{float(total):g} frames and leave nothing for {open_shots} more",
                    "lengthen the scene or shorten its shots",
                )
            ]
    elif total is not None and nearest_on_grid(total) != nearest_on_grid(known):
        return [
            TimingProblem(
                _length_key(scene),
                f"the scene lasts {float(total):g} frames, its shots {float(known):g} together",
                "leave the scene's length out, or one shot's",
            )
        ]
    cuts, length = cuts_from_lengths([share if one is None else one for one in given])
    if total is not None:
        length = Moved(total, nearest_on_grid(total))
    keys: list[Key] = [
        ("shots", i, "frames" if shot.frames is not None else "seconds")
        for i, shot in enumerate(scene.shots or ())
    ]
    return _Found(
        cuts=cuts,
        length=length,
        cuts_given=_told(given, total is not None),
        length_given=total is not None or not open_shots,
        keys=keys[:-1],
        length_key=keys[-1] if total is None else _length_key(scene),
    )


def _told(given: Sequence[Fraction | None], whole: bool) -> list[bool]:
    """Of each cut, whether lengths say where it is: those of all shots before it, or of the scene
    and of all shots after it."""
    # `is`, since a Fraction that is compared takes its time.
    open_shots = [i for i, length in enumerate(given) if length is None]
    first, last = (open_shots[0], open_shots[-1]) if open_shots else (len(given), -1)
    return [first >= i or (whole and last < i) for i in range(1, len(given))]


def _even(scene: Scene, fps: Fraction, shots: int, max_frames: int) -> _Found | list[TimingProblem]:
    asked = frames_of(scene, fps)
    given = asked is not None
    if asked is None:
        asked = min(Fraction(SECONDS_PER_SHOT * shots) * fps, Fraction(max_frames))
    length = Moved(asked, nearest_on_grid(asked))
    return _Found(
        cuts=even_cuts(length.got, shots),
        length=length,
        cuts_given=[False] * (shots - 1),
        length_given=given,
        keys=[("shots", i) for i in range(1, shots)],
        length_key=_length_key(scene) if given else ("shots",),
    )


def _collisions(found: _Found, scene: Scene) -> list[TimingProblem]:
    room, shots = 1 + (found.length.got - 1) // TEMPORAL_STRIDE, len(found.cuts) + 1
    if shots > room:
        return [
            TimingProblem(
                found.length_key,
                f"{shots} shots, but {counted(found.length.got, 'frame')} "
                f"{'holds' if found.length.got == 1 else 'hold'} {room} at most",
                f"lengthen the scene to {TEMPORAL_STRIDE * (shots - 1) + 1} frames or more, "
                "or merge shots",
            )
        ]
    problems = []
    ends = [*(cut.got for cut in found.cuts), found.length.got]
    for i, (cut, key) in enumerate(zip(found.cuts, found.keys, strict=True)):
        before = ends[i - 1] if i else 0
        if cut.got <= before:
            problems.append(
                TimingProblem(
                    key,
                    f"shots {i + 1} and {i + 2} of the scene collide: the cut at "
                    f"{float(cut.asked):g} and the one before fall on frame {cut.got} of the "
                    "4t+1 grid",
                    "keep cuts at least 4 frames apart",
                )
            )
        elif cut.got >= found.length.got:
            problems.append(
                TimingProblem(
                    key,
                    f"the cut at {float(cut.asked):g} falls on frame {cut.got} of the 4t+1 grid, "
                    f"the end of the scene ({found.length.got} frames)",
                    f"cut at frame {found.length.got - TEMPORAL_STRIDE} or before, "
                    "or lengthen the scene",
                )
            )
    return problems


def _strict(found: _Found, scene: Scene) -> list[TimingProblem]:
    cuts = zip(found.keys, found.cuts, found.cuts_given, strict=True)
    moved: Sequence[tuple[Key, str, Moved, bool]] = [
        *((key, "cut", cut, given) for key, cut, given in cuts),
        (found.length_key, "length", found.length, found.length_given),
    ]
    return [
        TimingProblem(
            key,
            f"{what} {float(value.asked):g} is not on the 4t+1 grid and would move to {value.got}",
            f"write frame {value.got}, or drop `strict: true`",
        )
        for key, what, value, given in moved
        if given and value.moved
    ]


_CUT_HINT = 'a cut is a frame (37), seconds ("5.0s") or a timecode ("00:00:08.20")'
_TIMECODE = re.compile(r"^(?:(\d{1,2}):)?([0-5]?\d):([0-5]?\d(?:\.\d{1,9})?)$")
_FRAME_CODE = re.compile(r"^(\d{1,2}):([0-5]\d):([0-5]\d)[:;](\d{2})$")
CUT_FORMS = (SECONDS, _TIMECODE, _FRAME_CODE)
"""How a cut can be written that is no frame number."""


def is_number(text: str) -> bool:
    """Whether a text is a number of frames or shots: a few digits, as Python reads them."""
    return text.isdecimal() and len(text) <= 18


def parse_time(value: int | str, fps: Fraction) -> Fraction | str:
    """Frames of a cut point (exact), or what is wrong with it.

    Understood: a frame number, ``5.0s``, ``MM:SS.fff``, ``HH:MM:SS.fff``, ``HH:MM:SS:FF`` and
    drop-frame ``HH:MM:SS;FF``.
    """
    if isinstance(value, int):
        return Fraction(value)
    text = value.strip()
    if found := SECONDS.match(text):
        return Fraction(found[1]) * fps
    if found := _TIMECODE.match(text):
        seconds = int(found[1] or 0) * 3600 + int(found[2]) * 60 + Fraction(found[3])
        return seconds * fps
    if _FRAME_CODE.match(text):
        try:
            return Fraction(frame_of_code(text, fps))
        except ValueError as wrong:
            return str(wrong)
    return f"'{short(text)}' is no cut point"
