"""What lies between two boundaries: shots, what is wrong with them, and what of them is kept.

Letters: n frame, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from holocine_core.ingest.boundaries import Boundary
from holocine_core.ingest.footage import WHOLE, Crop, Footage, Picture
from holocine_core.ingest.looks import Looks, spread
from holocine_core.ingest.scan import Scan

LOOKS = 5
"""Pictures by which a shot is judged, at most."""
SHORTEST = 9
"""Frames at the model's rate: two latent frames and the first."""
DARK, BLANK, STILL = 22.0, 5.0, 0.12
"""Brightness, contrast and motion below which a shot teaches nothing."""
SAME = 2.0
"""Mean difference, of 255, below which two shots are the same footage."""
_BLACK = 26
"""Brightest pixel of a letterbox's bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Frames of one shot alone.

    Attributes:
        first: Its first frame in the scan; ``stop`` is one past its last.
        begins: When its first frame is shown, in seconds; ``ends``: when its last one goes.
        asked: Whether the boundary before it still waits for a person's answer.
        broken: Whether frames before it could not be read.
        crop: What of its frames is picture.
        flaws: Why it is set aside; none where it is used.
    """

    first: int
    stop: int
    begins: Fraction
    ends: Fraction
    asked: bool = False
    broken: bool = False
    crop: Crop = WHOLE
    flaws: tuple[str, ...] = ()

    @property
    def seconds(self) -> Fraction:
        return self.ends - self.begins

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "first": self.first,
            "stop": self.stop,
            "begins": round(float(self.begins), 6),
            "ends": round(float(self.ends), 6),
            **({"asked": True} if self.asked else {}),
            **({"broken": True} if self.broken else {}),
            **({"flaws": list(self.flaws)} if self.flaws else {}),
        }


def shots_between(scan: Scan, footage: Footage, boundaries: Sequence[Boundary]) -> tuple[Shot, ...]:
    """The shots of a film, in order; frames of transitions belong to none.

    Args:
        scan: Of the film.
        footage: The film.
        boundaries: Of it, in order; they may overlap.
    """
    edges = [(0, False, False)]
    stops = []
    begins = 0
    for one in boundaries:
        if one.first >= len(scan):
            continue  # A person's answer may be of another film.
        stops.append(one.first)
        # What another boundary begins within is mixed all the same.
        begins = max(begins, one.last)
        edges.append((begins, not one.sure, one.kind == "gap"))
    stops.append(len(scan))
    shots = []
    asked = broken = False
    for (first, unsure, torn), stop in zip(edges, stops, strict=True):
        asked, broken = asked or unsure, broken or torn
        if stop > first:
            shots.append(
                Shot(
                    first=first,
                    stop=stop,
                    begins=_time(scan, footage, first),
                    ends=_time(scan, footage, stop),
                    asked=asked,
                    broken=broken,
                )
            )
            asked = broken = False
    return tuple(shots)


def _time(scan: Scan, footage: Footage, frame: int) -> Fraction:
    """When a frame is shown, in seconds; the end of the film for one past the last."""
    if frame < len(scan):
        return int(scan.time_n[frame]) * footage.tick
    return int(scan.time_n[-1]) * footage.tick + 1 / footage.rate


def looked_at(shots: Sequence[Shot], scan: Scan) -> list[int]:
    """Times of the pictures that :func:`judged` needs."""
    return [time for shot in shots for time in _looks_of(shot, scan)]


def _looks_of(shot: Shot, scan: Scan) -> tuple[int, ...]:
    return spread(scan.time_n[shot.first : shot.stop], LOOKS)


def judged(
    shots: Sequence[Shot],
    scan: Scan,
    looks: Looks,
    fps: int,
    *,
    kept: frozenset[int] = frozenset(),
    dropped: frozenset[int] = frozenset(),
) -> tuple[Shot, ...]:
    """Shots with their bars and their flaws.

    Args:
        shots: Of :func:`shots_between`.
        scan: Of their film.
        looks: With the pictures of :func:`looked_at`.
        fps: The model's frame rate.
        kept: First frames of shots that a person wants whatever is wrong with them.
        dropped: First frames of shots that a person does not want.
    """
    # One shot's pictures at a time: those of a long film are more than memory.
    own = [_picture_part(_seen(shot, scan, looks)) for shot in shots]
    lit = [float(np.percentile(scan.light_n[s.first : s.stop], 80)) >= DARK for s in shots]
    found: list[Shot] = []
    for shot, crop in zip(shots, _bars(own, lit), strict=True):
        flaws = tuple(_flaws(shot, scan, looks, crop, fps, found))
        if shot.first in dropped:
            flaws = ("not wanted",)
        elif shot.first in kept and shot.seconds * fps >= SHORTEST:
            flaws = ()
        found.append(replace(shot, crop=crop, flaws=flaws))
    return tuple(found)


def _seen(shot: Shot, scan: Scan, looks: Looks) -> list[Picture]:
    """The pictures by which a shot is judged."""
    return [looks.read(time) for time in _looks_of(shot, scan)]


def _flaws(
    shot: Shot,
    scan: Scan,
    looks: Looks,
    crop: Crop,
    fps: int,
    before: Sequence[Shot],
) -> Iterator[str]:
    frames = int(shot.seconds * fps)
    if frames < SHORTEST:
        yield f"too short: {frames} frames at {fps} per second, {SHORTEST} are needed"
        return
    span = slice(shot.first, shot.stop)
    if float(np.percentile(scan.light_n[span], 80)) < DARK:
        yield "too dark"
    elif float(np.median(scan.spread_n[span])) < BLANK:
        yield "blank: one colour"
    elif _is_still(shot, scan):
        yield "nothing moves"
    if burnt_in([_cut(picture, crop) for picture in _seen(shot, scan, looks)]):
        yield "letters burnt into the picture"
    for other in before:
        if not other.flaws and _is_same(shot, other, scan):
            yield f"the same footage as at {float(other.begins):.2f} s"
            return


def _is_still(shot: Shot, scan: Scan) -> bool:
    """Whether nothing moves; one frame that lasts has none beside it to differ from."""
    if shot.stop - shot.first < 2:
        return True
    return float(np.percentile(scan.score_n[shot.first + 1 : shot.stop], 90)) < STILL


def _is_same(shot: Shot, other: Shot, scan: Scan) -> bool:
    """Whether two shots show the same frames: the same action, not just the same framing."""
    mine, its = shot.stop - shot.first, other.stop - other.first
    if abs(mine - its) > 0.1 * max(mine, its):
        return False
    for share in (0.1, 0.35, 0.6, 0.85):
        one = scan.small_nHW3[shot.first + int(share * mine)].astype(np.int16)
        two = scan.small_nHW3[other.first + int(share * its)].astype(np.int16)
        if float(np.abs(one - two).mean()) >= SAME:
            return False
    return True


def _bars(own: Sequence[Crop], lit: Sequence[bool]) -> list[Crop]:
    """What is picture in each shot, less its own bars where they are as high on either side, else
    less those of all lit shots."""
    bright = [crop for crop, is_lit in zip(own, lit, strict=True) if is_lit]
    if not bright:
        return [WHOLE] * len(own)
    common = Crop(
        left=min(c.left for c in bright),
        top=min(c.top for c in bright),
        right=max(c.right for c in bright),
        bottom=max(c.bottom for c in bright),
    )
    return [
        crop if is_lit and _even(crop) else common for crop, is_lit in zip(own, lit, strict=True)
    ]


def _picture_part(seen: Sequence[Picture]) -> Crop:
    brightest = np.max(np.stack(seen), axis=(0, 3))
    rows = np.flatnonzero(np.percentile(brightest, 98, axis=1) > _BLACK)
    columns = np.flatnonzero(np.percentile(brightest, 98, axis=0) > _BLACK)
    if not len(rows) or not len(columns):
        return WHOLE
    height, width = brightest.shape
    # A pixel of a picture is several of the film's: one more goes with the bar.
    top, bottom = _edge(int(rows[0]), height), height - _edge(height - 1 - int(rows[-1]), height)
    left, right = (
        _edge(int(columns[0]), width),
        width - _edge(width - 1 - int(columns[-1]), width),
    )
    return Crop(left=left / width, top=top / height, right=right / width, bottom=bottom / height)


def _edge(black: int, side: int) -> int:
    """Pixels that go with a bar; a hair of black is none."""
    return black + 1 if black > 0.012 * side else 0


def _even(crop: Crop) -> bool:
    """Whether bars are as high above as below, and as wide on the left as on the right."""
    return (
        abs(crop.top - (1 - crop.bottom)) < 0.02
        and abs(crop.left - (1 - crop.right)) < 0.02
        and crop.bottom - crop.top > 0.4
        and crop.right - crop.left > 0.4
    )


def _cut(picture: Picture, crop: Crop) -> Picture:
    height, width = picture.shape[:2]
    return picture[
        round(crop.top * height) : round(crop.bottom * height),
        round(crop.left * width) : round(crop.right * width),
    ]


def burnt_in(seen: Sequence[Picture]) -> bool:
    """Whether letters lie over a shot: lines of narrow bright strokes that stand where they are in
    most of its pictures."""
    lines = [list(_lines(picture)) for picture in seen]
    if not lines:
        return False
    needed = max(1, round(0.6 * len(seen)))
    for box in lines[len(lines) // 2]:
        standing = sum(any(_overlap(box, other) > 0.5 for other in found) for found in lines)
        if standing >= needed:
            return True
    return False


Box = tuple[int, int, int, int]


def _lines(picture: Picture) -> Iterator[Box]:
    """Boxes of what looks like a line of letters, in the picture's upper or lower third."""
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    # Letters are narrow; they are brighter than what is beside them, or their edges are darker.
    stroke = max(3, height // 24) | 1
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke))
    bright = (cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, square) > 60) & (grey > 170)
    edges = (cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, square) > 60) & (grey < 130)
    wide = cv2.getStructuringElement(cv2.MORPH_RECT, (max(3, height // 9), 1))
    for strokes in (bright.astype(np.uint8), edges.astype(np.uint8)):
        joined = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, wide)
        count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        for x, y, w, h, _ in stats[1:count].tolist():
            middle = (y + h / 2) / height
            if 0.33 < middle < 0.62 or not 0.025 * height <= h <= 0.12 * height:
                continue
            if w < 3.5 * h or w < 0.1 * width:
                continue
            inside = strokes[y : y + h, x : x + w]
            # Strokes come and go along a line of letters.
            changes = np.count_nonzero(np.diff(inside[h // 2].astype(np.int8)))
            if 0.12 < inside.mean() < 0.7 and changes >= 1.2 * w / h:
                yield x, y, w, h


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    ax, ay, aw, ah = one
    bx, by, bw, bh = other
    across = max(0, min(ax + aw, bx + bw) - max(ax, bx))
    down = max(0, min(ay + ah, by + bh) - max(ay, by))
    both = across * down
    return both / (aw * ah + bw * bh - both)
