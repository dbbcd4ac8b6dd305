"""How frames follow each other: motion inside shots and flicker right after cuts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.cuts import NEAR
from holocine_core.script.timeline import Span

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


def after_cuts(scene: Frames, shots: Sequence[Span]) -> list[float]:
    """The flicker of every shot that begins with a cut and is long enough; a cut that comes a frame
    late is no flicker."""
    found = (flicker(scene[_began(scene, span) : span.stop]) for span in shots[1:])
    return [value for value in found if value is not None]


def _began(scene: Frames, shot: Span) -> int:
    """The first frame of a shot: the one asked for, or the next where more changes there."""
    changes = steps(scene[shot.start - 1 : shot.start + 2])
    # A last shot that a crossfade left one frame of has no next one.
    return shot.start + int(len(changes) > 1 and changes[1] > changes[0])
