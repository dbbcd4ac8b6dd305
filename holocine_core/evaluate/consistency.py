"""Likeness of frames: inside shots, among shots of the same character, and with their texts.

What is compared are features, one vector of length 1 per frame; where they come from is the
caller's choice (see ``features``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.numbers import Tally, tally
from holocine_core.script.timeline import FrameSpan, Span

Features = NDArray[np.float32]
"""Rows of length 1, one per frame or text."""
Vector = NDArray[np.float32]
Extract = Callable[[Frames], Features]
MOST_FRAMES = 16
"""Frames of a shot that are looked at, evenly spread."""
TEXT_OWN = "text-own-"


def spread(span: Span, most: int = MOST_FRAMES) -> list[int]:
    """At most ``most`` frame numbers, from the first to the last of a shot."""
    return sorted({round(at) for at in np.linspace(span.start, span.stop - 1, most)})


def shot_features(scene: Frames, shots: Sequence[FrameSpan], extract: Extract) -> list[Features]:
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
    means = [middle(shot) for shot in shots]
    for (a, first), (b, second) in combinations(zip(means, casts, strict=True), 2):
        if first & second:
            yield float(a @ b)


def agreement(
    name: str, shots: Features, whole: Vector, setting: Vector | None, prompts: Features
) -> dict[str, Tally]:
    """How well a scene's pictures agree with its texts, features of one space.

    Args:
        name: Of the space, which ends the names of the measures.
        shots: One per shot.
        whole: Of the scene.
        setting: Of the global caption; None without one.
        prompts: Of the shots' captions.

    Returns:
        ``text-global``: cosine of the scene with the global caption; ``text-shot``: of each shot
        with its own caption; ``text-own``: whether of all the scene's captions its own is the
        nearest (scenes of one shot are not asked).
    """
    near = shots @ prompts.T
    own = near.diagonal()
    alone = len(shots) < 2
    return {
        f"text-global-{name}": tally([] if setting is None else [float(whole @ setting)]),
        f"text-shot-{name}": tally(map(float, own)),
        # Nearer than any other: captions that are alike word for word tell nothing.
        f"{TEXT_OWN}{name}": tally(
            []
            if alone
            else [bool((row[shot] > np.delete(row, shot)).all()) for shot, row in enumerate(near)]
        ),
    }


def middle(features: Features) -> Vector:
    """The direction of the mean of some features, of length 1."""
    return _unit(features.mean(0))


def _unit(vector: Vector) -> Vector:
    length = np.linalg.norm(vector)
    return vector / length if length else vector
