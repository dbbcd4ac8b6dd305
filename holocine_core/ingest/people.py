"""Who is in a scene's shots: shots that look alike get one name, for a person to correct.

No network knows faces here. What stands in the middle of a shot, its hair and its clothes, is told
by its colours, apart from what is around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from holocine_core.ingest.film import Film
from holocine_core.ingest.footage import Picture
from holocine_core.ingest.samples import LOOK, SHOT
from holocine_core.ingest.scenes import SceneCut
from holocine_core.script.screenplay import Screenplay

ALIKE = 0.5
"""How much of their colours two shots must share to get one name; chosen on drawn scenes
(benchmarks/ingest.py measures on others)."""
_SHADES = 8
_MIDDLE = (0.1, 0.95, 0.33, 0.67)
"""Top, bottom, left and right of where somebody stands, in shares of the sides."""
_BESIDE = 1.4
"""How much of a colour must be in the middle for each part of it beside, to be somebody's own."""


def named(screenplay: Screenplay, film: Film, scene: SceneCut) -> Screenplay:
    """Marks that say which shots seem to show the same person.

    Args:
        screenplay: Of the scene, with ``CAPTION:`` marks.
        film: Whose pictures were gathered.
        scene: The scene.
    """
    pictures = [
        [film.looks.read(time) for time in film.pictures(part.shot, 3)] for part in scene.parts
    ]
    numbers = clusters([sign(seen) for seen in pictures])
    names = [f"person{number + 1}" for number in numbers]
    shots = tuple(
        shot.model_copy(update={"prompt": f"{SHOT}; {{{name}}}, if that is who is seen"})
        for shot, name in zip(screenplay.scenes[0].shots or (), names, strict=True)
    )
    looks = {name: LOOK for name in dict.fromkeys(names)}
    changed = screenplay.scenes[0].model_copy(update={"shots": shots})
    return screenplay.model_copy(update={"scenes": (changed,), "characters": looks})


def sign(pictures: Sequence[Picture]) -> NDArray[np.float64]:
    """The colours of what stands in the middle, less those beside it: shares of all shades."""
    inside = np.zeros(_SHADES**3)
    beside = np.zeros(_SHADES**3)
    for picture in pictures:
        height, width = picture.shape[:2]
        codes = (picture >> 5).astype(np.int64) @ np.array([_SHADES**2, _SHADES, 1])
        top, bottom, left, right = (
            round(share * side)
            for share, side in zip(_MIDDLE, (height, height, width, width), strict=True)
        )
        middle = np.zeros(codes.shape, bool)
        middle[top:bottom, left:right] = True
        inside += np.bincount(codes[middle], minlength=_SHADES**3) / middle.sum()
        beside += np.bincount(codes[~middle], minlength=_SHADES**3) / (~middle).sum()
    inside, beside = _blurred(inside), _blurred(beside)
    own = np.clip(inside - _BESIDE * beside, 0, None)
    total = own.sum()
    shares: NDArray[np.float64] = own / total if total > 0 else inside / inside.sum()
    return shares


def _blurred(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shades that share with their neighbours: light moves colours a little."""
    cube = np.pad(shares.reshape((_SHADES,) * 3), 1)
    for axis in range(3):
        cube = (np.roll(cube, 1, axis) + 2 * cube + np.roll(cube, -1, axis)) / 4
    inner: NDArray[np.float64] = cube[1:-1, 1:-1, 1:-1].ravel()
    return inner


def clusters(signs: Sequence[NDArray[np.float64]]) -> list[int]:
    """The number of each shot's group, from 0, in the order they appear."""
    groups: list[list[int]] = []
    for number, one in enumerate(signs):
        likeness = [
            max(float(np.minimum(one, signs[other]).sum()) for other in group) for group in groups
        ]
        best = int(np.argmax(likeness)) if likeness else -1
        if best >= 0 and likeness[best] >= ALIKE:
            groups[best].append(number)
        else:
            groups.append([number])
    found = [0] * len(signs)
    for number, group in enumerate(groups):
        for member in group:
            found[member] = number
    return found
