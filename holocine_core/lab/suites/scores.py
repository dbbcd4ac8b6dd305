"""Scores of films of known scenes: do they show what was said, and keep what was not?

Every function takes films as the judge saw them (``watched``) and returns one tally per film.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from holocine_core.evaluate.numbers import Measure, Tally, mean, share, tally
from holocine_core.lab.judge.reading import Judge
from holocine_core.lab.stage.facts import ACTION, FIELDS
from holocine_core.lab.stage.sample import LOOK_PAIRS, PLACE_PAIR, is_novel_place, novel_looks
from holocine_core.lab.stage.world import Person
from holocine_core.lab.suites.retrieval import retrieval
from holocine_core.lab.suites.suite import Filmed
from holocine_core.lab.suites.watched import (
    CAMERA,
    Appearance,
    Item,
    Reads,
    Watched,
    agreements,
    appearances,
    compared,
    watch,
)

_OWN_TEXT = frozenset({*CAMERA, ACTION})
"""Groups of facts that stand in a shot's own text."""
_MEMORY = ("place-unsaid", "place-elsewhere", "identity-", "recall")
"""Measures that compare shots of one film with each other, whatever it was asked for."""


def score(films: Sequence[Filmed], judge: Judge, reads: Reads) -> dict[str, Measure]:
    """All scores that these films allow.

    Args:
        films: Of any model, under any variant; the same cases for rows that are to be compared.
        judge: Reads shots.
        reads: Which fields the judge can be believed in.
    """
    return score_watched(watch(films, judge, reads))


def score_watched(films: Sequence[Watched]) -> dict[str, Measure]:
    """:func:`score` of films that were watched already."""
    trained = [film for film in films if film.case.words == "trained"]
    held_out = [film for film in films if film.case.words == "held-out"]
    seeds = {film.case.scene.seed for film in held_out}
    found = _said(trained) | _identity(trained)
    found["place-unsaid"] = _share(trained, _kept_place)
    found["place-elsewhere"] = share(_other_places(trained))
    found["leak"] = _share(trained, _leak)
    found["leak-chance"] = _leak_chance(trained)
    found["binding"] = _share(trained, _binding)
    found["sides"] = _share(trained, _sides)
    found["retrieval"] = share(retrieval(trained))
    found["said-familiar"] = _share(trained, lambda film: _paired(film, novel=False))
    found["said-novel"] = _share(trained, lambda film: _paired(film, novel=True))
    found["said-held-out-words"] = _share(held_out, said)
    twins = [film for film in trained if film.case.scene.seed in seeds]
    found["said-trained-words"] = _share(twins, said)
    return {name: measure for name, measure in found.items() if measure is not None}


def by_chance(films: Sequence[Watched]) -> dict[str, Measure]:
    """What is right by chance: the scores of every screenplay with another scene's film.

    What shots of one film have in common is left out: the other film keeps its own people and
    place, so that this would be no chance. Floors of those are ``identity-elsewhere`` and
    ``place-elsewhere``.
    """
    found = score_watched(elsewhere(films))
    return {name: one for name, one in found.items() if not name.startswith(_MEMORY)}


def elsewhere(films: Sequence[Watched]) -> list[Watched]:
    """Every screenplay with the film of another scene: what is right by chance.

    The shots of the other film are spread over those of the screenplay.
    """
    scenes = list({film.case.scene.seed: film for film in films}.values())
    at = {film.case.scene.seed: i for i, film in enumerate(scenes)}
    found = []
    for film in films:
        other = scenes[(at[film.case.scene.seed] + 1) % len(scenes)].readings
        count = len(film.shots)
        readings = tuple(other[shot * len(other) // count] for shot in range(count))
        found.append(Watched(film.case, readings, film.reads))
    return found


def _share(films: Sequence[Watched], of: Callable[[Watched], Tally]) -> Measure | None:
    """A share whose films are told apart by their scene: takes of one are no news."""
    return share(_by_scene(films, of))


def _by_scene(films: Sequence[Watched], of: Callable[[Watched], Tally]) -> list[Tally]:
    scenes: dict[int, Tally] = defaultdict(Tally)
    for film in films:
        scenes[film.case.scene.seed] += of(film)
    return list(scenes.values())


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
    groups |= {name: name for name in (*CAMERA, "people", ACTION)}
    found = {"said": _share(films, said)}
    for name, group in groups.items():
        only = frozenset({group})
        found[name] = _share(films, lambda film, only=only: said(film, only))  # type: ignore[misc]
    return found


def _paired(film: Watched, *, novel: bool) -> Tally:
    """Facts of a pair (see ``sample.LOOK_PAIRS``) that is said whole and in view: whether shots
    show them, for pairs that training never shows together or for all others."""
    return tally(
        film.right(shot, item)
        for shot in range(len(film.shots))
        for items, new in _pairs(film, shot)
        if new == novel
        for item in items
    )


def _pairs(film: Watched, shot: int) -> Iterator[tuple[tuple[Item, ...], bool]]:
    told = {item.field: item for item in film.said_items(shot)}
    groups: list[tuple[str, tuple[str, str], bool]] = [
        ("", PLACE_PAIR, is_novel_place(film.case.scene.place))
    ]
    for slot, index in film.standing(shot).items():
        member = film.case.scene.cast[film.shots[shot].roles[index].who]
        if isinstance(member, Person):
            unknown = novel_looks(member)
            groups += [(f"{slot}.", pair, pair in unknown) for pair in LOOK_PAIRS]
    for prefix, pair, new in groups:
        names = [prefix + name for name in pair]
        if all(name in told for name in names):
            yield tuple(told[name] for name in names), new


def _leak(film: Watched) -> Tally:
    """Whether shots show what only a neighbouring shot's text says.

    Counted are camera and action, which are said in a shot's own text, where a neighbour's text
    says another value; looks are said in the global caption, which all shots read.
    """
    return tally(
        film.readings[shot].value(item.field) in others
        for shot, item, others in _beside_told(film)
        if others
    )


def _beside_told(film: Watched) -> Iterator[tuple[int, Item, frozenset[str]]]:
    """Every camera and action fact said of a shot, and other values that its neighbours' texts say
    of the same."""
    last = len(film.shots) - 1
    told = [
        {item.field: item for item in film.said_items(shot) if item.group in _OWN_TEXT}
        for shot in range(last + 1)
    ]
    for shot, items in enumerate(told):
        neighbours = [told[at] for at in (shot - 1, shot + 1) if 0 <= at <= last]
        for name, item in items.items():
            values = {near[name].value for near in neighbours if name in near}
            yield shot, item, frozenset(values - {item.value})


def _leak_chance(films: Sequence[Watched]) -> Measure | None:
    """The share that ``leak`` would be if neighbours had no say: how often shots whose neighbours
    say nothing of a value show it, although their own text says another."""
    shown: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for film in films:
        for shot, item, others in _beside_told(film):
            seen = film.readings[shot].value(item.field)
            for value in FIELDS[item.field]:
                if value != item.value and value not in others:
                    shown[item.field, value] += Tally(seen == value, 1)

    def expected(film: Watched) -> Tally:
        rates = []
        for _, item, others in _beside_told(film):
            known = [shown[item.field, value] for value in others]
            if others and all(one.n for one in known):
                rates.append(sum(one.sum / one.n for one in known))
        return tally(rates)

    return mean(_by_scene(films, expected))


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


def _sides(film: Watched) -> Tally:
    """Whether two people of a shot stand as told, left and right. Chance is a half."""
    told = map(film.sided, range(len(film.shots)))
    return tally(one for one in told if one is not None)


# --- where it is ----------------------------------------------------------------------------------


def _kept_place(film: Watched) -> Tally:
    """Whether two shots agree in what nobody said of their place."""
    return tally(
        film.readings[a].value(name) == film.readings[b].value(name)
        for a, b in combinations(range(len(film.shots)), 2)
        for name in film.unsaid_places(a) & film.unsaid_places(b)
    )


def _other_places(films: Sequence[Watched]) -> list[Tally]:
    """How often shots of different films agree in the same: what agrees anyway."""
    scenes = list({film.case.scene.seed: film for film in films}.values())
    found = []
    for film, other in zip(scenes, [*scenes[1:], *scenes[:1]], strict=True):
        if film is not other:
            found.append(
                tally(
                    film.readings[a].value(name) == other.readings[b].value(name)
                    for a in range(len(film.shots))
                    for b, shot in enumerate(other.shots)
                    for name in film.unsaid_places(a)
                    if other.reads(name, shot.size)
                )
            )
    return found


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
        films: One per case. A film that was made without the given shot tells what agrees anyway,
            once the drawn shot is laid over its own (see :func:`with_shot`).
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


def with_shot(film: Filmed, other: Filmed, shot: int) -> Filmed:
    """A film in which one shot is another film's of the same scene."""
    span = film.case.scene.shots[shot].frames
    frames = film.frames.copy()
    frames[span.start : span.stop] = other.frames[span.start : span.stop]
    return Filmed(film.case, frames)


def _beside(film: Watched, shot: int) -> Iterator[tuple[Appearance, Appearance]]:
    """A person in one shot and in each other one."""
    for a, b in _same(film):
        if shot in (a.shot, b.shot):
            yield a, b


def _strangers(films: Sequence[Watched]) -> list[Tally]:
    """Agreement in unsaid looks between people of different scenes: what a film has that knows
    nothing of its own other shots."""
    scenes = list({film.case.scene.seed: film for film in films}.values())
    found = []
    for film, other in zip(scenes, [*scenes[1:], *scenes[:1]], strict=True):
        if film is other:
            continue
        mine, others = appearances(film), appearances(other)
        found.append(
            tally(
                same
                for a in mine
                for b in others
                for _, same in compared((film, a), (other, b), said=False)
            )
        )
    return found


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
    """Agreement of a person's looks between shots, and of different people's as floors."""

    def alike(pairs: Pairs, *, told: bool) -> Measure | None:
        return _share(films, lambda film: _alike(film, pairs, told=told))

    return {
        "identity-said": alike(_same, told=True),
        "identity-unsaid": alike(_same, told=False),
        "identity-other": alike(_other, told=False),
        "identity-elsewhere": share(_strangers(films)),
        "identity-margin": mean(_by_scene(films, _margin)),
        "recall": alike(_returns, told=False),
    }
