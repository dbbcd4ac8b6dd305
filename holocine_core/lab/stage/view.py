"""What of a scene's truth is in view in a shot, and who stands where on screen. No torch here.

The rules name what a picture of that size shows at all. A judge is asked for nothing else, in
training as in evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping

from holocine_core.lab.stage.facts import ACTION, PEOPLE, PERSON, look_of
from holocine_core.lab.stage.world import Animal, Person, Role, Scene, Shot

_BELOW = frozenset({"top", "bottom", "bottom_colour", "prop", "prop_colour"})
_CHEST = frozenset({"top_colour", "pattern", "pattern_colour"})
# What a picture of a size leaves outside.
_OUTSIDE: Mapping[str, frozenset[str]] = {
    "wide": frozenset(),
    "medium": frozenset(),
    "close-up": _BELOW,
    "extreme close-up": _BELOW | {"pattern", "pattern_colour", "accessory_colour"},
}
_BEHIND = frozenset({"skin", "accessory", "accessory_colour", ACTION})
"""What the back of a figure hides."""
_NEAR_SHOWS = frozenset(
    {
        "hair_colour", "hair_style", "headwear", "headwear_colour", "top_colour", "pattern",
        "pattern_colour",
    }
)  # fmt: skip
"""What is surely seen of the figure whose shoulder the camera looks over."""
_WIDE_ONLY = ("accent", "landmark", "side")


def is_near(shot: Shot, index: int) -> bool:
    """Whether a role is the one whose shoulder the camera looks over."""
    return shot.framing == "over-the-shoulder" and index == 1


def slots(scene: Scene, shot: Shot) -> dict[str, int]:
    """Where the roles stand: ``left``, ``right`` and ``animal`` -> index of the role."""
    people = [i for i, role in enumerate(shot.roles) if isinstance(scene.cast[role.who], Person)]
    people.sort(key=lambda i: _across(shot, i))
    found = dict(zip(PEOPLE, people, strict=False))
    for i, role in enumerate(shot.roles):
        if isinstance(scene.cast[role.who], Animal):
            found["animal"] = i
    return found


def left_to_right(shot: Shot) -> tuple[Role, ...]:
    """The roles as they stand on screen."""
    order = sorted(range(len(shot.roles)), key=lambda index: _across(shot, index))
    return tuple(shot.roles[index] for index in order)


def _across(shot: Shot, index: int) -> float:
    """A role's place on screen, from left to right."""
    subject = shot.roles[0]
    if shot.framing == "over-the-shoulder":
        return 0.0 if index == 0 else float(subject.facing)
    return shot.roles[index].x


def place_in_view(scene: Scene, shot: Shot) -> dict[str, str]:
    """The place's fields a shot of this size can show."""
    place = scene.place
    found = {"set": place.set, "time": place.time, "weather": place.weather}
    if shot.size == "wide":
        found |= {name: str(getattr(place, name)) for name in _WIDE_ONLY}
    return found


def shot_in_view(scene: Scene, shot: Shot) -> dict[str, str]:
    """The camera's fields; what it is about counts people only."""
    people = sum(isinstance(scene.cast[role.who], Person) for role in shot.roles)
    found = {
        "size": shot.size,
        "framing": shot.framing,
        "movement": shot.movement,
        "people": str(people),
        "angle": shot.angle,
    }
    if not shot.roles:
        del found["size"]  # Nobody is there whom the picture could be close to.
    return found


def member_in_view(member: Person | Animal, shot: Shot, index: int) -> dict[str, str]:
    """What a shot shows of one of its roles: fields without their slot -> values."""
    role = shot.roles[index]
    fields = look_of(member) | {ACTION: role.action}
    if isinstance(member, Animal):
        return fields
    hidden = _hidden(member, shot, index)
    return {name: value for name, value in fields.items() if name not in hidden}


def _hidden(person: Person, shot: Shot, index: int) -> frozenset[str]:
    outside = _OUTSIDE[shot.size]
    if is_near(shot, index):
        return (frozenset(PERSON) - _NEAR_SHOWS) | _BEHIND | outside
    if shot.size == "medium" and person.top == "coat":
        outside = outside | {"bottom", "bottom_colour"}  # It ends below the picture.
    if shot.size.endswith("close-up") and (shot.angle == "low" or shot.movement == "tilt up"):
        outside = outside | _CHEST  # The picture begins at the chin.
    if person.headwear != "none" and person.hair_style not in ("long", "braids"):
        # Under a hat short hair, curls and a bun look nearly alike.
        return outside | {"hair_style"}
    return outside


def in_view(scene: Scene, shot: Shot) -> dict[str, str]:
    """Everything true that a shot shows, by the judge's field names."""
    found = place_in_view(scene, shot) | shot_in_view(scene, shot)
    for slot, index in slots(scene, shot).items():
        member = scene.cast[shot.roles[index].who]
        seen = member_in_view(member, shot, index)
        found |= {f"{slot}.{name}": value for name, value in seen.items()}
    return found
