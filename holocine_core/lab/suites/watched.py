"""A film of a known scene as the judge saw it: who stands where, what was said, what was seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from holocine_core.lab.judge.reading import Judge, Reading, shown
from holocine_core.lab.stage.facts import ACTION, PEOPLE
from holocine_core.lab.stage.view import left_to_right, member_in_view, place_in_view, shot_in_view
from holocine_core.lab.stage.world import Person, Shot
from holocine_core.lab.suites.suite import Case, Filmed

Reads = Callable[[str, str], bool]
"""Whether a field can be believed in pictures of a size."""
CAMERA = ("size", "angle", "movement")
_FLOOR = 1e-3
_BY_NOUN = frozenset({"build", "bottom", "accessory"})
_SILENT = frozenset({"none", "plain"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A fact of one shot that can be looked for.

    Attributes:
        group: What it is about: place, look, action, or a field of the camera.
        field: The judge's field.
        value: What is true.
    """

    group: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Watched:
    """One film and what the judge read in each of its shots."""

    case: Case
    readings: tuple[Reading, ...]
    reads: Reads

    @property
    def shots(self) -> Sequence[Shot]:
        return self.case.scene.shots

    def right(self, shot: int, item: Item) -> bool:
        """Whether the judge sees a fact in a shot; of a person who is not there it sees none."""
        slot, _, name = item.field.partition(".")
        if name and slot in PEOPLE and not self.present(shot, slot):
            return False
        return self.readings[shot].value(item.field) == item.value

    def present(self, shot: int, slot: str) -> bool:
        """Whether there is a person in a slot, as far as the judge can count people."""
        counts = self.reads("people", self.shots[shot].size)
        return not counts or slot in occupied(self.readings[shot])

    def unsaid_places(self, shot: int) -> frozenset[str]:
        """Fields of the place that a shot shows, the judge can read and the screenplay leaves
        open."""
        truth = self.shots[shot]
        shown = place_in_view(self.case.scene, truth)
        said = self.case.said.place
        return frozenset(
            name for name in shown if name not in said and self.reads(name, truth.size)
        )

    def said_items(self, shot: int) -> Iterator[Item]:
        """Everything the screenplay says that this shot should show and the judge can read."""
        truth, said = self.shots[shot], self.case.said
        size = truth.size
        for name, value in place_in_view(self.case.scene, truth).items():
            if name in said.place and self.reads(name, size):
                yield Item(group="place", field=name, value=value)
        for name, value in shot_in_view(self.case.scene, truth).items():
            # Every text says who is there.
            told = name == "people" or (name in CAMERA and name in said.shots[shot])
            if told and self.reads(name, size):
                yield Item(group=name, field=name, value=value)
        for slot, index in self.standing(shot).items():
            who = truth.roles[index].who
            for name, value in self.readable(shot, slot, index).items():
                if name == ACTION and f"{ACTION}:{who}" in said.shots[shot]:
                    yield Item(group=ACTION, field=f"{slot}.{name}", value=value)
                elif name in said.cast[who]:
                    yield Item(group="look", field=f"{slot}.{name}", value=value)

    def readable(self, shot: int, slot: str, index: int) -> dict[str, str]:
        """What the shot should show of a role in a slot, as far as the judge can read it."""
        truth = self.shots[shot]
        member = self.case.scene.cast[truth.roles[index].who]
        fields = member_in_view(member, truth, index)
        return {n: v for n, v in fields.items() if self.reads(f"{slot}.{n}", truth.size)}

    def standing(self, shot: int, without: str | None = None) -> dict[str, int]:
        """Where the roles stand in this film: slot -> index of the role.

        Of two people those places are taken that make what is said of them likeliest: whether they
        stand as told is :meth:`sided`'s question alone.

        Args:
            shot: Number of the shot.
            without: A field of people that must not decide.
        """
        truth = self.shots[shot]
        cast = self.case.scene.cast
        people = [i for i, role in enumerate(truth.roles) if isinstance(cast[role.who], Person)]
        animals = [i for i in range(len(truth.roles)) if i not in people]
        found = dict(zip(("animal",), animals, strict=False))
        if len(people) < 2:
            return found | dict(zip(PEOPLE, people, strict=False))
        ways = [dict(zip(PEOPLE, order, strict=True)) for order in permutations(people)]
        return found | max(ways, key=lambda way: self._likelihood(shot, way, without))

    def sided(self, shot: int) -> bool | None:
        """Whether the two people of a shot stand as they are told to, left and right: what is said
        of them is likelier so than the other way round. None where nothing said tells them apart.
        """
        if not self.differing(shot):
            return None
        truth, cast = self.shots[shot], self.case.scene.cast
        told = [
            truth.roles.index(role)
            for role in left_to_right(truth)
            if isinstance(cast[role.who], Person)
        ]
        here, mirrored = (
            self._likelihood(shot, dict(zip(PEOPLE, order, strict=True)), None)
            for order in (told, told[::-1])
        )
        return here > mirrored

    def _likelihood(self, shot: int, way: Mapping[str, int], without: str | None) -> float:
        truth = self.shots[shot]
        total = 0.0
        for slot, index in way.items():
            who = truth.roles[index].who
            said = self.case.said.cast[who]
            told = {ACTION} if f"{ACTION}:{who}" in self.case.said.shots[shot] else set()
            fields = [self.readable(shot, side, index) for side in PEOPLE]
            for name, value in fields[0].items():
                if name in said | told and name in fields[1] and name != without:
                    share = self.readings[shot].share(f"{slot}.{name}", value)
                    total += math.log(max(share, _FLOOR))
        return total

    def apart(self, shot: int) -> bool:
        """Whether what is said tells the two people of a shot apart, or there is one at most."""
        cast = self.case.scene.cast
        people = sum(isinstance(cast[role.who], Person) for role in self.shots[shot].roles)
        return people < 2 or bool(self.differing(shot))

    def differing(self, shot: int) -> dict[str, tuple[str, str]]:
        """Fields said of both people of a shot, readable of both, and not alike."""
        truth, cast = self.shots[shot], self.case.scene.cast
        roles = [i for i, role in enumerate(truth.roles) if isinstance(cast[role.who], Person)]
        if len(roles) != 2:
            return {}
        both = []
        for index in roles:
            said = self.case.said.cast[truth.roles[index].who]
            sides = [self.readable(shot, slot, index) for slot in PEOPLE]
            both.append({n: v for n, v in sides[0].items() if n in said and n in sides[1]})
        return {
            name: (value, both[1][name])
            for name, value in both[0].items()
            if name in both[1] and both[1][name] != value
        }


def watch(films: Sequence[Filmed], judge: Judge, reads: Reads) -> list[Watched]:
    """Every film's shots, cut where its scene is cut, as the judge reads them."""
    watched = []
    for film in films:
        spans = [shot.frames for shot in film.case.scene.shots]
        if len(film.frames) != film.case.scene.frames:
            raise ValueError(
                f"{film.case.name} has {len(film.frames)} frames, not {film.case.scene.frames}"
            )
        readings = judge([film.frames[span.start : span.stop] for span in spans])
        watched.append(Watched(film.case, tuple(readings), reads))
    return watched


@dataclass(frozen=True, slots=True)
class Appearance:
    """A person in a shot: what can be compared with its other appearances."""

    shot: int
    who: int
    slot: str
    fields: frozenset[str]


def appearances(film: Watched) -> list[Appearance]:
    """Every appearance of a person whose place on screen is known."""
    found = []
    for shot, truth in enumerate(film.shots):
        if not film.apart(shot):
            continue
        for slot, index in film.standing(shot).items():
            if slot in PEOPLE:
                fields = frozenset(film.readable(shot, slot, index)) - {ACTION}
                found.append(Appearance(shot, truth.roles[index].who, slot, fields))
    return found


def agreements(
    film: Watched, a: Appearance, b: Appearance, said: bool
) -> Iterator[tuple[str, bool]]:
    """Field by field, whether two appearances look alike.

    Args:
        film: The film of both.
        a: One appearance.
        b: Another.
        said: Whether to compare what the screenplay says of both, or what it says of neither.
    """
    yield from compared((film, a), (film, b), said)


Seen = tuple[Watched, Appearance]


def compared(a: Seen, b: Seen, said: bool) -> Iterator[tuple[str, bool]]:
    """:func:`agreements` of two appearances that need not be of one film.

    Someone who is not there agrees with nobody. Of what is unsaid, only what can't be guessed from
    what is said is compared (see :func:`guessable`).
    """
    for name in sorted(a[1].fields & b[1].fields):
        if any((name in film.case.said.cast[one.who]) != said for film, one in (a, b)):
            continue
        if not said and any(guessable(film, one.who, name) for film, one in (a, b)):
            continue
        if not all(film.present(one.shot, one.slot) for film, one in (a, b)):
            yield name, False
            continue
        readings = [(film.readings[one.shot], one.slot) for film, one in (a, b)]
        if all(shown(reading, slot, name) for reading, slot in readings):
            first, second = (reading.value(f"{slot}.{name}") for reading, slot in readings)
            yield name, first == second


def guessable(film: Watched, who: int, name: str) -> bool:
    """Whether an unsaid look of a person follows from words or from silence.

    What a person is called tells of skirts, beards and children; that nothing is said of a hat, a
    thing in the hand or a pattern makes it likely that there is none.
    """
    if name in _BY_NOUN:
        return True
    return str(getattr(film.case.scene.cast[who], name)) in _SILENT


def occupied(reading: Reading) -> tuple[str, ...]:
    """Slots of the people a judge counts in a shot."""
    return PEOPLE[: int(reading.value("people"))]
