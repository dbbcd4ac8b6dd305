"""Films whose frames say which scene and shot they are, and a judge that reads the truth of it.

Nothing is drawn: a judge is a function of frames, so here it looks up what they stand for and
answers as the test wants a film to look.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holocine_core.lab.judge.reading import Reading
from holocine_core.lab.stage.facts import ANIMAL, FIELDS, PERSON
from holocine_core.lab.stage.sample import SUITE_SEEDS, sample_scene
from holocine_core.lab.stage.view import in_view
from holocine_core.lab.stage.world import Person, Scene
from holocine_core.lab.suites.suite import Case, Filmed, Words
from holocine_core.script.screenplay import Scene as TextScene
from holocine_core.script.screenplay import Screenplay, Shot

Truth = dict[str, str]
Change = Callable[[Case, int, Truth], Truth]
"""Case, number of a shot and what it truly shows -> what its film shows."""


@dataclass(frozen=True)
class Said:
    place: frozenset[str]
    cast: tuple[frozenset[str], ...]
    shots: tuple[frozenset[str], ...]


def case_of(seed: int, share: float = 0.5, words: Words = "trained") -> Case:
    """A held-out scene of which a random part is told."""
    scene = sample_scene(SUITE_SEEDS + seed)
    rng = random.Random(seed)

    def some(names: Sequence[str]) -> frozenset[str]:
        return frozenset(name for name in names if rng.random() < share)

    cast = [some(list(PERSON if isinstance(one, Person) else ANIMAL)) for one in scene.cast]
    shots = [
        some(["size", "angle", "movement", *(f"action:{role.who}" for role in shot.roles)])
        for shot in scene.shots
    ]
    said = Said(some(["set", "time", "weather", "accent"]), tuple(cast), tuple(shots))
    told = Screenplay(scenes=(TextScene(shots=(Shot(prompt="A scene."),)),))
    return Case(name=f"{seed}-{words}", scene=scene, said=said, screenplay=told, words=words)


def stamped(case: Case, number: int) -> Filmed:
    """A film whose pixels hold the number of its case and of each frame."""
    frames = np.zeros((case.scene.frames, 2, 2, 3), np.uint8)
    frames[:, 0, 0] = (number // 256, number % 256, 0)
    frames[:, 0, 1, 0] = np.arange(case.scene.frames)
    return Filmed(case, frames)


def films(count: int, share: float = 0.5) -> list[Filmed]:
    return [stamped(case_of(seed, share), seed) for seed in range(count)]


def keep(case: Case, shot: int, truth: Truth) -> Truth:
    return truth


def judge_of(filmed: Sequence[Filmed], change: Change = keep) -> Callable[..., list[Reading]]:
    """Reads what ``change`` makes of the truth; what is not in view is the first value."""

    cases = {film.frames[0, 0, 0].tobytes(): film.case for film in filmed}

    def read(frames: np.ndarray) -> Reading:
        case = cases[frames[0, 0, 0].tobytes()]
        starts = [shot.frames.start for shot in case.scene.shots]
        shot = starts.index(int(frames[0, 0, 1, 0]))
        truth = in_view(case.scene, case.scene.shots[shot])
        return reading(change(case, shot, dict(truth)))

    return lambda shots: [read(frames) for frames in shots]


def reading(values: Mapping[str, str]) -> Reading:
    """A reading that is sure of some values."""
    shares = {}
    for name, known in FIELDS.items():
        share = np.full(len(known), 0.1 / len(known), np.float32)
        share[known.index(values[name]) if name in values else 0] += 0.9
        shares[name] = share
    return Reading(shares)


def everything(name: str, size: str) -> bool:
    """A judge that can be believed in all fields."""
    return True


def truth_of(scene: Scene, shot: int) -> Truth:
    return in_view(scene, scene.shots[shot])
