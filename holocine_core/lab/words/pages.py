"""Captions of the drawn world beside what they say, which the stage knows exactly.

Letters: B scene, S shot, Q field, V value.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.lab.stage import world
from holocine_core.lab.stage.caption import Said, tell
from holocine_core.lab.stage.facts import ACTION, ANIMAL, HIDDEN, PERSON, PLACE, SHOT
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.view import left_to_right
from holocine_core.lab.stage.world import EVERYTHING, Animal, Person, Repertoire, Scene
from holocine_core.script.prompt import ScenePrompt, compose

ONE: Mapping[str, Sequence[str]] = {
    **PLACE,
    **{name: SHOT[name] for name in ("size", "angle", "movement", "people")},
}
"""Fields of which a shot has one value."""
SIDE = "side"
MOST_CAST = 3
"""Members of the cast in a scene of the stage."""
OF_EACH: Mapping[str, Sequence[str]] = {
    **{f"person {name}": values for name, values in PERSON.items()},
    f"person {ACTION}": world.ACTIONS,
    **{f"animal {name}": values for name, values in ANIMAL.items()},
    f"animal {ACTION}": world.ANIMAL_ACTIONS,
    "in": ("the shot",),
    SIDE: ("left", "right"),
}
"""Fields of one member of the cast, of which a caption may say several values or none."""
SOME: Mapping[str, Sequence[str]] = {
    f"{who} {name}": values for who in range(MOST_CAST) for name, values in OF_EACH.items()
}
"""Fields of everyone: looks of the whole cast, which the global caption tells, actions of those in
the shot, who is in it, and of two who stands left. A red coat that is nobody's is not
understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Captions with what they say.

    Attributes:
        prompts: One per scene.
        shots: Of every scene.
        one_BSQ: Number of the value said of each field of ``ONE``, or HIDDEN.
        some_BSV: 1 for every value said of the fields of ``SOME``, which follow each other.
    """

    prompts: tuple[ScenePrompt, ...]
    shots: int
    one_BSQ: Tensor
    some_BSV: Tensor


def page(
    seeds: Sequence[int],
    shots: int,
    *key: object,
    held_out: bool = False,
    within: Repertoire = EVERYTHING,
) -> Page:
    """Scenes of so many shots, told.

    Args:
        seeds: Of the scenes.
        shots: Of each.
        key: Decides, with the seed, what is told and how.
        held_out: Whether to use the words kept out of training.
        within: What the scenes are made of.
    """
    prompts, ones, somes = [], [], []
    for seed in seeds:
        scene = sample_scene(seed, (3,) * shots, within=within)
        words = " ".join(map(str, ("reading", *key, seed)))
        telling = tell(scene, random.Random(words), held_out=held_out)
        prompts.append(compose(telling.screenplay, telling.screenplay.scenes[0]))
        said = [_said_of(scene, telling.said, shot) for shot in range(shots)]
        ones.append([one for one, _ in said])
        somes.append([some for _, some in said])
    return Page(
        prompts=tuple(prompts),
        shots=shots,
        one_BSQ=torch.tensor(ones),
        some_BSV=torch.tensor(somes, dtype=torch.float32),
    )


def _said_of(scene: Scene, said: Said, number: int) -> tuple[list[int], list[float]]:
    shot = scene.shots[number]
    people = sum(isinstance(scene.cast[role.who], Person) for role in shot.roles)
    true = {name: str(getattr(scene.place, name)) for name in said.place}
    true |= {name: str(getattr(shot, name)) for name in said.shots[number] if name in ONE}
    true["people"] = str(people)
    one = [values.index(true[n]) if n in true else HIDDEN for n, values in ONE.items()]
    some: dict[str, set[str]] = {name: set() for name in SOME}
    for number_of, who in enumerate(said.order):
        for name in said.cast[who]:
            value = str(getattr(scene.cast[who], name))
            some[f"{number_of} {_kind(scene.cast[who])} {name}"].add(value)
    for role in shot.roles:
        number_of = said.order.index(role.who)
        some[f"{number_of} in"].add("the shot")
        if f"{ACTION}:{role.who}" in said.shots[number]:
            some[f"{number_of} {_kind(scene.cast[role.who])} {ACTION}"].add(role.action)
    if len(shot.roles) == 2:
        # The first to be introduced stands left, or captions say who does.
        for side, role in zip(OF_EACH[SIDE], left_to_right(shot), strict=True):
            some[f"{said.order.index(role.who)} {SIDE}"].add(side)
    return one, [float(v in some[name]) for name, values in SOME.items() for v in values]


def _kind(member: Person | Animal) -> str:
    return "person" if isinstance(member, Person) else "animal"
