"""Captions that are still to be written: marked, so that none is trained on by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from holocine_core.script.screenplay import Screenplay
from holocine_core.script.yaml_source import Key

MARK = "CAPTION:"
"""Begins a text that a person, or a captioner, has yet to replace."""


def unwritten(screenplay: Screenplay) -> Iterator[Key]:
    """Places of the texts that still carry the mark."""
    for name, look in screenplay.characters.items():
        if MARK in look:
            yield ("characters", name)
    for i, scene in enumerate(screenplay.scenes):
        if MARK in scene.global_:
            yield ("scenes", i, "global")
        if scene.prompt is not None and MARK in scene.prompt:
            yield ("scenes", i, "prompt")
        for j, shot in enumerate(scene.shots or ()):
            if MARK in shot.prompt:
                yield ("scenes", i, "shots", j, "prompt")
