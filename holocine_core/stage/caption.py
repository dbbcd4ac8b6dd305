"""What a scene is told as: a screenplay that says a random part of what is seen. No torch here.

What stays unsaid must still be the same from shot to shot; only attention between shots can keep
it so, which is what training teaches and evaluation measures.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from holocine_core.script.screenplay import Scene as TextScene
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.screenplay import Shot as TextShot
from holocine_core.stage.words import ACCENTS, LANDMARKS, NAMES, STYLES, TITLES, say
from holocine_core.stage.world import Animal, Person, Scene, Shot

PHRASES: tuple[str, ...] = (
    "a", "an", "the", "in", "at", "on", "of", "with", "and", "is", "are", "has", "wears", "wearing",
    "carries", "carrying", "holding", "holds", "skin", "hair", "patterned", "person", "man",
    "woman", "girl", "boy", "lady", "fellow", "together", "here", "nobody", "empty", "view", "no",
    "one", "to", "be", "seen", "scene", "set", "takes", "place", "weather", "time", "it", "there",
    "stands", "side", "left", "right", "two-shot", "two", "shot", "over-the-shoulder", "over",
    "shoulder", "faces", "us", "face", "looks", "looking", "back", "this", "contains", "shots",
    "character", "both", "s", "frame", "by", "from", "low", "high", "angle", "camera", "another",
    "towards", "same", "establishing", "we", "see", "who", "she", "he", "they", "while", "someone",
)  # fmt: skip
"""Words of the templates themselves."""
_FEMALE, _MALE = ("woman", "lady"), ("man", "fellow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a telling says: names of told fields.

    Attributes:
        place: Fields of Place.
        cast: Per member, fields of Person or Animal told anywhere.
        shots: Per shot, ``size``, ``angle``, ``movement`` and ``action:<who>``.
    """

    place: frozenset[str]
    cast: tuple[frozenset[str], ...]
    shots: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A screenplay of a scene and what it says of it."""

    screenplay: Screenplay
    said: Said


def tell(
    scene: Scene, rng: random.Random, *, share: float = 0.45, held_out: bool = False
) -> Telling:
    """Tell a scene in words.

    Args:
        scene: The truth.
        rng: Decides what is said and how.
        share: Probability that any one attribute is told.
        held_out: Use the words that training never does, wherever there are any.
    """
    mood = rng.random()
    share = 1.0 if mood < 0.10 else 0.04 if mood < 0.15 else share
    teller = _Teller(scene, rng, share, held_out)
    return teller.telling()


class _Teller:
    def __init__(self, scene: Scene, rng: random.Random, share: float, held_out: bool) -> None:
        self._scene, self._rng, self._share, self._held_out = scene, rng, share, held_out
        self._told: list[set[str]] = [set() for _ in scene.cast]
        self._nouns = [self._noun(member) for member in scene.cast]
        # Without declared names people are told by what they are, if that tells them apart.
        apart = len(set(self._nouns)) == len(self._nouns)
        self._inline = apart and rng.random() < 0.25
        self._names = rng.sample(NAMES, len(scene.cast))

    def _say(self, field: str, value: str) -> str:
        return self._rng.choice(say(field, value, self._held_out))

    def _noun(self, member: Person | Animal) -> str:
        if isinstance(member, Animal):
            return self._say("kind", member.kind)
        if member.build == "small":
            return self._say("build", "small")
        if member.accessory == "beard":
            return self._rng.choice(_MALE)
        if member.bottom == "skirt":
            return self._rng.choice(_FEMALE)
        return self._rng.choice((*_FEMALE, *_MALE, "person"))

    # --- the cast --------------------------------------------------------------------------------

    def _look(self, who: int) -> str:
        """A member's look, with its article: what is told of it is noted."""
        member, told, rng = self._scene.cast[who], self._told[who], self._rng
        noun = self._nouns[who]
        if isinstance(member, Animal):
            told.add("kind")
            if rng.random() < self._share:
                told.add("coat")
                noun = f"{self._say('coat', member.coat)} {noun}"
            return _article(noun)
        adjective = ""
        if member.build == "small":
            told.add("build")
        elif rng.random() < self._share:
            told.add("build")
            adjective = self._say("build", member.build) + " "
        parts = [part for part in (self._clothes(member, told), self._hair(member, told)) if part]
        parts += self._extras(member, told)
        rng.shuffle(parts)
        start = _article(adjective + noun)
        return f"{start} with {_listed(parts, rng)}" if parts else start

    def _hit(self) -> bool:
        return self._rng.random() < self._share

    def _clothes(self, person: Person, told: set[str]) -> str:
        pieces = []
        colour, pattern = self._hit(), self._hit()
        if colour or pattern or self._hit():
            words = []
            if colour:
                told.add("top_colour")
                words.append(self._say("top_colour", person.top_colour))
            tail = ""
            if pattern:
                told.add("pattern")
                if person.pattern != "plain" and self._hit():
                    told.add("pattern_colour")
                    way = self._say("pattern_colour", person.pattern_colour)
                    marks = {"striped": "stripes", "dotted": "dots", "checked": "checks"}
                    tail = f" with {way} {marks[person.pattern]}"
                else:
                    place = 0 if self._rng.random() < 0.6 else len(words)
                    words.insert(place, self._say("pattern", person.pattern))
            told.add("top")
            pieces.append(_article(" ".join([*words, self._say("top", person.top)])) + tail)
        if self._hit():
            told |= {"bottom", "bottom_colour"}
            name = f"{self._say('bottom_colour', person.bottom_colour)} "
            name += self._say("bottom", person.bottom)
            pieces.append(_article(name) if person.bottom == "skirt" else name)
        self._rng.shuffle(pieces)
        return " and ".join(pieces)

    def _hair(self, person: Person, told: set[str]) -> str:
        style, colour = self._hit(), self._hit()
        if person.hair_style == "bald":
            if style:
                told.add("hair_style")
            return "a bald head" if style else ""
        if not style and not colour:
            return ""
        tint = ""
        if colour:
            told.add("hair_colour")
            tint = self._say("hair_colour", person.hair_colour) + " "
        if not style:
            return f"{tint}hair"
        told.add("hair_style")
        way = self._say("hair_style", person.hair_style)
        if "braids" in way or way in ("plaits", "pigtails"):
            return f"{tint}{way}"
        if person.hair_style == "bun":
            return f"{tint}hair in a bun" if "bun" in way else f"{_article(tint + way)}"
        return f"{way} {tint}hair" if "hair" not in way else f"{tint}{way}"

    def _extras(self, person: Person, told: set[str]) -> list[str]:
        parts = []
        if self._hit():
            told.add("skin")
            parts.append(self._say("skin", person.skin))
        if person.headwear != "none" and self._hit():
            told.add("headwear")
            name = self._say("headwear", person.headwear)
            if self._hit() and person.headwear != "straw hat":
                told.add("headwear_colour")
                name = f"{self._say('headwear_colour', person.headwear_colour)} {name}"
            parts.append(_article(name))
        if person.accessory != "none" and self._hit():
            told.add("accessory")
            name = self._say("accessory", person.accessory)
            if person.accessory in ("scarf", "satchel") and self._hit():
                told.add("accessory_colour")
                name = f"{self._say('accessory_colour', person.accessory_colour)} {name}"
            plural = person.accessory == "glasses" or name.endswith(("whiskers", "spectacles"))
            parts.append(name if plural else _article(name))
        if person.prop != "none" and self._hit():
            told.add("prop")
            name = self._say("prop", person.prop)
            if person.prop in ("umbrella", "balloon", "book") and self._hit():
                told.add("prop_colour")
                name = f"{self._say('prop_colour', person.prop_colour)} {name}"
            parts.append(_article(name))
        return parts

    # --- the place -------------------------------------------------------------------------------

    def _place(self) -> tuple[str, set[str]]:
        place, rng, told = self._scene.place, self._rng, set[str]()
        if rng.random() < 0.08 and self._share < 1:
            return "", told
        told.add("set")
        where = _with_the(self._say("set", place.set))
        bits = []
        full = self._share == 1
        if full or rng.random() < 0.6:
            told.add("time")
            bits.append(_when(self._say("time", place.time)))
        if full or rng.random() < 0.55:
            told.add("weather")
            bits.append(self._say("weather", place.weather))
        rng.shuffle(bits)
        landmark = ""
        if self._hit():
            told.add("landmark")
            landmark = _article(rng.choice(LANDMARKS[place.set][place.landmark]))
        accent = ""
        if self._hit():
            told.add("accent")
            colour = self._say("accent", place.accent)
            accent = ACCENTS[place.set][place.landmark].format(c=colour)
            accent = accent.replace("a orange", "an orange").replace("a azure", "an azure")
        return _setting(rng, where, bits, landmark, accent), told

    # --- the shots -------------------------------------------------------------------------------

    def _subject(self, who: int) -> str:
        return f"the {self._nouns[who]}" if self._inline else f"{{{self._names[who]}}}"

    def _shot(self, shot: Shot) -> tuple[TextShot, set[str]]:
        rng, told = self._rng, set[str]()
        fields: dict[str, str] = {}
        before: list[str] = []
        size = "" if shot.framing in ("two-shot", "over-the-shoulder") else shot.size
        if shot.framing == "two-shot":
            before.append(rng.choice(("two-shot", f"{self._say('size', shot.size)}, two-shot")))
        elif shot.framing == "over-the-shoulder":
            before.append("over-the-shoulder shot")
        wants = {
            "size": bool(size) and rng.random() < 0.75,
            "angle": rng.random() < (0.7 if shot.angle != "eye-level" else 0.12),
            "movement": rng.random() < (0.7 if shot.movement != "static" else 0.15),
        }
        after = ""
        for name, value in (("size", size), ("angle", shot.angle), ("movement", shot.movement)):
            if not wants[name]:
                continue
            told.add(name)
            if rng.random() < 0.45 and not self._held_out:
                fields[name] = value
            elif name == "movement" and rng.random() < 0.6:
                after = self._say(name, value)
            else:
                before.append(self._say(name, value))
        if shot.framing == "two-shot" and shot.size in before[0]:
            told.add("size")
        text = self._happening(shot, told)
        head = ", ".join(before)
        joint = rng.choice((". ", ": ", ", ")) if head else ""
        whole = _capital(head + joint + (_capital(text) if joint == ". " else text))
        tail = f" {_capital(after)}." if after else ""
        return TextShot(
            prompt=f"{whole}.{tail}",
            frames=len(shot.frames),
            **fields,  # type: ignore[arg-type]
        ), told

    def _happening(self, shot: Shot, told: set[str]) -> str:
        rng = self._rng
        if not shot.roles:
            place = self._say("set", self._scene.place.set)
            ways = (
                f"nobody is here, the empty {place}",
                f"{_with_the(place)}, empty",
                "an empty view of the place",
                "we see the place, no one is there",
            )
            return rng.choice(ways)
        phrases = []
        for role in shot.roles:
            subject = self._subject(role.who)
            if rng.random() < 0.18:
                subject = self._again(role.who)
            if rng.random() < 0.85:
                told.add(f"action:{role.who}")
                subject = f"{subject} {self._say('action', role.action)}"
            phrases.append(subject)
        if shot.framing == "over-the-shoulder":
            back = self._subject(shot.roles[1].who)
            told.discard(f"action:{shot.roles[1].who}")
            return f"{phrases[0]}, seen over the shoulder of {back}"
        return " and ".join(phrases)

    def _again(self, who: int) -> str:
        """A member once more with something of its look: a colour, mostly."""
        member, told = self._scene.cast[who], self._told[who]
        if isinstance(member, Animal):
            return self._subject(who)
        told |= {"top", "top_colour"}
        top = f"{self._say('top_colour', member.top_colour)} {self._say('top', member.top)}"
        return f"{self._subject(who)} in the {top}"

    # --- all of it -------------------------------------------------------------------------------

    def telling(self) -> Telling:
        """The screenplay and what it says."""
        rng, scene = self._rng, self._scene
        used = [who for who in range(len(scene.cast)) if any(
            role.who == who for shot in scene.shots for role in shot.roles)]  # fmt: skip
        looks = {who: self._look(who) for who in used}
        setting, place = self._place()
        characters: Mapping[str, str] = {}
        if self._inline:
            cast = _listed([looks[who] for who in used], rng)
            verb = "is" if len(used) == 1 else "are"
            setting = f"{setting} {_capital(cast)} {verb} here.".strip() if used else setting
        else:
            characters = {self._names[who]: looks[who] for who in used}
        shots = [self._shot(shot) for shot in scene.shots]
        screenplay = Screenplay(
            title=rng.choice(TITLES) if rng.random() < 0.3 else None,
            style=rng.choice(STYLES) if rng.random() < 0.4 else "",
            characters=dict(characters),
            scenes=(
                TextScene.model_validate(
                    {
                        "global": setting or "A scene.",
                        "characters": tuple(characters) or None,
                        "shots": tuple(shot for shot, _ in shots),
                    }
                ),
            ),
        )
        said = Said(
            place=frozenset(place),
            cast=tuple(map(frozenset, self._told)),
            shots=tuple(frozenset(told) for _, told in shots),
        )
        return Telling(screenplay=screenplay, said=said)


def _setting(rng: random.Random, where: str, bits: list[str], landmark: str, accent: str) -> str:
    """The scene's setting as one or two sentences."""
    tail = ", ".join(bits)
    there = " ".join(part for part in (landmark, accent) if part)
    match rng.randrange(4):
        case 0:
            first = _capital(", ".join(part for part in (where, tail) if part)) + "."
        case 1:
            first = f"The scene takes place {_at(where)}{', ' if tail else ''}{tail}."
        case 2 if tail:
            first = f"{_capital(tail)}, {_at(where)}."
        case _:
            first = f"{_capital(_at(where))}{', ' if tail else ''}{tail}."
    if not there:
        return first
    if not landmark:
        return f"{first[:-1]}, {there}."
    return f"{first} There is {there}."


def _at(where: str) -> str:
    outdoors = ("harbour", "harbor", "quay", "waterfront", "seaport", "market", "station", "pier")
    return ("at " if any(word in where for word in outdoors) else "in ") + where


def _when(time: str) -> str:
    if time in ("evening", "early morning", "daytime", "afternoon"):
        return f"in the {time}"
    return time if " " in time else f"at {time}"


def _with_the(noun: str) -> str:
    return noun if noun.startswith(("a ", "an ", "the ")) else f"the {noun}"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(parts: list[str], rng: random.Random) -> str:
    if len(parts) < 2:
        return "".join(parts)
    joint = rng.choice((" and ", ", and "))
    return ", ".join(parts[:-1]) + joint + parts[-1]
