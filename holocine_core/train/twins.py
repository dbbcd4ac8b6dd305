"""Scenes that differ in nothing but how people look: what words of looks do, without all the rest.

A hat is few pixels, and whether its word was heard is a small part of a velocity's error, most of
which no word can tell. Of two scenes that are alike but for their people, under the same noise,
that part is all that differs. May import: stage.
"""

from __future__ import annotations

import random
from dataclasses import replace

from holocine_core.stage.sample import is_novel, sample_person, sample_scene
from holocine_core.stage.world import EVERYTHING, Person, Repertoire, Scene


def twin_scene(seed: int, layout: tuple[int, ...], within: Repertoire = EVERYTHING) -> Scene:
    """The scene of an even seed, or its twin: that of the seed before with other people.

    Args:
        seed: Of the training scenes; a twin goes by the even one too and is told alike.
        layout: Shot lengths in latent frames.
        within: What scenes are made of.
    """
    scene = sample_scene(seed - seed % 2, layout, novel=False, within=within)
    if seed % 2 == 0:
        return scene
    rng = random.Random(f"twin {seed}")
    while True:
        cast = tuple(
            sample_person(rng) if isinstance(member, Person) else member for member in scene.cast
        )
        if not is_novel(scene.place, cast):
            return replace(scene, cast=cast)
