"""Where a scene plays, in words. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache
from string import Formatter

from holocine_core.lab.stage.grammar import is_plural, listed, with_a
from holocine_core.lab.stage.sentences import ACCENTS, SENTENCES, WHERE
from holocine_core.lab.stage.voice import Voice
from holocine_core.lab.stage.words import LANDMARKS
from holocine_core.lab.stage.world import INTERIORS, Place

# Slot of a template of places -> what it tells.
_TELLS: Mapping[str, str] = {
    "a_set": "set", "the_set": "set", "at_set": "set", "SET": "set",
    "time": "time", "noun": "time", "NOUN": "time", "spell": "time",
    "weather": "weather", "amid": "weather", "clause": "weather", "wet": "weather",
    "cast": "cast",
}  # fmt: skip


def accent_is_apart(place: Place) -> bool:
    """Whether the accent can be told without the landmark."""
    return LANDMARKS[place.set][place.landmark] not in ACCENTS


def where(place: Place, voice: Voice) -> str:
    """The set with its preposition: "at the harbour"."""
    noun = voice.say("set", place.set)
    head = noun.split(" in ")[0].split(" ")[-1]
    article = "a" if voice.chance(0.3) and not is_plural(noun) else "the"
    return f"{WHERE.get(head, 'in')} {article} {noun}"


def setting(place: Place, told: Set[str], voice: Voice, cast: str, *, several: bool) -> str:
    """What is told of a place, as sentences.

    Args:
        place: The truth.
        told: Its fields to tell.
        voice: Who tells.
        cast: Who is there, where the setting says so.
        several: Whether these are more than one.
    """
    wanted = {name for name in ("set", "time", "weather") if name in told}
    sentences = []
    groups = [frozenset({*wanted, "cast"})] if cast else [frozenset(wanted)]
    if groups[0] not in _templates():
        groups = [frozenset(wanted), frozenset({"cast"} if cast else ())]
    for group in groups:
        if group:
            template = voice.one(_templates()[group])
            slots = {"cast": cast, "are": "are" if several else "is"}
            slots |= {
                name: _slot(name, place, told, voice)
                for name in _slots(template)
                if name not in slots
            }
            sentences.append(template.format_map(slots))
    return " ".join([*sentences, *_things(place, told, voice)])


@cache
def _templates() -> Mapping[frozenset[str], tuple[str, ...]]:
    """Templates of places by what they tell."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for template in SENTENCES["place"]:
        group = frozenset(_TELLS[name] for name in _slots(template) if name in _TELLS)
        found[group] = (*found.get(group, ()), template)
    return found


@cache
def _slots(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def _slot(name: str, place: Place, told: Set[str], voice: Voice) -> str:
    match name:
        case "IO":
            return "INT" if place.set in INTERIORS else "EXT"
        case "at_set":
            return where(place, voice)
        case "time":
            return voice.say("time", place.time)
        case "spell":
            return voice.say("time spell", place.time)
        case "noun" | "NOUN":
            noun = voice.say("time noun", place.time)
            return noun.upper() if name == "NOUN" else noun
        case "a_set" | "the_set" | "SET":
            noun = voice.say("set", place.set)
            if name == "SET":
                return noun.upper()
            return f"the {noun}" if name == "the_set" or is_plural(noun) else f"a {noun}"
    # Rain is outside of a room; of an untold set it must not say that it is one.
    return _weather(name, place, voice, indoors="set" in told and place.set in INTERIORS)


def _weather(name: str, place: Place, voice: Voice, *, indoors: bool) -> str:
    if name == "wet":
        return voice.say("weather adjective", place.weather)
    if name == "clause":
        clause = voice.say("weather clause", place.weather)
        return voice.pick("clause outside").format(clause=clause) if indoors else clause
    weather = voice.say("weather", place.weather)
    if name == "amid":
        return amid(weather, voice, indoors=indoors)
    return voice.pick("outside").format(weather=weather) if indoors else weather


def amid(weather: str, voice: Voice, *, indoors: bool) -> str:
    """What one is in the midst of: "in the rain"."""
    if indoors:
        return voice.pick("amid outside").format(weather=weather)
    if "sky" in weather:
        use = "amid sky"
    else:
        use = "amid weather" if weather.startswith("a ") or "weather" in weather else "amid"
    return voice.pick(use).format(weather=weather)


def _things(place: Place, told: Set[str], voice: Voice) -> list[str]:
    """Sentences about what stands there."""
    sentences = []
    if "landmark" in told:
        mark = _mark(place, told, voice)
        if "side" in told:
            side = voice.pick(f"side {place.side}")
            sentences.append(voice.pick("landmark aside").format(mark=mark, side=side))
        else:
            sentences.append(voice.pick("landmark").format(mark=mark))
    if "accent" in told and accent_is_apart(place):
        colour = voice.say("accent", place.accent)
        thing = voice.pick(f"accent in {place.set}").format(c=colour)
        are = "is" if thing.startswith("a ") else "are"
        sentences.append(voice.pick("accent").format(mark=thing, are=are))
    share = {"terse": 0.05, "plain": 0.15, "florid": 0.5}[voice.register]
    if "set" in told and told != {"set"} and voice.chance(share):
        details = voice.rng.sample(SENTENCES[f"details of {place.set}"], voice.rng.choice((1, 2)))
        sentences.append(voice.pick("details").format(details=listed(details)))
    return sentences


def _mark(place: Place, told: Set[str], voice: Voice) -> str:
    """The landmark, with the accent where it carries one."""
    key = LANDMARKS[place.set][place.landmark]
    noun = voice.say("landmark", key)
    if "accent" in told and not accent_is_apart(place):
        colour = voice.say("accent", place.accent)
        return with_a(voice.pick(f"accent of {key}").format(l=noun, c=colour))
    return with_a(noun)
