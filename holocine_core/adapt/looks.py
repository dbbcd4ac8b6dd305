"""How a person looks, by what a script says behind the name that it brings in."""

from __future__ import annotations

import re

BEHIND_A_NAME = re.compile(r" ?\((?=[^()]{0,300}\))|, | [-\u2013\u2014] ")
"""Where what is said of a name may begin, in a text with single blanks."""
LONGEST_LOOK = 400
"""Characters behind a name that are looked at."""
_AGE = re.compile(r" ?\(([^()]{1,300})\)|, (\d{1,3}s?)(?=,)")
_SET_OFF = re.compile(r"(, )| [-\u2013\u2014] ")
_BETWEEN_DASHES = re.compile(r"([^.;:()]{1,160}?) [-\u2013\u2014] ")
_SENTENCE = re.compile(r"[^.;:()!?\u2014]*")
_ARTICLE = re.compile(
    r"(?:an?|the|eine?[nmrs]?|der|die|das|im|une?|una|uno|la|le|el|les|los|il) \S|l['\u2019]\S",
    re.I,
)
_OTHER = """
    and as but his her its or so that then their when where which while who whose with
"""
_GOES_ON = frozenset(_OTHER.split())
"""First words behind a comma that tell something else than what a person looks like."""
_WEAR = """
    avec clad con dressed gekleidet in mit portant vestida vestido vestita vestito vêtu vêtue
    wearing with without
"""
_WORN = frozenset(_WEAR.split())
"""First words behind a comma that tell what somebody wears, has or is dressed in."""
_MANNER = """
    anger attention awe bed bedroom bitterness boat breath building car care chair charge
    circle command conversation corner corridor crowd delight despair difficulty disbelief
    disgust distance door doorway ease effort fear flames focus frown fury garden glance grief
    grin groan hall haste hurry joy kitchen laugh love mid-air middle mood moment need
    nod office pain panic patience place pleasure position rage relief room row seat shadows
    shock shrug sigh silence smile sneer sob sorrow speed street surprise tears trance trouble
    unison voice whisper window yard yawn
"""
_NOT_WORN = frozenset(_MANNER.split())
"""Where somebody is, or how something is done, behind ``in`` and ``with``."""
_NOT_HERS = frozenset({"him", "it", "me", "them", "this", "that", "these", "those", "us", "you"})
"""Second words of what isn't told of a look: ``with him``."""
MOST_PARTS = 4
"""Between commas, beside those that tell what is worn."""
LONGEST_PART = 12
"""Words between two commas."""


def look_of(told: str) -> str:
    """What is said of a person; empty where nothing is.

    ``(60), an old woman, waits`` gives the woman and her age, ``, a tall, thin man in grey, waits``
    all of the man. An age alone is no look.

    Args:
        told: The words behind the name, with single blanks.
    """
    age = ""
    if found := _AGE.match(told):
        age, told = (found[1] or found[2]).strip(), told[found.end() :]
    parts: list[str] = []
    if set_off := _SET_OFF.match(told):
        told = told[set_off.end() :]
        if set_off[1]:
            parts = _between_commas(told, aged=bool(age))
        elif between := _BETWEEN_DASHES.match(told):
            parts = [between[1]]
    if parts or "," in age:
        return ", ".join([*parts, age] if age else parts)
    return ""


def _between_commas(told: str, *, aged: bool) -> list[str]:
    """The parts of a sentence that belong to the look: ``a tall``, ``thin woman``."""
    sentence = _SENTENCE.match(told)
    parts = sentence[0].rstrip().split(", ") if sentence else []
    if not parts or not (
        _ARTICLE.match(parts[0])
        or _is_worn(parts[0])
        or (aged and len(parts) > 1 and " " in parts[0] and _describes(parts[0]))
    ):
        return []
    found = parts[:1]
    short = len(parts[0].split()) < 4  # What it is may stand in the next: ``a tall, thin woman``.
    dressed = _is_worn(parts[0])
    for number, part in enumerate(parts[1:], 1):
        last = number == len(parts) - 1
        if dressed and part.startswith("and "):  # ``wearing a hat, a coat, and boots``
            belongs = _is_worn(part[4:]) or (_describes(part[4:]) and not last)
        elif _is_worn(part):
            belongs = dressed = True
        else:
            whole = not last or (short and number == 1 and " " in part)
            belongs = whole and number < MOST_PARTS and _describes(part)
        if not belongs:
            break
        found.append(part)
    return found


def _is_worn(part: str) -> bool:
    """Whether a part of a sentence begins as what somebody wears or has does, and goes on so:
    ``wearing a coat``, ``with round glasses``, but not ``with a sigh`` or ``in the hall``."""
    words = part.split()
    if not 1 < len(words) <= LONGEST_PART or words[0] not in _WORN:
        return False
    if words[0] in ("wearing", "dressed", "clad"):
        return True
    if words[1][0].isupper() or words[1] in _NOT_HERS or (words[0] == "in" and words[1] == "the"):
        return False
    return _NOT_WORN.isdisjoint(words)


def _describes(part: str) -> bool:
    """Whether a part of a sentence may tell a look: it doesn't begin with what somebody does."""
    words = part.split()
    if not words or len(words) > LONGEST_PART or not words[0][0].islower():
        return False
    first = words[0]
    acts = first.endswith(("s", "ing", "\u0442")) and not first.endswith(("ss", "ous"))
    return first not in _GOES_ON | _WORN and not acts
