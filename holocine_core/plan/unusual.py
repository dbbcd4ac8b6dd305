"""A size or a rate that a model was not made for: it films there all the same, and rarely well."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from holocine_core.errors import Problem
from holocine_core.model.spec import ModelSpec
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.rates import shown_rate

AREA = 2.0
"""Times as many pixels as any profile of the model has, or as few, that are far from it."""
SHAPE = RATE = 1.5
"""The same of width by height, and of frames per second."""


def unusual(
    manuscript: Manuscript, spec: ModelSpec, size: tuple[int, int], fps: Fraction
) -> Iterator[Problem]:
    """What to know of a film that is far from what its model was made for; of models that somebody
    trained it is not known what that is.

    Args:
        manuscript: The screenplay.
        spec: The model's.
        size: Width and height of its takes.
        fps: Frames per second of its takes.
    """
    if not (spec.sources or spec.embedded):
        return
    sizes = dict.fromkeys((one.width, one.height) for one in spec.profiles.values())
    if all(_far(size, one) for one in sizes):
        made = " and ".join(f"{one[0]}x{one[1]}" for one in sizes)
        yield _at(
            manuscript,
            "size",
            f"{spec.name} was made for {made}, and this film is {size[0]}x{size[1]}: its picture "
            "may fall apart",
            "leave the size out; `deliver: {size: ...}` enlarges the finished film",
        )
    if _times(float(fps), spec.fps) >= RATE:
        yield _at(
            manuscript,
            "fps",
            f"{spec.name} was made for {spec.fps} frames per second, and this film has "
            f"{shown_rate(fps)}: what moves in it does so at another pace",
            "leave `fps` out; `deliver: {fps: ...}` shows the finished film at another rate",
        )


def _far(size: tuple[int, int], made: tuple[int, int]) -> bool:
    area = _times(size[0] * size[1], made[0] * made[1])
    return area > AREA or _times(size[0] * made[1], size[1] * made[0]) >= SHAPE


def _times(one: float, other: float) -> float:
    return max(one / other, other / one)


def _at(manuscript: Manuscript, key: str, message: str, hint: str) -> Problem:
    """At the film's own line of it, where it has one."""
    if key in manuscript.source.data:
        return manuscript.problem((key,), message, hint)
    return Problem(message, hint=hint)
