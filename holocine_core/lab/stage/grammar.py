"""What English asks of told phrases: articles, verb forms, lists, capitals. No torch here."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DOUBLED = frozenset(("sit", "run", "nod", "hop", "chat", "jog", "squat", "pan", "step"))
_SIBILANT = ("s", "x", "z", "ch", "sh", "o")


def _verb_at(words: Sequence[str]) -> int:
    return 1 if words[0] == "slowly" else 0


def _inflected(phrase: str, ending: str) -> str:
    words = phrase.split(" ")
    at = _verb_at(words)
    verb = words[at]
    if ending == "ing":
        if verb.endswith("e") and not verb.endswith("ee"):
            verb = verb[:-1]
        elif verb in _DOUBLED:
            verb += verb[-1]
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        verb, ending = verb[:-1], "ies"
    elif verb.endswith(_SIBILANT):
        ending = "es"
    words[at] = verb + ending
    return " ".join(words)


def third(phrase: str) -> str:
    """A verb phrase as somebody does it: "wave a hand" -> "waves a hand"."""
    return _inflected(phrase, "s")


def gerund(phrase: str) -> str:
    """A verb phrase as it goes on: "wave a hand" -> "waving a hand"."""
    return _inflected(phrase, "ing")


def is_plural(noun: str) -> bool:
    """Whether a noun phrase takes no "a": trousers, glasses, mountains."""
    head = re.split(r" (?:of|in|with|full|on) ", noun)[0]
    return head.endswith("s") and not head.endswith("ss")


def with_a(noun: str) -> str:
    """A noun phrase with "a" before it; :func:`finished` makes that "an" where it must."""
    return noun if is_plural(noun) or noun.startswith("a ") else f"a {noun}"


_FIRST = frozenset(("long", "wide", "tall", "thick", "round", "open", "little", "full", "bushy"))


def parted(noun: str) -> tuple[str, str]:
    """A noun phrase as its leading adjective, if it has one, and the rest."""
    first, _, rest = noun.partition(" ")
    return (first, rest) if first in _FIRST and rest else ("", noun)


def coloured(colour: str, noun: str) -> str:
    """A noun phrase in a colour: "red" and "long coat" -> "long red coat"."""
    adjective, rest = parted(noun)
    return f"{adjective} {colour} {rest}".strip()


def bare(noun: str) -> str:
    """A noun phrase without its article."""
    return noun.removeprefix("a ").removeprefix("the ")


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(parts: Sequence[str], last: str = " and ") -> str:
    """Parts as a list: "a, b and c"."""
    return last.join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def joined(text: str) -> str:
    """A text with "an" where it belongs, and single spaces."""
    text = re.sub(r"\b([Aa]) (?=[aeiou](?!ne\b))", r"\1n ", " ".join(text.split()))
    text = re.sub(r"[ ,]+(?=[.:;])|[ ,]+(?=,)", "", text)
    return text.replace(", - ", " - ").replace("..", ".")


def finished(text: str) -> str:
    """A joined text whose sentences begin with capitals."""
    return re.sub(r"(?:^|[.!?] )[a-z]", lambda found: found[0].upper(), joined(text))
