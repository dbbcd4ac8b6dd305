"""Where shots end: cuts, dissolves and fades, by two voices and a look at the frames themselves.

PySceneDetect's score says how much neighbouring frames differ, TransNetV2 how likely a shot ends.
On drawn and on real shots the first finds cuts inside one place that the second takes for motion,
and the second knows transitions; where they disagree a boundary stands, and a person is asked. What
is mixed of two shots belongs to neither.

Letters: n frame, P pixels of a small frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from holocine_core.ingest.scan import Scan, let_go

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
_BLENDS = np.array(
    [(0.3, 0.3, 12, 0), (0.15, 0.65, 14, 0.75), (0.04, 0.5, 14, 1.2), (0, 0.6, 26, 1.9)]
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
_CHUNK = 256
"""Frames among which dissolves are looked for at once."""
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
        return {**asdict(self), "voices": list(self.voices)}


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


def answered(
    found: Sequence[Boundary], answers: Mapping[int, bool], *, frames: int | None = None
) -> tuple[Boundary, ...]:
    """Boundaries after a person's answers.

    Args:
        found: Of :func:`find_boundaries`.
        answers: A boundary's first frame -> whether it is one. A frame at which none was found
            becomes a cut; one at which no shot can begin is left out.
        frames: How many the film has; None where that isn't known.
    """
    kept = []
    for one in found:
        said = answers.get(one.first)
        # Nobody can say what was to be seen where frames are missing.
        if said is None or one.kind == "gap":
            kept.append(one)
        elif said:
            kept.append(replace(one, sure=True, voices=(*one.voices, "person")))
    known = {one.first for one in found}
    for at, said in answers.items():
        if said and at not in known and at >= 1 and (frames is None or at < frames):
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
    beside = (one.first - MARGIN <= at <= one.last + MARGIN for one in gradual)
    return next((number for number, is_so in enumerate(beside) if is_so), None)


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
    fits = [
        (fit, a, length)
        for length in _LENGTHS
        for fit, a in _mixtures(flat_nP, length + 1, heard_n, hard_n)
    ]
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


def _mixtures(
    flat_nP: NDArray[np.uint8], reach: int, heard_n: NDArray[np.float32], hard_n: NDArray[np.bool_]
) -> Iterator[tuple[float, int]]:
    """Frames that pass into the ``reach``-th after them: how well those between fit as mixtures of
    both, 0..1, times how far the way is; and the frame."""
    last = len(flat_nP) - 1
    if last < reach:
        return
    # A cut at its end would look like its way.
    near_n2 = sliding_window_view(hard_n, reach)[1:]
    free_n: NDArray[np.bool_] = ~np.logical_or.reduce(near_n2, axis=1)
    heard = sliding_window_view(heard_n, reach + 1).max(axis=1).astype(np.float64)
    need_n4 = _BLENDS[np.argmax(heard[:, None] >= _BLENDS[:, 0], axis=1)]
    for begin in range(0, len(free_n), _CHUNK):
        at = begin + np.flatnonzero(free_n[begin : begin + _CHUNK])
        low, high = max(0, begin - reach), min(last, begin + _CHUNK + 2 * reach)
        part = flat_nP[low : high + 1].astype(np.float32)
        let_go(flat_nP)
        # What costs least is asked first: few frames are left for what costs most.
        far = np.abs(part[at + reach - low] - part[at - low]).mean(axis=1)
        rows = far >= need_n4[at, 2]
        at, far = at[rows], far[rows]
        a, b = part[at - low], part[at + reach - low]
        before = part[np.maximum(at - reach, low) - low]
        behind = part[np.minimum(at + 2 * reach, high) - low]
        usual = np.maximum(np.abs(a - before).mean(axis=1), np.abs(behind - b).mean(axis=1))
        rows = far / np.maximum(usual, 1) >= need_n4[at, 3]
        fit, left = _fits(part, at[rows] - low, reach, need_n4[at[rows], 1])
        yield from zip((fit * far[rows][left]).tolist(), at[rows][left].tolist(), strict=True)


def _fits(
    part_nP: NDArray[np.float32], at: NDArray[np.intp], reach: int, need: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """How well frames between ``at`` and ``at + reach`` fit as mixtures of these two, 0..1, and
    which of ``at`` they are: those that fit as well as they need to."""
    left = np.arange(len(at))
    a = part_nP[at]
    way = part_nP[at + reach] - a
    squared = (way**2).sum(axis=1)
    worst = np.zeros(len(at))
    # In the middle a pan is told from a dissolve at once.
    for step in sorted(range(1, reach), key=lambda step: abs(2 * step - reach)):
        mixed = part_nP[at[left] + step] - a
        share = (mixed * way).sum(axis=1) / squared
        rest = ((mixed - share[:, None] * way) ** 2).sum(axis=1) / squared
        # An even mixture is the plainest sign; at the ends there is hardly one to see.
        off = np.abs(share - step / reach)
        worst = np.maximum(worst, np.maximum(rest / 0.27, off / 0.22))
        good = 1 - worst >= need[left]
        if not good.all():
            left, worst, squared = left[good], worst[good], squared[good]
            a, way = a[good], way[good]
    return 1 - worst, left


def _fades(scan: Scan, hard_n: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Into black and out of it: brightness falls steadily, and rises as steadily."""
    light_n = scan.light_n.astype(np.float64)
    begin_n, end_n = _slopes(light_n)
    hard_before = np.concatenate([[0], np.cumsum(hard_n)])
    at = np.flatnonzero(light_n < _DIM)
    begin, end = begin_n[at], end_n[at]
    around = np.maximum(light_n[begin], light_n[end - 1])
    found = (
        # From one frame to the next it is a cut; and some shots are dark all along.
        ((at - begin >= 2) | (end - at >= 3))
        & (hard_before[end] == hard_before[begin + 1])
        & (light_n[at] <= _DIP * around)
        & (around >= 2 * _DARK)
    )
    # All frames of a black stretch tell of one fade.
    for first, last in set(zip(begin[found].tolist(), end[found].tolist(), strict=True)):
        yield Boundary(
            kind="fade",
            first=max(0, first - MARGIN - 1),
            last=min(len(light_n), last + MARGIN + 1),
            voices=("blend",),
            sure=True,
        )


def _slopes(light_n: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of every frame, where brightness no longer rises away from it: the first frame of the slope
    before it, and one past the last of the slope behind it."""
    one, other = light_n[:-1], light_n[1:]
    # Black may last for a while.
    black = (one < _DARK) & (other < _DARK)
    falls = (one - other > np.maximum(0.6, 0.02 * other)) | black
    rises = (other - one > np.maximum(0.6, 0.02 * one)) | black
    frames = np.arange(len(light_n))
    begins = np.where(np.concatenate([[True], ~falls]), frames, 0)
    ends = np.where(np.concatenate([~rises, [True]]), frames, len(light_n))
    return np.maximum.accumulate(begins), np.minimum.accumulate(ends[::-1])[::-1] + 1


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
