"""The pictures that a screenplay holds frames to: are they there, and of the film's shape?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from holocine_core.errors import Problem
from holocine_core.script.keyframes import Held, held_pictures
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.pictures import PictureFault, open_picture
from holocine_core.script.screenplay import Scene
from holocine_core.script.timeline import Timeline

SHAPE_TOLERANCE = 0.02
"""How much a picture's shape may differ from the film's, as a share; it is scaled to fit then."""


def picture_problems(
    manuscript: Manuscript,
    index: int,
    scene: Scene,
    timeline: Timeline,
    size: tuple[int, int] | None,
    *,
    outside: bool,
) -> Iterator[Problem]:
    """What is wrong with a scene's pictures.

    Args:
        manuscript: The screenplay.
        index: Of the scene.
        scene: Valid, as its timeline is.
        timeline: Where its shots begin.
        size: The film's width and height; shapes are not compared where None.
        outside: Whether pictures may lie outside the screenplay's folder.
    """
    held = held_pictures(scene, timeline)
    for one in held:
        key = ("scenes", index, *one.key)
        if isinstance(one, Held):
            path = manuscript.source.path.parent / one.file
            for message, hint in _wrong(path, manuscript.source.path.parent, size, outside):
                yield manuscript.problem(key, message, hint)
        else:
            yield manuscript.problem(key, one.message, one.hint)


def _wrong(
    path: Path, folder: Path, size: tuple[int, int] | None, outside: bool
) -> Iterator[tuple[str, str]]:
    # False, not an error, for impossible names.
    if not os.path.isfile(path):  # noqa: PTH113
        yield f"no picture at {path}", "paths are relative to the screenplay"
        return
    if not outside and not path.resolve().is_relative_to(folder.resolve()):
        yield (
            f"the picture {path} lies outside the screenplay's folder",
            "copy it there, or allow it with --allow-outside",
        )
        return
    try:
        width, height = open_picture(path).size
    except PictureFault as fault:
        yield f"the picture {path} {fault.message}", fault.hint
        return
    if size is not None and abs(width * size[1] / (height * size[0]) - 1) > SHAPE_TOLERANCE:
        shape = Fraction(size[0], size[1])
        yield (
            f"the picture {path.name} is {width}x{height}, the film {size[0]}x{size[1]}",
            f"crop it to {shape.numerator}:{shape.denominator}",
        )
