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
    r"(?:an?|the|in|eine?[nmrs]?|der|die|das|im|une?|una|uno|la|le|el|les|los|il) \S|l['\u2019]\S",
    re.I,
)
_OTHER = """
    and as but his her its or so that then their when where which while who whose with
"""
_GOES_ON = frozenset(_OTHER.split())
"""First words behind a comma that tell something else than what a person looks like."""
MOST_PARTS = 4
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
        or (aged and len(parts) > 1 and " " in parts[0] and _describes(parts[0]))
    ):
        return []
    found = parts[:1]
    short = len(parts[0].split()) < 4  # What it is may stand in the next: ``a tall, thin woman``.
    for number, part in enumerate(parts[1:MOST_PARTS], 1):
        last = number == len(parts) - 1
        if not _describes(part) or (last and not (short and number == 1 and " " in part)):
            break
        found.append(part)
    return found


def _describes(part: str) -> bool:
    """Whether a part of a sentence may tell a look: it doesn't begin with what somebody does."""
    words = part.split()
    if not words or len(words) > LONGEST_PART or not words[0][0].islower():
        return False
    first = words[0]
    acts = first.endswith(("s", "ing", "\u0442")) and not first.endswith(("ss", "ous"))
    return first not in _GOES_ON and not acts
