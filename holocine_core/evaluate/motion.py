"""How frames follow each other: motion inside shots, flicker right after cuts, the pulse of a
model's latents, and how ragged its pictures are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.cuts import NEAR
from holocine_core.script.timeline import TEMPORAL_STRIDE, FrameSpan

FIRST = 4
"""Steps after a cut that flicker is looked for in: those inside the shot's second latent frame."""


AROUND = 6
"""Frames before and after a cut in which nothing else may change as much."""


def steps(shot: Frames) -> NDArray[np.float64]:
    """Mean change of a pixel from each frame to the next, 0..1; one value less than frames."""
    changes = [
        np.abs(after.astype(np.int16) - before).mean() / 255 for before, after in pairwise(shot)
    ]
    return np.array(changes, np.float64)


def motion(shot: Frames) -> float | None:
    """Mean change from frame to frame, in percent of full scale; None for a single frame."""
    changes = steps(shot)
    return float(changes.mean() * 100) if len(changes) else None


def flicker(shot: Frames) -> float | None:
    """How much more the first frames after a cut change than the shot's later ones do.

    The largest of the first steps minus the median of all later ones, in percent of full scale: 0
    for a shot that settles at once. None for shots too short to have a later half.
    """
    changes = steps(shot)
    if len(changes) < 2 * FIRST:
        return None
    return float(max(0.0, changes[:FIRST].max() - np.median(changes[FIRST:])) * 100)


def stands_out(scene: Frames, cut: int) -> bool:
    """Whether the picture changes most at a cut: of all steps within :data:`AROUND` frames of it,
    the largest is the one into its frame or a neighbour's."""
    first = max(0, cut - 1 - AROUND)
    changes = steps(scene[first : cut + 1 + AROUND])
    return abs(first + 1 + int(changes.argmax()) - cut) <= NEAR


def after_cuts(scene: Frames, shots: Sequence[FrameSpan]) -> list[float]:
    """The flicker of every shot that begins with a cut and is long enough; a cut that comes a frame
    late is no flicker."""
    found = (flicker(scene[_began(scene, span) : span.stop]) for span in shots[1:])
    return [value for value in found if value is not None]


def _began(scene: Frames, shot: FrameSpan) -> int:
    """The first frame of a shot: the one asked for, or the next where more changes there."""
    changes = steps(scene[shot.start - 1 : shot.start + 2])
    # A last shot that a crossfade left one frame of has no next one.
    return shot.start + int(len(changes) > 1 and changes[1] > changes[0])


def by_latents(
    scene: Frames, shots: Sequence[FrameSpan], first: int = 0
) -> Iterator[tuple[float, float]]:
    """Of every shot, the mean change into latents' first frames, and that between their other
    frames, in percent of full scale; cuts are in neither. Shots that lack one of them are left out.

    Args:
        scene: Its frames [T, H, W, 3].
        shots: Where its shots lie in them.
        first: Number in the take of the first of these frames: a take's latents hold frame 0, then
            four frames each.
    """
    for span in shots:
        changes = steps(scene[span.start : span.stop]) * 100
        into = np.arange(span.start + 1, span.stop) + first
        begins = (into - 1) % TEMPORAL_STRIDE == 0
        if begins.any() and not begins.all():
            yield float(changes[begins].mean()), float(changes[~begins].mean())


def raggedness(
    scene: Frames,
    shots: Sequence[FrameSpan],
    through_codec: Callable[[Frames], Frames],
    first: int = 0,
) -> Iterator[float]:
    """Of every shot, how far a pixel moves when the codec encodes and decodes the shot again, in
    percent of full scale.

    It is encoded half a latent off, so that what changed from one latent to the next falls inside
    one, where a codec that learned clean scenes has no room for it: a film that the codec itself
    made hardly moves otherwise, however ragged it is. Shots too short for that are left out.

    Args:
        scene: As of :func:`by_latents`, and the others too.
        shots: Where its shots lie in them.
        through_codec: Encodes and decodes 4t+1 frames.
        first: Number in the take of the first of these frames.
    """
    half = TEMPORAL_STRIDE // 2
    for span in shots:
        start = span.start + (half - first - span.start) % TEMPORAL_STRIDE
        count = (span.stop - start - 1) // TEMPORAL_STRIDE
        if count < 1:
            continue
        part = np.ascontiguousarray(scene[start : start + TEMPORAL_STRIDE * count + 1])
        moved = np.abs(through_codec(part).astype(np.int16) - part)
        yield float(moved[1:].mean() / 255 * 100)
