"""What can be seen on the stage: the vocabulary of its truth, as frozen values. No torch here.

Everything a scene shows follows from these values and its seed; captions tell a part of them, the
judge network reads them back from frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from holocine_core.script.timeline import FrameSpan

FPS = 15

EXTERIORS = (
    "harbour", "forest", "mountains", "street", "desert", "meadow", "market", "station",
)  # fmt: skip
INTERIORS = ("kitchen", "library", "bedroom", "workshop")
SETS = EXTERIORS + INTERIORS
TIMES = ("dawn", "day", "dusk", "night")
WEATHERS = ("clear", "rain", "snow", "fog")
PALETTE: Mapping[str, tuple[float, float, float]] = {
    "red": (0.82, 0.20, 0.18),
    "orange": (0.95, 0.55, 0.16),
    "yellow": (0.97, 0.83, 0.25),
    "green": (0.25, 0.60, 0.32),
    "blue": (0.20, 0.42, 0.80),
    "purple": (0.53, 0.28, 0.66),
    "white": (0.95, 0.94, 0.90),
    "black": (0.15, 0.15, 0.18),
}
"""Paper colours of clothes, props and a set's accent, RGB 0..1."""
COLOURS = tuple(PALETTE)

BUILDS = ("small", "slim", "broad")
SKINS = ("pale", "tan", "brown", "dark")
HAIR_COLOURS = ("black", "brown", "ginger", "blond", "grey")
HAIR_STYLES = ("short", "long", "curly", "braids", "bun", "bald")
HEADWEAR = ("none", "straw hat", "cap", "woolly hat", "top hat")
TOPS = ("shirt", "coat")
PATTERNS = ("plain", "striped", "dotted", "checked")
BOTTOMS = ("trousers", "skirt")
ACCESSORIES = ("none", "scarf", "glasses", "beard", "satchel")
PROPS = ("none", "lantern", "umbrella", "balloon", "book", "basket")
ANIMALS = ("dog", "cat", "fox", "rabbit", "hen")
COATS = ("white", "black", "brown", "ginger", "grey")
"""Colours of animals."""
ACTIONS = (
    "stand", "walk", "run", "wave", "jump", "dance", "sit", "point", "bow", "talk", "laugh", "nod",
)  # fmt: skip
ANIMAL_ACTIONS = ("stand", "walk", "run", "sit", "jump")

SIZES = ("wide", "medium", "close-up", "extreme close-up")
ANGLES = ("eye-level", "low", "high")
MOVEMENTS = (
    "static", "pan left", "pan right", "tilt up", "tilt down", "push in", "pull out", "tracking",
)  # fmt: skip
Framing = Literal["empty", "single", "two-shot", "over-the-shoulder"]
FRAMINGS: tuple[Framing, ...] = ("empty", "single", "two-shot", "over-the-shoulder")


CASTS = ("one", "two", "pet", "three", "animal")
"""Who plays: a person, two, one with an animal, two with an animal, an animal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repertoire:
    """What scenes are made of: everything, or less, which is learned sooner.

    Raises:
        ValueError: A value is unknown, or one is missing that scenes can't do without.
    """

    sets: tuple[str, ...] = SETS
    times: tuple[str, ...] = TIMES
    weathers: tuple[str, ...] = WEATHERS
    sizes: tuple[str, ...] = SIZES
    angles: tuple[str, ...] = ANGLES
    movements: tuple[str, ...] = MOVEMENTS
    actions: tuple[str, ...] = ACTIONS
    casts: tuple[str, ...] = CASTS

    def __post_init__(self) -> None:
        for field in fields(self):
            values: tuple[str, ...] = getattr(self, field.name)
            known = _KNOWN[field.name]
            if wrong := [value for value in values if value not in known]:
                raise ValueError(f"`{field.name}` has no {wrong[0]!r}; it has {', '.join(known)}")
            if not values:
                raise ValueError(f"`{field.name}` is empty")
            needed = _NEEDED.get(field.name)
            if needed is not None and needed not in values:
                raise ValueError(f"`{field.name}` can't do without {needed!r}")

    def beyond(self, other: Repertoire) -> tuple[str, ...]:
        """What this one has and the other has not."""
        return tuple(
            value
            for field in fields(self)
            for value in getattr(self, field.name)
            if value not in getattr(other, field.name)
        )


_KNOWN: Mapping[str, tuple[str, ...]] = {
    "sets": SETS,
    "times": TIMES,
    "weathers": WEATHERS,
    "sizes": SIZES,
    "angles": ANGLES,
    "movements": MOVEMENTS,
    "actions": ACTIONS,
    "casts": CASTS,
}
_NEEDED = {"sizes": "wide", "angles": "eye-level", "movements": "static", "actions": "stand"}

EVERYTHING = Repertoire()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A character's look; every field is one of this module's tuples of the same name."""

    build: str
    skin: str
    hair_colour: str
    hair_style: str
    headwear: str
    headwear_colour: str
    top: str
    top_colour: str
    pattern: str
    pattern_colour: str
    """Colour of stripes, dots or checks; never the top's own."""
    bottom: str
    bottom_colour: str
    accessory: str
    accessory_colour: str
    """Of scarf and satchel; glasses are dark, a beard has the hair's colour."""
    prop: str
    prop_colour: str
    """Of umbrella, balloon and book; a lantern's light and a basket's fruit take it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal:
    """An animal of the cast."""

    kind: str
    coat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a scene plays; the same in all of its shots."""

    set: str
    time: str
    weather: str
    accent: str
    """Colour (of PALETTE) of the set's accent: door, sail, lamp, curtain, awning…"""
    landmark: int
    """0 or 1: which of the set's two landmarks stands there (say, lighthouse or moored boat)."""
    side: int
    """-1 or 1: whether the landmark stands left or right."""
    seed: int
    """Small things that no caption names: jitter of trees, books, stones. Random scenes have 0:
    every set is one place, which a small model can learn; other seeds draw others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One member of the cast in one shot."""

    who: int
    """Index into the scene's cast."""
    action: str
    x: float
    """Where the feet are when the shot begins; 0 is the middle of the stage, figures are 1 high."""
    facing: int
    """-1 left, 1 right."""
    phase: float
    """Where in its cycle the action begins, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One shot's truth."""

    frames: FrameSpan
    size: str
    framing: Framing
    angle: str
    movement: str
    roles: tuple[Role, ...]
    """Whom the camera can see; the first is the subject. Over the shoulder, the second stands with
    its back to us near the frame's edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A whole scene's truth: draw it, and every frame follows."""

    seed: int
    place: Place
    cast: tuple[Person | Animal, ...]
    shots: tuple[Shot, ...]

    @property
    def frames(self) -> int:
        """Length in frames, 4t+1."""
        return self.shots[-1].frames.stop
