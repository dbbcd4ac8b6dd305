"""Which film is it? Whether a film fits its own screenplay better than any other one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holocine_core.evaluate.numbers import Tally, tally
from holocine_core.lab.judge.reading import Reading
from holocine_core.lab.stage.facts import ANIMAL, FIELDS, PEOPLE, PERSON
from holocine_core.lab.stage.world import Person
from holocine_core.lab.suites.suite import Case
from holocine_core.lab.suites.watched import CAMERA, Watched, occupied

SCREENINGS = 20
"""Films and screenplays in one round of retrieval."""
_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something a screenplay says of its film as a whole."""

    kind: str
    """place, person, animal or camera."""
    name: str
    value: str


def _facts(case: Case) -> frozenset[_Fact]:
    scene, told = case.scene, case.said
    facts = [_Fact("place", name, str(getattr(scene.place, name))) for name in told.place]
    for member, names in zip(scene.cast, told.cast, strict=True):
        person = isinstance(member, Person)
        known = PERSON if person else ANIMAL
        kind = "person" if person else "animal"
        facts += [_Fact(kind, n, str(getattr(member, n))) for n in names if n in known]
    for shot, names in zip(scene.shots, told.shots, strict=True):
        facts += [_Fact("camera", n, str(getattr(shot, n))) for n in names if n in CAMERA]
    return frozenset(facts)


def _evidence(film: Watched, fact: _Fact) -> float | None:
    """How likely a film shows a fact somewhere (a place: everywhere); None where the judge can't
    read it in any of the film's shots."""
    slots: Callable[[Reading], Sequence[str]] = {
        "person": occupied,
        "animal": lambda reading: ("animal",),
    }.get(fact.kind, lambda reading: ("",))
    found, asked = [], False
    for shot, reading in zip(film.shots, film.readings, strict=True):
        for slot in (*PEOPLE, "animal") if fact.kind in ("person", "animal") else ("",):
            name = f"{slot}.{fact.name}" if slot else fact.name
            if name not in FIELDS or not film.reads(name, shot.size):
                continue
            asked = True
            if slot in slots(reading):
                found.append(reading.share(name, fact.value))
    if not asked:
        return None
    if fact.kind == "place":
        return float(np.mean(found))
    return max(found, default=0.0)


def retrieval(films: Sequence[Watched]) -> list[Tally]:
    """For each film, whether its own screenplay fits it best of a round of ``SCREENINGS``.

    A screenplay fits by the sum, over what it says, of the logarithm of how much likelier the film
    shows it than the round's films do on average. A round holds a scene once; what fills none is
    left out.
    """
    takes: list[list[Watched]] = []
    seen: dict[int, int] = defaultdict(int)
    for film in films:
        seed = film.case.scene.seed
        while len(takes) <= seen[seed]:
            takes.append([])
        takes[seen[seed]].append(film)
        seen[seed] += 1
    scenes: dict[int, Tally] = defaultdict(Tally)
    for each in takes:
        for at in range(0, len(each) - SCREENINGS + 1, SCREENINGS):
            chosen = each[at : at + SCREENINGS]
            for film, found in zip(chosen, _round(chosen), strict=True):
                scenes[film.case.scene.seed] += found
    return list(scenes.values())


def _round(films: Sequence[Watched]) -> list[Tally]:
    told = [_facts(film.case) for film in films]
    facts = frozenset().union(*told)
    tables: list[Mapping[_Fact, float | None]] = [
        {fact: _evidence(film, fact) for fact in facts} for film in films
    ]
    known = {fact: [v for table in tables if (v := table[fact]) is not None] for fact in facts}
    usual = {fact: sum(values) / len(values) for fact, values in known.items() if values}

    def fit(film: int, screenplay: int) -> float:
        return math.fsum(
            math.log((share + _FLOOR) / (usual[fact] + _FLOOR))
            for fact in told[screenplay]
            if (share := tables[film][fact]) is not None
        )

    best = [max(range(len(films)), key=lambda s: fit(f, s)) for f in range(len(films))]
    return [tally([found == f]) for f, found in enumerate(best)]
