"""Scores of films of known scenes: do they show what was said, and keep what was not?

Every function takes films as the judge saw them (``watched``) and returns one tally per film.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from holocine_core.evaluate.numbers import Measure, Tally, mean, share, tally
from holocine_core.evaluate.reading import Judge
from holocine_core.evaluate.suite import Case, Filmed
from holocine_core.evaluate.watched import (
    CAMERA,
    Appearance,
    Reads,
    Watched,
    agreements,
    appearances,
    occupied,
    watch,
)
from holocine_core.stage.facts import ACTION, ANIMAL, PERSON
from holocine_core.stage.world import Person

SCREENINGS = 20
"""Films and screenplays in one round of retrieval."""
_FLOOR = 0.01


def score(films: Sequence[Filmed], judge: Judge, reads: Reads) -> dict[str, Measure]:
    """All scores that these films allow.

    Args:
        films: Of any model, under any variant; the same cases for rows that are to be compared.
        judge: Reads shots.
        reads: Which fields the judge can be believed in.
    """
    everything = watch(films, judge, reads)
    trained = [film for film in everything if film.case.words == "trained"]
    held_out = [film for film in everything if film.case.words == "held-out"]
    seeds = {film.case.scene.seed for film in held_out}
    found = _said(trained) | _identity(trained)
    found["leak"] = share([_leak(film) for film in trained])
    found["binding"] = share([_binding(film) for film in trained])
    found["retrieval"] = share(_retrieval(trained))
    found["said-familiar"] = share([said(film) for film in trained if not film.case.novel])
    found["said-novel"] = share([said(film) for film in trained if film.case.novel])
    found["said-held-out-words"] = share([said(film) for film in held_out])
    twins = [film for film in trained if film.case.scene.seed in seeds]
    found["said-trained-words"] = share([said(film) for film in twins])
    return {name: measure for name, measure in found.items() if measure is not None}


# --- what was said -------------------------------------------------------------------------------


def said(film: Watched, groups: frozenset[str] | None = None) -> Tally:
    """What the screenplay says of each shot, and whether the shot shows it."""
    return tally(
        film.right(shot, item)
        for shot in range(len(film.shots))
        for item in film.said_items(shot)
        if groups is None or item.group in groups
    )


def _said(films: Sequence[Watched]) -> dict[str, Measure | None]:
    groups = {f"said-{name}": name for name in ("place", "look")}
    groups |= {name: name for name in (*CAMERA, ACTION)}
    found = {"said": share([said(film) for film in films])}
    for name, group in groups.items():
        found[name] = share([said(film, frozenset({group})) for film in films])
    return found


def _leak(film: Watched) -> Tally:
    """Whether shots show what only a neighbouring shot's text says.

    Counted are facts said of a shot whose value is another in the text of a neighbour: camera,
    action, and the look of whoever is alone in both.
    """
    return tally(_leaks(film))


def _leaks(film: Watched) -> Iterator[bool]:
    last = len(film.shots) - 1
    told = [{item.field: item for item in film.said_items(shot)} for shot in range(last + 1)]
    for shot, items in enumerate(told):
        neighbours = [told[at] for at in (shot - 1, shot + 1) if 0 <= at <= last]
        for name, item in items.items():
            if item.group == "place" or (item.group == "look" and not _alone(film, shot)):
                continue
            other = {near[name].value for near in neighbours if name in near} - {item.value}
            if other:
                yield film.readings[shot].value(name) in other


def _alone(film: Watched, shot: int) -> bool:
    """Whether a shot and its neighbours show one member of the cast each."""
    around = film.shots[max(0, shot - 1) : shot + 2]
    return all(len(one.roles) == 1 for one in around)


def _binding(film: Watched) -> Tally:
    """Whether each of two people in a shot has its own look, and not the other's.

    For every field said of both and not alike, each person's place is taken from all other facts
    said of them; then its own value has to be likelier there than the other's. Chance is a half.
    """
    return tally(_bindings(film))


def _bindings(film: Watched) -> Iterator[bool]:
    for shot in range(len(film.shots)):
        fields = film.differing(shot)
        if len(fields) < 2:
            continue  # Nothing else could say who is who.
        for name in fields:
            reading = film.readings[shot]
            standing = film.standing(shot, without=name)
            people = sorted(index for slot, index in standing.items() if slot != "animal")
            for slot, index in standing.items():
                if slot == "animal":
                    continue
                at = people.index(index)
                own, other = fields[name][at], fields[name][1 - at]
                field = f"{slot}.{name}"
                yield reading.share(field, own) > reading.share(field, other)


# --- who is who ----------------------------------------------------------------------------------

Pairs = Callable[[Watched], Iterator[tuple[Appearance, Appearance]]]


def _same(film: Watched) -> Iterator[tuple[Appearance, Appearance]]:
    """Two appearances of one person."""
    for a, b in combinations(appearances(film), 2):
        if a.who == b.who:
            yield a, b


def _other(film: Watched) -> Iterator[tuple[Appearance, Appearance]]:
    """Appearances of two people."""
    for a, b in combinations(appearances(film), 2):
        if a.who != b.who:
            yield a, b


def _returns(film: Watched) -> Iterator[tuple[Appearance, Appearance]]:
    """A person before and after shots that do not show it (A-B-A)."""
    for a, b in _same(film):
        between = film.shots[a.shot + 1 : b.shot]
        if between and not any(role.who == a.who for one in between for role in one.roles):
            yield a, b


def taken_up(
    films: Sequence[Filmed], given: Sequence[int], judge: Judge, reads: Reads
) -> Measure | None:
    """How often people have, in other shots, the unsaid looks they have in a shot that was given.

    Args:
        films: One per case.
        given: Per film, the number of the shot that was given.
        judge: Reads shots.
        reads: Which fields the judge can be believed in.
    """
    watched = watch(films, judge, reads)
    return share(
        [
            _alike(film, lambda one, at=shot: _beside(one, at), told=False)  # type: ignore[misc]
            for film, shot in zip(watched, given, strict=True)
        ]
    )


def _beside(film: Watched, shot: int) -> Iterator[tuple[Appearance, Appearance]]:
    """A person in one shot and in each other one."""
    for a, b in _same(film):
        if shot in (a.shot, b.shot):
            yield a, b


def _alike(film: Watched, pairs: Pairs, *, told: bool) -> Tally:
    return tally(same for a, b in pairs(film) for _, same in agreements(film, a, b, told))


def _margin(film: Watched) -> Tally:
    """How much more a person agrees with itself than with others, field by field.

    Only fields that nothing is said about and that can be compared both ways count, so that what is
    easy to guess does not.
    """
    sides: list[dict[str, list[bool]]] = []
    for pairs in (_same, _other):
        seen = defaultdict[str, list[bool]](list)
        for a, b in pairs(film):
            for name, same in agreements(film, a, b, said=False):
                seen[name].append(same)
        sides.append(seen)
    mine, others = sides
    both = sorted(mine.keys() & others.keys())
    return tally(
        sum(mine[name]) / len(mine[name]) - sum(others[name]) / len(others[name]) for name in both
    )


def _identity(films: Sequence[Watched]) -> dict[str, Measure | None]:
    """Agreement of a person's looks between shots, and of different people's as a floor."""
    return {
        "identity-said": share([_alike(film, _same, told=True) for film in films]),
        "identity-unsaid": share([_alike(film, _same, told=False) for film in films]),
        "identity-other": share([_alike(film, _other, told=False) for film in films]),
        "identity-margin": mean([_margin(film) for film in films]),
        "recall": share([_alike(film, _returns, told=False) for film in films]),
    }


# --- which film is it? ---------------------------------------------------------------------------


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


def _evidence(film: Watched, fact: _Fact) -> float:
    """How likely a film shows a fact somewhere (a place: everywhere)."""
    match fact.kind:
        case "place":
            return float(np.mean([r.share(fact.name, fact.value) for r in film.readings]))
        case "camera":
            return max(r.share(fact.name, fact.value) for r in film.readings)
        case "animal":
            return max(r.share(f"animal.{fact.name}", fact.value) for r in film.readings)
    people = [
        reading.share(f"{slot}.{fact.name}", fact.value)
        for reading in film.readings
        for slot in occupied(reading)
    ]
    return max(people, default=0.0)


def _retrieval(films: Sequence[Watched]) -> list[Tally]:
    """For each film, whether its own screenplay fits it best of a round.

    A screenplay fits by the sum, over what it says, of the logarithm of how much likelier the film
    shows it than the round's films do on average.
    """
    rounds = [films[at : at + SCREENINGS] for at in range(0, len(films), SCREENINGS)]
    if len(rounds) > 1 and len(rounds[-1]) < SCREENINGS:
        rounds.pop()
    return [one for films in rounds if len(films) > 1 for one in _round(films)]


def _round(films: Sequence[Watched]) -> list[Tally]:
    told = [_facts(film.case) for film in films]
    facts = frozenset().union(*told)
    tables: list[Mapping[_Fact, float]] = [
        {fact: _evidence(film, fact) for fact in facts} for film in films
    ]
    usual = {fact: sum(table[fact] for table in tables) / len(tables) for fact in facts}

    def fit(film: int, screenplay: int) -> float:
        return math.fsum(
            math.log((tables[film][fact] + _FLOOR) / (usual[fact] + _FLOOR))
            for fact in told[screenplay]
        )

    best = [max(range(len(films)), key=lambda s: fit(f, s)) for f in range(len(films))]
    return [tally([found == f]) for f, found in enumerate(best)]
