"""What a scene is told as: a screenplay that says a random part of what is seen. No torch here.

What stays unsaid must still be the same from shot to shot; only attention between shots can keep
it so, which is what training teaches and evaluation measures.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holocine_core.lab.stage.grammar import bare, finished, joined, listed
from holocine_core.lab.stage.sentences import STYLES, TITLES
from holocine_core.lab.stage.tell_cast import Portrait, portrait
from holocine_core.lab.stage.tell_place import accent_is_apart, setting
from holocine_core.lab.stage.tell_shot import Character, ShotTeller
from holocine_core.lab.stage.view import left_to_right
from holocine_core.lab.stage.voice import Register, Voice
from holocine_core.lab.stage.words import NAMES
from holocine_core.lab.stage.world import Animal, Person, Place, Scene, Shot
from holocine_core.script.screenplay import Scene as TextScene
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.screenplay import Shot as TextShot

USUAL_SHARE = 0.45
_WORN = ("in", "worn")
_TURNED = 0.3
"""How often who stands right is introduced first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a telling says: names of told fields.

    Attributes:
        place: Fields of Place.
        order: Those who are seen, as they are introduced: the first stands left in shots of two,
            unless these say who stands where.
        cast: Per member, fields of Person or Animal told anywhere.
        shots: Per shot, ``size``, ``angle``, ``movement`` and ``action:<who>``.
    """

    place: frozenset[str]
    order: tuple[int, ...]
    cast: tuple[frozenset[str], ...]
    shots: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A screenplay of a scene and what it says of it."""

    screenplay: Screenplay
    said: Said


def tell(
    scene: Scene,
    rng: random.Random,
    *,
    share: float = USUAL_SHARE,
    held_out: bool = False,
    looks: bool = True,
) -> Telling:
    """Tell a scene in words; fields that are not said have no influence on the text.

    The exception are those that decide what a person is called: small ones may be children, those
    with beards are men, those in skirts mostly women.

    Args:
        scene: The truth.
        rng: Decides what is said and how.
        share: How likely any one attribute is said; 1 says everything. Left at its usual value,
            one telling in five says everything and one in thirty-three next to nothing.
        held_out: Whether to use the words kept out of training wherever there are any.
        looks: Whether to say anything of how people look.
    """
    roll = rng.random()
    if share == USUAL_SHARE:
        share = 1.0 if roll < 0.2 else 0.0 if roll < 0.23 else share
    said = _choice(scene, rng, share)
    if not looks:
        said = replace(said, cast=tuple(frozenset() for _ in said.cast))
    register: Register = rng.choices(("terse", "plain", "florid"), (3, 5, 2))[0]
    voice = Voice(rng, held_out, register)
    cast = _cast(scene, said, voice)
    several = sum(character is not None for character in cast.calls) > 1
    text = setting(scene.place, said.place, voice, cast.inside, several=several)
    text = finished(f"{text} {cast.after}".strip())
    teller = ShotTeller(
        scene=scene, place=said.place, order=said.order, cast=cast.calls, voice=voice
    )
    shots = [teller.tell(i, told) for i, told in enumerate(said.shots)]
    screenplay = Screenplay(
        title=rng.choice(TITLES) if rng.random() < 0.3 else None,
        style=_style(rng) if rng.random() < 0.4 else "",
        characters=dict(cast.declared),
        scenes=(_scene(scene, text, shots, rng),),
    )
    return Telling(screenplay=screenplay, said=said)


# --- what is said --------------------------------------------------------------------------------


def _choice(scene: Scene, rng: random.Random, share: float) -> Said:
    """What to say. As many dice fall whatever the truth is."""
    shown = {role.who for shot in scene.shots for role in shot.roles}
    cast = [_of_member(member, rng, share) for member in scene.cast]
    order = _left_to_right(scene)
    return Said(
        place=_of_place(scene.place, rng, share),
        order=order[::-1] if rng.random() < _TURNED else order,
        cast=tuple(told if who in shown else frozenset() for who, told in enumerate(cast)),
        shots=tuple(_of_shot(shot, rng, share) for shot in scene.shots),
    )


def _left_to_right(scene: Scene) -> tuple[int, ...]:
    """Those who are seen, as they stand in the shots that they share."""
    lean: dict[int, int] = {role.who: 0 for shot in scene.shots for role in shot.roles}
    for shot in scene.shots:
        if len(shot.roles) == 2:
            left, right = left_to_right(shot)
            lean[left.who] -= 1
            lean[right.who] += 1
    return tuple(sorted(sorted(lean), key=lean.__getitem__))


# Exponents of the share: at the usual one, 0.05 says a thing in 96 %, 0.2 in 85 %, 0.36 in 75 %,
# 0.64 in 60 % and 2.4 in 15 % of the tellings. What lays out a picture is mostly said: a picture
# whose layout is anyone's guess teaches little of what the words mean.
def _of_place(place: Place, rng: random.Random, share: float) -> frozenset[str]:
    powers = {
        "set": 0.05,
        "time": 0.2,
        "weather": 0.2,
        "landmark": 0.5,
        "accent": 0.64,
        "side": 0.36,
    }
    told = {name for name, power in powers.items() if rng.random() < share**power}
    if share == 0:
        told.add("set")
    if "accent" in told and not accent_is_apart(place):
        # Nearly every accent is a part of the landmark: an accent alone would give that away.
        told.add("landmark")
    if "set" not in told:
        # What stands there gives the set away.
        told -= {"landmark", "accent"}
    if "landmark" not in told:
        told.discard("side")
    return frozenset(told)


def _of_member(member: Person | Animal, rng: random.Random, share: float) -> frozenset[str]:
    if isinstance(member, Animal):
        return frozenset(("kind", "coat") if rng.random() < share**0.64 else ("kind",))
    powers = {
        "build": 1, "skin": 1.2, "hair_colour": 1, "hair_style": 1, "headwear": 0.8,
        "headwear_colour": 0.45, "top": 0.5, "top_colour": 0.36, "pattern": 0.64,
        "pattern_colour": 0.55, "bottom": 0.9, "bottom_colour": 0.3, "accessory": 0.8,
        "accessory_colour": 0.45, "prop": 0.7, "prop_colour": 0.45,
    }  # fmt: skip
    told = {name for name, power in powers.items() if rng.random() < share**power}
    called, plainly = rng.random() < 0.85, rng.random() < max(0.4, 2 * share - 1)
    if member.build == "small" and called:
        told.add("build")
    if member.pattern == "plain" and not plainly:
        told.discard("pattern")
    return frozenset(name for name in told if _can_be_told(name, member, told))


def _can_be_told(name: str, person: Person, told: set[str]) -> bool:
    """Whether there is such a thing, and what it belongs to is told."""
    match name:
        case "hair_colour":
            return person.hair_style != "bald" or (
                person.accessory == "beard" and "accessory" in told
            )
        case "headwear" | "accessory" | "prop":
            return str(getattr(person, name)) != "none"
        case "headwear_colour" | "prop_colour":
            owner = name.removesuffix("_colour")
            return owner in told and str(getattr(person, owner)) != "none"
        case "accessory_colour":
            return "accessory" in told and person.accessory in ("scarf", "satchel")
        case "top_colour" | "pattern":
            return "top" in told
        case "pattern_colour":
            return {"top", "pattern"} <= told and person.pattern != "plain"
        case "bottom_colour":
            return "bottom" in told
    return True


def _of_shot(shot: Shot, rng: random.Random, share: float) -> frozenset[str]:
    powers = {
        "size": 0.1,
        "angle": 2.4 if shot.angle == "eye-level" else 0.15,
        "movement": 2.4 if shot.movement == "static" else 0.15,
    }
    # Of somebody who stands with the back to us, no action is told.
    acting = shot.roles[:1] if shot.framing == "over-the-shoulder" else shot.roles
    powers |= {f"action:{role.who}": 0.1 for role in acting}
    return frozenset(name for name, power in powers.items() if rng.random() < share**power)


# --- who is who ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cast:
    """The cast as the screenplay has it.

    Attributes:
        calls: Per member, how shots call it; None for those never seen.
        declared: The screenplay's characters: name -> look.
        inside: What the setting says of who is there.
        after: What is said of the cast after the setting.
    """

    calls: tuple[Character | None, ...]
    declared: Mapping[str, str]
    inside: str = ""
    after: str = ""


def _cast(scene: Scene, said: Said, voice: Voice) -> _Cast:
    shown = said.order
    roll = voice.rng.random()
    inline = roll < 0.25
    people = [portrait(scene.cast[w], said.cast[w], voice, one_phrase=inline) for w in shown]
    calls = _inline_calls(people) if inline else None
    names = voice.rng.sample(NAMES, len(shown))
    inside = after = ""
    declared: Mapping[str, str] = {}
    if calls is not None:
        looks = [person.look for person in people]
        if sum(len(person.items) for person in people) > 6:
            after = " ".join(voice.pick("each there").format(look=look) for look in looks)
        else:
            comma = "," if any(", " in look for look in looks) else ""
            inside = listed(looks, f"{comma} and ") + comma
    elif roll < 0.33:
        calls = names
        told = zip(names, people, strict=True)
        after = " ".join(voice.pick("introduction").format(name=n, look=p.look) for n, p in told)
    else:
        calls = [f"{{{name.lower()}}}" for name in names]
        told = zip(names, people, strict=True)
        declared = {name.lower(): joined(person.look) for name, person in told}
        inside = listed(calls) if calls and voice.chance(0.25) else ""
    found: list[Character | None] = [None] * len(scene.cast)
    for who, call, person in zip(shown, calls, people, strict=True):
        found[who] = Character(call=call, portrait=person)
    return _Cast(calls=tuple(found), declared=declared, inside=inside, after=after)


def _inline_calls(people: Sequence[Portrait]) -> list[str] | None:
    """What each member can be called without a name; None where that would not tell them apart."""
    calls = []
    for one in people:
        call = f"the {one.noun}"
        if any(one is not other and one.like(other) for other in people):
            worn = next(
                (bare(i.text) for i in one.items if i.kind in _WORN and " in " not in i.text), ""
            )
            call += f" in the {worn}" if worn else ""
            if not worn:
                return None
        calls.append(call)
    return calls if len({call.split(" in the ")[-1] for call in calls}) == len(calls) else None


# --- the screenplay ------------------------------------------------------------------------------


def _style(rng: random.Random) -> str:
    style = rng.choice(STYLES)
    return f"{style}." if rng.random() < 0.6 else style


def _scene(
    scene: Scene, text: str, shots: Sequence[tuple[str, Mapping[str, str]]], rng: random.Random
) -> TextScene:
    """The scene with its lengths in one of the ways in which they can be written."""
    way = rng.choice(("lengths", "lengths", "cuts", "rest")) if len(shots) > 1 else "whole"
    lengths: list[int | None] = [len(shot.frames) for shot in scene.shots]
    data: dict[str, Any] = {"global": text}
    if way != "lengths":
        data["frames"] = scene.frames
    if way == "cuts":
        data["cuts"] = tuple(shot.frames.start for shot in scene.shots[1:])
    if way in ("cuts", "whole"):
        lengths = [None] * len(shots)
    elif way == "rest":
        lengths[-1] = None
    quiet = rng.random() < 0.04
    data["shots"] = tuple(
        TextShot.model_validate(
            {"prompt": prompt.lower() if quiet else prompt, "frames": length, **keys}
        )
        for (prompt, keys), length in zip(shots, lengths, strict=True)
    )
    return TextScene.model_validate(data)
