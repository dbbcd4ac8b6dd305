"""What can be true of a shot and its place, as fields with their values. No torch here.

Fields of the shot and its place stand by their own names. People are ``left`` and ``right``, as
they stand on screen (one alone is ``left``), and their fields read ``left.top_colour``; animals are
``animal``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holocine_core.lab.stage import world
from holocine_core.lab.stage.world import Animal, Person

PLACE: Mapping[str, tuple[str, ...]] = {
    "set": world.SETS,
    "time": world.TIMES,
    "weather": world.WEATHERS,
    "accent": world.COLOURS,
    "landmark": ("0", "1"),
    "side": ("-1", "1"),
}
SHOT: Mapping[str, tuple[str, ...]] = {
    "size": world.SIZES,
    "framing": world.FRAMINGS,
    "angle": world.ANGLES,
    "movement": world.MOVEMENTS,
    "people": ("0", "1", "2"),
}
PERSON: Mapping[str, tuple[str, ...]] = {
    "build": world.BUILDS,
    "skin": world.SKINS,
    "hair_colour": world.HAIR_COLOURS,
    "hair_style": world.HAIR_STYLES,
    "headwear": world.HEADWEAR,
    "headwear_colour": world.COLOURS,
    "top": world.TOPS,
    "top_colour": world.COLOURS,
    "pattern": world.PATTERNS,
    "pattern_colour": world.COLOURS,
    "bottom": world.BOTTOMS,
    "bottom_colour": world.COLOURS,
    "accessory": world.ACCESSORIES,
    "accessory_colour": world.COLOURS,
    "prop": world.PROPS,
    "prop_colour": world.COLOURS,
}
ANIMAL: Mapping[str, tuple[str, ...]] = {"kind": world.ANIMALS, "coat": world.COATS}
ACTION = "action"
PEOPLE = ("left", "right")
FIELDS: Mapping[str, tuple[str, ...]] = {
    **PLACE,
    **SHOT,
    **{
        f"{slot}.{name}": values
        for slot in PEOPLE
        for name, values in (*PERSON.items(), (ACTION, world.ACTIONS))
    },
    **{f"animal.{name}": values for name, values in ANIMAL.items()},
    f"animal.{ACTION}": world.ANIMAL_ACTIONS,
}
"""Every field a judge reads, with its values in order."""

_COLOURED: Mapping[str, tuple[str, frozenset[str]]] = {
    "headwear_colour": ("headwear", frozenset(world.HEADWEAR) - {"none"}),
    "pattern_colour": ("pattern", frozenset(world.PATTERNS) - {"plain"}),
    "accessory_colour": ("accessory", frozenset({"scarf", "satchel"})),
    "prop_colour": ("prop", frozenset(world.PROPS) - {"none"}),
    "hair_colour": ("hair_style", frozenset(world.HAIR_STYLES) - {"bald"}),
}
"""Fields that mean something only beside certain values of another."""


HIDDEN = -1
"""Label of a field that is not in view."""


def labels_of(truth: Mapping[str, str]) -> list[int]:
    """One number per field of ``FIELDS``: which of its values is true, or HIDDEN."""
    return [
        values.index(truth[name]) if name in truth else HIDDEN for name, values in FIELDS.items()
    ]


def means_something(name: str, value_of: Callable[[str], str]) -> bool:
    """Whether a person's field is about something that is there.

    Args:
        name: A field of ``PERSON``.
        value_of: Value of the person's other fields.
    """
    if name not in _COLOURED:
        return True
    other, values = _COLOURED[name]
    return value_of(other) in values


def look_of(member: Person | Animal) -> dict[str, str]:
    """What is true of a member of the cast, colours of things it does not have left out."""
    fields = PERSON if isinstance(member, Person) else ANIMAL
    look = {name: str(getattr(member, name)) for name in fields}
    return {n: value for n, value in look.items() if means_something(n, look.__getitem__)}
