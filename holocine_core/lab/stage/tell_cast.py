"""Who plays in a scene, in words. No torch here."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from holocine_core.lab.stage.grammar import bare, capital, coloured, listed, parted, with_a
from holocine_core.lab.stage.sentences import PRONOUNS
from holocine_core.lab.stage.voice import Voice
from holocine_core.lab.stage.world import Animal, Person

Kind = Literal["in", "worn", "wearing", "with", "hold", "carry"]


@dataclass(frozen=True, slots=True)
class Item:
    """A told part of a look: a noun phrase with its article, and how it is worn or had."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A member of the cast in words.

    Attributes:
        noun: What it is: "woman".
        kind: "animal", or the value of WORDS that ``noun`` says.
        gender: Key of PRONOUNS, or "".
        look: The whole look, from its article on; may run over several sentences.
        items: What can be said of it once more.
    """

    noun: str
    kind: str
    gender: str
    look: str
    items: tuple[Item, ...]

    def like(self, other: Portrait) -> bool:
        """Whether the nouns don't tell the two apart."""
        kinds = {self.kind, other.kind}
        if "animal" in kinds:
            return self.noun == other.noun
        children = {"small", "girl", "boy"}
        return len(kinds) == 1 or "person" in kinds or ("small" in kinds and kinds <= children)


def portrait(
    member: Person | Animal, told: Set[str], voice: Voice, *, one_phrase: bool
) -> Portrait:
    """A member's look in words.

    Args:
        member: The truth.
        told: Its fields to tell.
        voice: Who tells.
        one_phrase: Whether the look must be a noun phrase that fits into a sentence.
    """
    if isinstance(member, Animal):
        noun = voice.say("kind", member.kind)
        coat = f"{voice.say('coat', member.coat)} " if "coat" in told else ""
        return Portrait(noun=noun, kind="animal", gender="", look=f"a {coat}{noun}", items=())
    kind = _kind(member, told, voice)
    gender = {"woman": "f", "girl": "f", "man": "m", "boy": "m"}.get(kind, "")
    noun = voice.say("build" if kind == "small" else "noun", kind)
    before: list[str] = []
    items = [*_clothes(member, told, voice), *_head(member, told, voice, before)]
    if "build" in told and member.build != "small":
        word = voice.say("build", member.build)
        if "shoulder" in word or voice.chance(0.85):
            before.insert(0, word)
        else:
            items.append(Item("with", voice.pick("build").format(x=word)))
    items += _things(member, told, voice)
    look = _look(" ".join([*before, noun]), gender, items, voice, one_phrase)
    return Portrait(noun=noun, kind=kind, gender=gender, look=look, items=tuple(items))


def _kind(person: Person, told: Set[str], voice: Voice) -> str:
    """What a person is called, as a value of ``WORDS["noun"]`` or of ``WORDS["build"]``."""
    bearded, skirted = person.accessory == "beard", person.bottom == "skirt"
    roll = voice.rng.random()
    if person.build == "small":
        # Without its build being told, no word may say how small it is.
        likely = "boy" if bearded or not skirted else "girl"
        return "person" if "build" not in told else "small" if roll < 0.6 or bearded else likely
    if bearded:
        return "person" if skirted else "man"
    if skirted:
        return "woman" if roll < 0.9 else "person"
    return "person" if roll < 0.15 else "woman" if roll < 0.55 else "man"


# --- parts of a look -----------------------------------------------------------------------------


def _coloured(field: str, value: str, told: Set[str], voice: Voice, noun: str) -> str:
    """A noun, after its colour where that is told."""
    return coloured(voice.say(field, value), noun) if field in told else noun


def _clothes(person: Person, told: Set[str], voice: Voice) -> list[Item]:
    items = []
    if "top" in told:
        items.append(Item("in", _top(person, told, voice)))
    if "bottom" in told:
        noun = voice.say("bottom", person.bottom)
        noun = _coloured("bottom_colour", person.bottom_colour, told, voice, noun)
        items.append(Item("in", with_a(noun)))
    return items


def _top(person: Person, told: Set[str], voice: Voice) -> str:
    adjective, top = parted(voice.say("top", person.top))
    colour = voice.say("top_colour", person.top_colour) if "top_colour" in told else ""
    slots = {"c": colour, "top": top}
    use = "coloured top" if colour else "top"
    if "pattern" in told:
        slots["p"] = voice.say("pattern", person.pattern)
        use = "plain top" if person.pattern == "plain" else "patterned top"
    if "pattern_colour" in told:
        slots["pc"] = voice.say("pattern_colour", person.pattern_colour)
        slots["marks"] = voice.say("pattern noun", person.pattern)
        use = "two-coloured top" if colour else "marked top"
    text = " ".join(voice.pick(use).format_map(slots).split())
    return f"a {adjective} {text.removeprefix('a ')}" if adjective else text


def _head(person: Person, told: Set[str], voice: Voice, before: list[str]) -> list[Item]:
    """Hair, beard and skin; words that go before the noun are added to ``before``."""
    items = []
    colour = voice.say("hair_colour", person.hair_colour) if "hair_colour" in told else ""
    bald = person.hair_style == "bald"
    if person.accessory == "beard" and "accessory" in told:
        tinted = colour and (bald or voice.chance(0.4))
        if not tinted and not voice.held_out and voice.chance(0.4):
            before.append(voice.pick("bearded"))
        else:
            beard = voice.say("accessory", "beard")
            items.append(Item("with", with_a(coloured(colour, beard) if tinted else beard)))
    if bald and "hair_style" in told:
        word = voice.say("hair_style", "bald")
        if voice.chance(0.7):
            before.append(word)
        else:
            items.append(Item("with", voice.pick("bald").format(x=word)))
    if not bald:
        old = colour and person.hair_colour == "grey" and person.build != "small"
        if old and voice.chance(0.3):
            before.append(voice.say("age", "old"))
            colour = ""
        items += _hair(person, colour, "hair_style" in told, voice, before)
    if "skin" in told:
        word = voice.say("skin", person.skin)
        if not (" " in word or word.endswith("ed")) and len(before) < 2 and voice.chance(0.25):
            before.append(voice.pick("skinned").format(x=word))
        else:
            items.append(Item("with", voice.pick("skin").format(x=word)))
    return items


def _hair(person: Person, colour: str, styled: bool, voice: Voice, before: list[str]) -> list[Item]:
    if not styled and not colour:
        return []
    style = voice.say("hair_style", person.hair_style) if styled else ""
    if person.hair_style in ("braids", "bun") and styled:
        use = "counted braids" if colour and style.startswith("two ") else person.hair_style
        text = voice.pick(use).format(c=colour, x=style)
        return [Item("with", " ".join(text.split()))]
    words = " ".join(filter(None, (style, colour)))
    short = not (" " in words or words.endswith("ed"))
    if short and len(before) < 2 and voice.chance(0.3):
        before.append(voice.pick("haired").format(x=words))
        return []
    return [Item("with", voice.pick("hair").format(x=words))]


def _things(person: Person, told: Set[str], voice: Voice) -> list[Item]:
    """What is worn on head and neck, and what is carried."""
    items = []
    if "headwear" in told:
        hat = voice.say("headwear", person.headwear)
        if person.headwear == "straw hat" and "headwear_colour" in told:
            colour = voice.say("headwear_colour", person.headwear_colour)
            items.append(Item("worn", voice.pick("straw hat").format(hat=hat, c=colour)))
        else:
            hat = _coloured("headwear_colour", person.headwear_colour, told, voice, hat)
            items.append(Item("worn", with_a(hat)))
    if "accessory" in told and person.accessory != "beard":
        noun = voice.say("accessory", person.accessory)
        noun = _coloured("accessory_colour", person.accessory_colour, told, voice, noun)
        glasses: Kind = "wearing" if voice.chance(0.4) else "with"
        kinds: dict[str, Kind] = {"scarf": "worn", "glasses": glasses, "satchel": "carry"}
        items.append(Item(kinds[person.accessory], with_a(noun)))
    if "prop" in told:
        prop = voice.say("prop", person.prop)
        if "prop_colour" in told:
            colour = voice.say("prop_colour", person.prop_colour)
            use = person.prop if person.prop in ("lantern", "basket") else "balloon"
            adjective, noun = parted(prop)
            text = voice.pick(use).format(prop=noun, c=colour)
            items.append(Item("hold", f"a {adjective} {text.removeprefix('a ')}"))
        else:
            items.append(Item("hold", with_a(prop)))
    return items


# --- the whole of it -----------------------------------------------------------------------------


def _look(noun: str, gender: str, items: Sequence[Item], voice: Voice, one_phrase: bool) -> str:
    order = list(items)
    if voice.chance(0.4):
        voice.rng.shuffle(order)
    if items and voice.register == "terse" and voice.chance(0.4) and not one_phrase:
        return ", ".join(
            [noun if voice.chance(0.5) else f"a {noun}", *(bare(i.text) for i in order)]
        )
    groups = _groups(order)
    later = []
    if len(groups) > 1 and not one_phrase and voice.chance(0.3):
        later.append(groups.pop())
    text = f"a {noun}"
    for at, (kind, things) in enumerate(groups):
        verb = voice.pick(kind)
        if verb == "with" and kind != "with" and " with " in text:
            verb = "wearing" if kind == "wearing" else "carrying"
        # "with" and "in" read well one after the other only with a comma between.
        joint = " " if at == 0 else ", "
        if at and at == len(groups) - 1 and verb.endswith("ing") and voice.chance(0.4):
            joint = " and "
        text += f"{joint}{verb} {listed(things)}"
    for kind, things in later:
        subject = PRONOUNS[gender][0] if gender else f"the {noun}"
        text += f". {capital(subject)} {voice.pick(f'{kind} sentence')} {listed(things)}"
    return text


def _groups(items: Sequence[Item]) -> list[tuple[Kind, list[str]]]:
    """Items that one verb can take together."""
    kinds = {item.kind for item in items}
    found: dict[Kind, list[str]] = {}
    for item in items:
        kind = item.kind
        if kind in ("in", "worn") and "wearing" in kinds:
            kind = "wearing"
        elif kind == "worn" and "in" in kinds:
            kind = "in"
        elif kind == "hold" and "carry" in kinds:
            kind = "carry"
        found.setdefault(kind, []).append(item.text)
    return list(found.items())
