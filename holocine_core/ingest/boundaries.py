"""Where shots end: cuts, dissolves and fades, by two voices and a look at the frames themselves.

PySceneDetect's score says how much neighbouring frames differ, TransNetV2 how likely a shot ends.
On drawn and on real shots the first finds cuts inside one place that the second takes for motion,
and the second knows transitions; where they disagree a boundary stands, and a person is asked. What
is mixed of two shots belongs to neither.

Letters: n frame, P pixels of a small frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from holocine_core.ingest.scan import Scan

Kind = Literal["cut", "dissolve", "fade", "gap"]
"""``gap``: frames between could not be read."""

SUDDEN, SHARP = 15.0, 2.0
"""The score from which a change may be a cut, and how large beside those around it."""
QUIET, CLEAR = 9.0, 5.0
"""The same where hardly anything moves around it."""
AROUND = 4
"""Frames on either side that a change is compared with."""
HEARD, PLAINLY, CERTAIN = 0.1, 0.3, 0.5
"""TransNetV2: from where it seconds a sudden change, makes a dissolve sure that frames look like,
and is a voice by itself."""
_HEARS, _REACH = 0.04, 16
"""From where TransNetV2 hears anything, and how many frames a dissolve that it hears goes on for
where frames are too alike to show it."""
_HARD, _VERY_HARD = 3.4, 6.0
"""How sharp a change is that no dissolve can hold, and no fade."""
_BLENDS = (
    (0.3, 0.3, 12.0, 0.0),
    (0.15, 0.65, 14.0, 0.75),
    (0.04, 0.5, 14.0, 1.2),
    (0.0, 0.6, 26.0, 1.9),
)
"""What TransNetV2 hears -> what frames must show of a dissolve beside: how well they fit, how far
one shot is from the other, how much farther than shots go by themselves. Read off the films of
``benchmarks.footage``."""
MARGIN = 2
"""Frames beside a dissolve or a fade that go with it: its ends are faint."""
FLASH = 4
"""Frames after which a picture that comes back was only hidden by a flash."""
_LENGTHS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 26, 34, 44)
"""Mixed frames of dissolves that are looked for."""
_DARK, _DIM, _DIP = 6.0, 45.0, 0.4
"""Mean brightness of black, of the darkest frame of a fade at most, and the share of what is around
it that it has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Between two shots.

    Attributes:
        first: The first frame that is not the old shot's own.
        last: The first frame that is the new shot's own; ``first`` for a cut.
        voices: Who says so: ``change``, ``transnet``, ``blend``, or ``person``.
        sure: Whether nobody needs to be asked.
    """

    kind: Kind
    first: int
    last: int
    voices: tuple[str, ...]
    sure: bool

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind,
            "first": self.first,
            "last": self.last,
            "voices": list(self.voices),
            "sure": self.sure,
        }


def find_boundaries(scan: Scan) -> tuple[Boundary, ...]:
    """Every boundary of a film, in order, before anybody was asked."""
    sharp = sharpness(scan.score_n)
    hard = (scan.score_n >= SUDDEN) & (sharp >= _HARD)
    gradual = _merged(
        [*_fades(scan, hard & (sharp >= _VERY_HARD)), *_blends(scan, hard), *_told(scan, sharp)]
    )
    found: list[Boundary] = []
    for at in _peaks(scan, sharp):
        near = _beside(gradual, at)
        if near is not None:
            # A cut beside a transition: what lies between is too little to be a shot.
            old = gradual[near]
            first, last = min(old.first, at), max(old.last, at)
            gradual[near] = replace(old, first=first, last=last)
            continue
        seconded = float(scan.cut_n[max(0, at - 2) : at + 1].max(initial=0)) >= HEARD
        voices = ("change", "transnet") if seconded else ("change",)
        first, last = _ragged(scan.score_n, at)
        kind: Kind = "cut" if first == last else "dissolve"
        found.append(Boundary(kind=kind, first=first, last=last, voices=voices, sure=seconded))
    found += gradual
    for at in _alone(scan, found):
        found.append(Boundary(kind="cut", first=at, last=at, voices=("transnet",), sure=False))
    for at in map(int, np.flatnonzero(scan.torn_n)):
        found.append(Boundary(kind="gap", first=at, last=at, voices=("change",), sure=True))
    return _in_order(found)


def answered(found: Sequence[Boundary], answers: Mapping[int, bool]) -> tuple[Boundary, ...]:
    """Boundaries after a person's answers.

    Args:
        found: Of :func:`find_boundaries`.
        answers: A boundary's first frame -> whether it is one. A frame at which none was found
            becomes a cut.
    """
    kept = []
    for one in found:
        said = answers.get(one.first)
        if said is None or one.kind == "gap":
            kept.append(one)
        elif said:
            kept.append(replace(one, sure=True, voices=(*one.voices, "person")))
    known = {one.first for one in found}
    for at, said in answers.items():
        if said and at not in known:
            kept.append(Boundary(kind="cut", first=at, last=at, voices=("person",), sure=True))
    return _in_order(kept)


def sharpness(score_n: NDArray[np.float32]) -> NDArray[np.float32]:
    """How large each change is beside the mean of those around it, the largest of them left out."""
    count = len(score_n)
    # The first frame has nothing before it to differ from, and counts for nothing.
    padded = np.pad(score_n.astype(np.float32), AROUND, constant_values=np.nan)
    padded[AROUND : AROUND + 1] = np.nan
    offsets = [off for off in range(-AROUND, AROUND + 1) if off]
    others = np.stack([padded[AROUND + off : AROUND + off + count] for off in offsets])
    there = np.count_nonzero(~np.isnan(others), axis=0)
    usual = (np.nansum(others, axis=0) - np.nanmax(others, axis=0, initial=0)) / np.maximum(
        there - 1, 1
    )
    beside: NDArray[np.float32] = (score_n / np.maximum(usual, 1.0)).astype(np.float32)
    return beside


def _peaks(scan: Scan, sharp_n: NDArray[np.float32]) -> Iterator[int]:
    """First frames of shots after a sudden change."""
    score = scan.score_n
    sudden_n = (score >= SUDDEN) & (sharp_n >= SHARP) | (score >= QUIET) & (sharp_n >= CLEAR)
    for at in map(int, np.flatnonzero(sudden_n)):
        # The first score of a film compares with nothing.
        if at == 0 or score[at] < score[max(1, at - 1) : at + 2].max():
            continue
        if not _is_flash(scan, at):
            yield at


def _beside(gradual: Sequence[Boundary], at: int) -> int | None:
    """The transition that holds a frame, or nearly."""
    for number, one in enumerate(gradual):
        if one.first - MARGIN <= at <= one.last + MARGIN:
            return number
    return None


def _ragged(score_n: NDArray[np.float32], at: int) -> tuple[int, int]:
    """A cut's extent: a short fade is a cut whose neighbours change nearly as much."""
    low, high = max(1, at - 4), min(len(score_n), at + 5)
    beside = np.concatenate([score_n[max(1, low - AROUND) : low], score_n[high : high + AROUND]])
    usual = float(np.median(beside)) if len(beside) else 0.0
    bound = max(2.5 * usual, 0.3 * float(score_n[at]), 8.0)
    first = last = at
    while first - 1 >= low and score_n[first - 1] >= bound:
        first -= 1
    while last + 1 < high and score_n[last + 1] >= bound:
        last += 1
    if first == last:
        return at, at
    return max(1, first - MARGIN), min(len(score_n), last + MARGIN)


def _is_flash(scan: Scan, at: int) -> bool:
    """Whether the picture of before comes back within moments, or was just hidden."""
    small = scan.small_nHW3
    change = _apart(small[at - 1], small[at])
    back = [
        _apart(small[at - 1], small[later])
        for later in range(at + 1, min(at + FLASH, len(scan) - 1) + 1)
    ]
    before = [
        _apart(small[earlier], small[at]) for earlier in range(max(0, at - 1 - FLASH), at - 1)
    ]
    return min([*back, *before], default=np.inf) < 0.3 * change


def _apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean difference of two small frames."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def _alone(scan: Scan, found: Sequence[Boundary]) -> Iterator[int]:
    """Cuts that only TransNetV2 tells."""
    above = np.flatnonzero(scan.cut_n > CERTAIN)
    for run in np.split(above, np.flatnonzero(np.diff(above) > 1) + 1):
        if not len(run):
            continue
        at = int(run[np.argmax(scan.cut_n[run])]) + 1
        near = any(one.first - 3 <= at <= one.last + 3 for one in found)
        if at < len(scan) and not near:
            low = max(1, at - 2)
            # It is right about a shot's end within two frames; the frames know better.
            yield low + int(np.argmax(scan.score_n[low : at + 3]))


def _told(scan: Scan, sharp_n: NDArray[np.float32]) -> Iterator[Boundary]:
    """Dissolves as TransNetV2 tells them: stretches of frames within a transition."""
    for first, stop in _runs(scan.within_n >= HEARD, gap=2):
        inside = scan.within_n[first:stop]
        if np.count_nonzero(inside > 0.3) < 3 or inside.max() < 0.4:
            continue
        peak = first + int(np.argmax(scan.score_n[first : stop + 1]))
        sudden = sharp_n[peak] >= SHARP and scan.score_n[peak] >= SUDDEN
        if sudden and np.count_nonzero(inside > 0.3) < 5:
            continue  # A hard cut in much motion: its neighbours are doubted too.
        yield Boundary(
            kind="dissolve",
            first=max(1, first - MARGIN),
            last=min(len(scan), stop + MARGIN),
            voices=("transnet",),
            sure=bool(inside.max() >= CERTAIN),
        )


def _blends(scan: Scan, hard_n: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Dissolves by their frames: each is a share of the one before and the rest of the one after.

    A pan or a zoom makes frames that are no such mixtures, and changes as much before and behind.
    Where TransNetV2 hears something too, less is asked of the frames.
    """
    flat_nP = scan.small_nHW3.reshape(len(scan), -1)
    heard_n = np.maximum(scan.within_n, scan.cut_n)
    for at in map(int, np.flatnonzero(hard_n)):
        heard_n[max(0, at - 3) : at + 2] = 0  # What it says of a cut says nothing of a dissolve.
    fits: list[tuple[float, int, int]] = []
    for length in _LENGTHS:
        for a, fit, far, stands_out in _mixtures(flat_nP, length):
            if hard_n[a + 1 : a + length + 2].any():
                continue  # A cut at its end would look like its way.
            heard = float(heard_n[a : a + length + 2].max())
            need = next(row for row in _BLENDS if heard >= row[0])
            if fit >= need[1] and far >= need[2] and stands_out >= need[3]:
                fits.append((fit * far, a, length))
    taken: list[tuple[int, int]] = []
    for _, a, length in sorted(fits, reverse=True):
        first, last = a + 1, a + 1 + length
        if any(first < stop and begin < last for begin, stop in taken):
            continue
        taken.append((first, last))
        heard = float(heard_n[first - 1 : last + 1].max())
        low, high = max(1, first - _REACH), min(len(scan), last + _REACH)
        while first > low and heard_n[first - 1] >= _HEARS:
            first -= 1
        while last < high and heard_n[last] >= _HEARS:
            last += 1
        yield Boundary(
            kind="dissolve",
            first=max(1, first - MARGIN),
            last=min(len(scan), last + MARGIN),
            voices=("blend", "transnet") if heard >= _HEARS else ("blend",),
            sure=heard >= PLAINLY,
        )


def _mixtures(flat_nP: NDArray[np.uint8], length: int) -> Iterator[tuple[int, float, float, float]]:
    """Frames ``a`` after which ``length`` mixed ones lie: how well they fit, 0..1, how far the way
    is from one shot to the other, and how much farther than shots go by themselves."""
    reach = length + 1
    chunk = 2048
    last = len(flat_nP) - 1
    for begin in range(0, max(0, len(flat_nP) - reach), chunk):
        at = np.arange(begin, min(begin + chunk, len(flat_nP) - reach))
        low, high = max(0, begin - reach), min(last, begin + chunk + 2 * reach)
        part = flat_nP[low : high + 1].astype(np.float32)
        a, b = part[at - low], part[at + reach - low]
        far = np.abs(b - a).mean(axis=1)
        rows = np.flatnonzero(far >= 12)
        if not len(rows):
            continue
        at, a, b, far = at[rows], a[rows], b[rows], far[rows]
        before, behind = (
            part[np.maximum(at - reach, low) - low],
            part[np.minimum(at + 2 * reach, high) - low],
        )
        usual = np.maximum(np.abs(a - before).mean(axis=1), np.abs(behind - b).mean(axis=1))
        way = b - a
        squared = (way**2).sum(axis=1)
        worst = np.zeros(len(rows))
        for step in range(1, reach):
            mixed = part[at + step - low] - a
            share = (mixed * way).sum(axis=1) / squared
            left = ((mixed - share[:, None] * way) ** 2).sum(axis=1) / squared
            # An even mixture is the plainest sign; at the ends there is hardly one to see.
            off = np.abs(share - step / reach)
            worst = np.maximum(worst, np.maximum(left / 0.27, off / 0.22))
        for row in np.flatnonzero(worst < 1):
            stands_out = far[row] / max(float(usual[row]), 1.0)
            yield int(at[row]), float(1 - worst[row]), float(far[row]), float(stands_out)


def _fades(scan: Scan, hard_n: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Into black and out of it: brightness falls steadily, and rises as steadily."""
    light = scan.light_n
    for at in map(int, np.argsort(light, kind="stable")):
        if light[at] >= _DIM:
            break
        begin, end = _slope(light, at, -1), _slope(light, at, 1)
        before, behind = float(light[begin]), float(light[min(end, len(light)) - 1])
        # From one frame to the next it is a cut; and some shots are dark all along.
        steady = at - begin >= 2 or end - at >= 3
        if hard_n[begin + 1 : end].any():
            continue
        if not steady or float(light[at]) > _DIP * max(before, behind):
            continue
        if max(before, behind) < 2 * _DARK:
            continue
        yield Boundary(
            kind="fade",
            first=max(0, begin - MARGIN - 1),
            last=min(len(light), end + MARGIN + 1),
            voices=("blend",),
            sure=True,
        )


def _slope(light_n: NDArray[np.float32], at: int, step: int) -> int:
    """Where brightness no longer rises, away from a dark frame: the first frame of the plateau, or
    one past it."""
    while 0 <= at + step < len(light_n):
        now, following = float(light_n[at]), float(light_n[at + step])
        # Black may last for a while.
        if following - now <= max(0.6, 0.02 * now) and not (now < _DARK and following < _DARK):
            break
        at += step
    return at if step < 0 else at + 1


def _merged(found: Sequence[Boundary]) -> list[Boundary]:
    """Transitions that overlap are one, and surer."""
    merged: list[Boundary] = []
    for one in sorted(found, key=lambda each: (each.first, each.last)):
        if merged and one.first < merged[-1].last:
            last = merged[-1]
            voices = tuple(dict.fromkeys((*last.voices, *one.voices)))
            kind: Kind = "fade" if "fade" in (last.kind, one.kind) else "dissolve"
            merged[-1] = Boundary(
                kind=kind,
                first=last.first,
                last=max(last.last, one.last),
                voices=voices,
                sure=last.sure or one.sure,
            )
        else:
            merged.append(one)
    return merged


def _in_order(found: Sequence[Boundary]) -> tuple[Boundary, ...]:
    return tuple(sorted(found, key=lambda each: (each.first, each.last)))


def _runs(mask_n: NDArray[np.bool_], gap: int) -> Iterator[tuple[int, int]]:
    """Stretches of true frames, half-open; those at most ``gap`` apart are one."""
    at = np.flatnonzero(mask_n)
    for run in np.split(at, np.flatnonzero(np.diff(at) > gap + 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1
