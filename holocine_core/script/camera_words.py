"""How the camera stands and moves: a screenplay's words, and what others call the same."""

from __future__ import annotations

from collections.abc import Mapping
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
    "closeup": "close-up", "close": "close-up", "medium close": "medium close-up",
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


def size_of(value: Any) -> Any:
    """An abbreviation of a size as its word; all else as it is."""
    return camera_word("size", value) if value in get_args(Abbreviation) else value
