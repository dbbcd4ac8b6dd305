"""Shots whose prompt opens with another size, angle or movement than they have."""

from __future__ import annotations

from collections.abc import Iterator

from holocine_core.errors import Problem
from holocine_core.script.camera_words import contradict, opening_words
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.prompt import camera_phrases
from holocine_core.script.screenplay import Screenplay


def contradictions(manuscript: Manuscript, screenplay: Screenplay) -> Iterator[Problem]:
    """A warning for each: the model is told both, as :func:`compose_shot` writes a shot's size
    before its prompt."""
    for i, scene in enumerate(screenplay.scenes):
        for j, shot in enumerate(scene.shots or ()):
            if not (told := camera_phrases(shot)):
                continue
            for key, (word, written) in opening_words(shot.prompt).items():
                if key in told and contradict(key, word, own := getattr(shot, key)):
                    yield manuscript.problem(
                        ("scenes", i, "shots", j, "prompt"),
                        f"shot {manuscript.shot_name(i, j)} has the {key} {own}, and its prompt "
                        f"opens with '{written}': the model is told both",
                        f"drop those words from the prompt (reshoot: with --prompt), or write "
                        f"`{key}: {word}`",
                    )
