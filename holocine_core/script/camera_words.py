"""How the camera stands and moves: a screenplay's words, and what others call the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

Size = Literal[
    "extreme wide",
    "wide",
    "full",
    "medium wide",
    "medium",
    "medium close-up",
    "close-up",
    "extreme close-up",
    "insert",
    "two-shot",
    "over-the-shoulder",
]
Angle = Literal["eye-level", "low", "high", "overhead", "dutch", "point of view"]
Movement = Literal[
    "static",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "push in",
    "pull out",
    "dolly in",
    "dolly out",
    "tracking",
    "crane up",
    "crane down",
    "zoom in",
    "zoom out",
    "orbit",
    "handheld",
]
Abbreviation = Literal[
    "EWS", "ELS", "WS", "LS", "FS", "MWS", "MLS", "MS", "MCU", "CU", "ECU", "OTS"
]
"""Of sizes: what a screenplay takes beside their words, as they stand in every shot list."""
WORDS: Mapping[str, frozenset[str]] = {
    "size": frozenset(get_args(Size)),
    "angle": frozenset(get_args(Angle)),
    "movement": frozenset(get_args(Movement)),
}
"""Key of a shot -> its words."""
_SHORT = {
    "ews": "extreme wide", "els": "extreme wide", "xls": "extreme wide", "vws": "extreme wide",
    "extreme long": "extreme wide", "very wide": "extreme wide", "ws": "wide", "ls": "wide",
    "long": "wide", "establishing": "wide", "fs": "full", "mws": "medium wide",
    "mls": "medium wide", "medium long": "medium wide", "cowboy": "medium wide", "ms": "medium",
    "mid": "medium", "mcu": "medium close-up", "cu": "close-up", "ecu": "extreme close-up",
    "bcu": "extreme close-up", "xcu": "extreme close-up", "big close up": "extreme close-up",
    "closeup": "close-up", "close": "close-up", "close on": "close-up",
    "medium close": "medium close-up",
    "detail": "insert", "2s": "two-shot", "two": "two-shot",
    "ots": "over-the-shoulder", "over shoulder": "over-the-shoulder", "pov": "point of view",
    "eye": "eye-level", "bird's eye": "overhead", "birds eye": "overhead", "top": "overhead",
    "top down": "overhead", "dutch tilt": "dutch", "canted": "dutch", "still": "static",
    "locked": "static", "locked off": "static", "fixed": "static", "sticks": "static",
    "dolly": "dolly in", "track": "tracking", "follow": "tracking", "following": "tracking",
    "zoom": "zoom in", "pull back": "pull out", "push": "push in", "hand held": "handheld",
    "totale": "wide", "weit": "extreme wide", "halbtotale": "full",
    "amerikanisch": "medium wide", "halbnah": "medium", "nah": "medium close-up",
    "groß": "close-up", "großaufnahme": "close-up", "statisch": "static",
    "vogelperspektive": "overhead", "froschperspektive": "low", "plan large": "wide",
    "plan d'ensemble": "extreme wide", "plan moyen": "full", "plan américain": "medium wide",
    "plan rapproché": "medium close-up", "gros plan": "close-up",
    "très gros plan": "extreme close-up", "fixe": "static", "plano general": "wide",
    "gran plano general": "extreme wide", "plano medio": "medium", "primer plano": "close-up",
    "plano detalle": "insert", "fijo": "static",
}  # fmt: skip
"""What others call a size, an angle or a movement, in small letters -> a screenplay's word."""
_TAILS = (" shot", " angle", " level", " view")
_SPELLED = {key: {word.replace("-", " "): word for word in words} for key, words in WORDS.items()}


def camera_word(key: str, phrase: str) -> str:
    """A screenplay's word for a phrase; empty where it has none.

    Args:
        key: The one of WORDS that the phrase is to be a value of.
        phrase: Such as ``Medium Close Up`` or ``wide shot``.
    """
    said = " ".join(phrase.lower().replace("-", " ").replace("\u2019", "'").split())
    tails = [said, *(said.removesuffix(tail) for tail in _TAILS if said.endswith(tail))]
    for word in tails:
        found = _SPELLED[key].get(word) or _SHORT.get(word, "")
        if found in WORDS[key]:
            return found
    return ""


_ADVERBS = """
    slow slowly slight slightly gentle gently subtle subtly fast quick quickly
"""
HOW = frozenset(_ADVERBS.split())
"""Words that tell how a movement is: a screenplay's prompt has room for them, its movement none."""
_MOST_WORDS = 4
"""Of a size, an angle or a movement."""


def phrase_at(words: Sequence[str], at: int, order: Sequence[str]) -> tuple[str, str, int]:
    """The longest phrase of camera words that begins at a word: its key, a screenplay's word for it
    and how many words it has; one word without key and meaning where none begins there.

    Args:
        words: A text's.
        at: The number of the first.
        order: Keys of WORDS: where a phrase is a word of two, the first goes.
    """
    for length in range(min(_MOST_WORDS, len(words) - at), 0, -1):
        phrase = " ".join(words[at : at + length])
        for key in order:
            if word := camera_word(key, phrase):
                return key, word, length
    return "", "", 1


_BEGINS = re.compile(r"[\s\"'*_(\[\u201c\u2018]*(?:(?:an?|the)\s+)?", re.I)
_WORD = re.compile(r"[^\W_](?:[\w'\u2019-]*\w)?")
_BETWEEN = re.compile(r"\s*,?\s*(?:and\s+)?")
_ENDS = re.compile(r"\s*(?:[.:;!()\[\]*_\u2013\u2014]|-\s|$)")
"""What is behind camera words that are a sentence of their own."""
_NAMED = re.compile(r"(?:shot|angle|level|view|close.?ups?|close on|-shot|-shoulder)$", re.I)
"""How words end that say by themselves that they are the camera's: ``wide shot shows``; others may
be anything: ``full of people``."""
_LONGEST_OPENING = 12
"""Words."""


def opening_words(text: str) -> dict[str, tuple[str, str]]:
    """What a prompt says of the camera before it tells what is seen: key -> a screenplay's word and
    how it is written there.

    ``Wide shot, low angle. A man`` and ``A wide shot of a man`` do, ``Wide, empty fields`` and
    ``Full of people`` don't.
    """
    begin = _BEGINS.match(text)
    at = begin.end() if begin else 0
    spans: list[tuple[int, int]] = []
    while len(spans) < _LONGEST_OPENING and (one := _WORD.match(text, at)):
        spans.append(one.span())
        between = _BETWEEN.match(text, one.end())
        at = between.end() if between else one.end()
    words = [text[start:stop] for start, stop in spans]
    found: dict[str, tuple[str, str]] = {}
    sure: dict[str, tuple[str, str]] = {}
    number = 0
    while number < len(words):
        key, meant, length = phrase_at(words, number, tuple(WORDS))
        if not meant and words[number].lower() not in HOW:
            break
        stop = spans[number + length - 1][1]
        written = " ".join(text[spans[number][0] : stop].split())
        if meant:
            found.setdefault(key, (meant, written))
        ends = _ENDS.match(text, stop) is not None
        if ends or _NAMED.search(written) or written in get_args(Abbreviation):
            sure = dict(found)
        if ends:
            break
        number += length
    return sure


_FRAMINGS = frozenset({"two-shot", "over-the-shoulder"})
"""Sizes that say who is in the picture, at any distance."""
_INSERTS = frozenset({"insert", "medium close-up", "close-up", "extreme close-up"})


def contradict(key: str, one: str, other: str) -> bool:
    """Whether two words of a key can not both be true of a shot."""
    both = {one, other}
    fit = bool(both & _FRAMINGS) or ("insert" in both and both <= _INSERTS)
    return one != other and not (key == "size" and fit)


def size_of(value: Any) -> Any:
    """An abbreviation of a size as its word; all else as it is."""
    return camera_word("size", value) if value in get_args(Abbreviation) else value
