"""What films are asked for: held-out scenes of the drawn world, told as screenplays.

A suite is made from two numbers, so the same one can be filmed by any model, or by one model under
any of its mechanisms.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import InputError
from holocine_core.lab.stage.sample import CHECK_SEEDS, SUITE_SEEDS, is_novel, sample_scene
from holocine_core.lab.stage.world import EVERYTHING, Repertoire, Scene
from holocine_core.script.screenplay import Screenplay

if TYPE_CHECKING:
    from holocine_core.lab.stage.caption import Said

Words = Literal["trained", "held-out"]
TWIN_EVERY = 4
"""Every so many scenes is told a second time, in words that no training caption holds."""
MOST_CASES = 1000
_FORM = re.compile(r"stage:(\d{1,18}):(\d{1,4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scene to film.

    Attributes:
        name: Unique in the suite.
        scene: Its whole truth.
        said: The part of it that the screenplay tells.
        screenplay: What a model gets.
        words: Whether it is told in words of training captions or in others.
        noise: Seed of the film's noise.
    """

    name: str
    scene: Scene
    said: Said
    screenplay: Screenplay
    words: Words = "trained"
    noise: int = 0

    @property
    def novel(self) -> bool:
        """Whether it shows a combination that training never does."""
        return is_novel(self.scene.place, self.scene.cast)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Cases under a name that says how to make them again."""

    name: str
    cases: tuple[Case, ...]
    within: Repertoire = EVERYTHING
    """What its scenes may show."""


@dataclass(frozen=True, slots=True)
class Filmed:
    """A case and the frames [T, H, W, 3] that some model, variant or brush made of it."""

    case: Case
    frames: Frames


def parse_suite(text: str, within: Repertoire = EVERYTHING) -> Suite:
    """The suite of ``stage:SEED:COUNT``.

    Args:
        text: As above.
        within: What its scenes may show; see :func:`~holocine_core.lab.learned.world_of`.

    Raises:
        InputError: It is written otherwise, too long, or its scenes may have been trained on.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            f"'{text}' is no suite",
            hint=f"write stage:SEED:COUNT, such as stage:{SUITE_SEEDS}:20",
        )
    seed, count = int(found[1]), int(found[2])
    if not SUITE_SEEDS <= seed <= CHECK_SEEDS - count:
        raise InputError(
            f"scenes {seed} to {seed + count - 1} are not all among those kept for suites",
            hint=f"give seeds from {SUITE_SEEDS} to {CHECK_SEEDS - 1}",
        )
    if not 1 <= count <= MOST_CASES:
        raise InputError(f"a suite has 1 to {MOST_CASES} scenes, not {count}")
    return stage_suite(seed, count, within)


def stage_suite(seed: int, count: int, within: Repertoire = EVERYTHING) -> Suite:
    """Scenes of the stage from a seed on; every fourth is told twice (see TWIN_EVERY)."""
    cases = []
    for at in range(count):
        cases.append(stage_case(seed + at, "trained", within))
        if at % TWIN_EVERY == 0:
            cases.append(stage_case(seed + at, "held-out", within))
    return Suite(name=f"stage:{seed}:{count}", cases=tuple(cases), within=within)


def stage_case(seed: int, words: Words, within: Repertoire = EVERYTHING) -> Case:
    """A scene of the stage, told by its own seed."""
    from holocine_core.lab.stage.caption import tell

    scene = sample_scene(seed, within=within)
    telling = tell(scene, random.Random(f"evaluate {seed}"), held_out=words == "held-out")
    return Case(
        name=f"stage-{seed}" + ("-held-out" if words == "held-out" else ""),
        scene=scene,
        said=telling.said,
        screenplay=telling.screenplay,
        words=words,
        noise=seed % 2**31,
    )
