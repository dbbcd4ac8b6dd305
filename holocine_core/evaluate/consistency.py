"""Likeness of frames: inside shots, and among shots of the same character.

What is compared are features, one vector of length 1 per frame; where they come from is the
caller's choice (see ``features``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames
from holocine_core.script.timeline import Span

Features = NDArray[np.float32]
"""Rows of length 1, one per frame."""
Extract = Callable[[Frames], Features]
MOST_FRAMES = 16
"""Frames of a shot that are looked at, evenly spread."""


def spread(span: Span, most: int = MOST_FRAMES) -> list[int]:
    """At most ``most`` frame numbers, from the first to the last of a shot."""
    return sorted({round(at) for at in np.linspace(span.start, span.stop - 1, most)})


def shot_features(scene: Frames, shots: Sequence[Span], extract: Extract) -> list[Features]:
    """Features of every shot's frames, few enough to compare."""
    return [extract(scene[spread(span)]) for span in shots]


def inside(shot: Features) -> float | None:
    """Likeness inside a shot as VBench counts it; None for a single frame.

    The mean cosine of every later frame with the frame before it and with the first one.
    """
    if len(shot) < 2:
        return None
    before = (shot[1:] * shot[:-1]).sum(1)
    first = shot[1:] @ shot[0]
    return float(((before + first) / 2).mean())


def among(shots: Sequence[Features], casts: Sequence[frozenset[str]]) -> Iterator[float]:
    """The cosine of the mean features of every two shots that share a character.

    Args:
        shots: Features of every shot.
        casts: Whom each shot's prompt names.
    """
    means = [_unit(shot.mean(0)) for shot in shots]
    for (a, first), (b, second) in combinations(zip(means, casts, strict=True), 2):
        if first & second:
            yield float(a @ b)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vector)
    return vector / length if length else vector
