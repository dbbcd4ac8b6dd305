"""What training captions can say, for the text encoder's vocabulary and for people to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holocine_core.stage.sentences import STYLES
from holocine_core.stage.words import WORDS, training_texts

_TOPICS = {
    "places": ("set",),
    "in the places": ("landmark",),
    "times of day": ("time",),
    "weather": ("weather",),
    "people": ("noun", "age", "build"),
    "skin": ("skin",),
    "hair": ("hair_colour", "hair_style"),
    "hats": ("headwear",),
    "clothes": ("top", "bottom"),
    "patterns": ("pattern",),
    "colours": ("top_colour",),
    "worn and carried": ("accessory", "prop"),
    "animals": ("kind", "coat"),
    "actions": ("action",),
    "shot sizes": ("size",),
    "camera angles": ("angle",),
    "camera movements": ("movement",),
    "styles": (),
}
"""What a person would call the fields of the stage's truth."""
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


def taught_phrases() -> dict[str, tuple[str, ...]]:
    """Phrases of training captions by what they name, each topic's once."""
    phrases = {
        topic: [p for field in fields for words in WORDS[field].values() for p in words.train]
        for topic, fields in _TOPICS.items()
    }
    phrases["styles"] = [style.rstrip(".").lower() for style in STYLES]
    return {topic: tuple(dict.fromkeys(found)) for topic, found in phrases.items()}


def taught_words() -> frozenset[str]:
    """Every lower-case word that a training caption can hold."""
    return frozenset(_words(training_texts()))


def shown_words() -> frozenset[str]:
    """The taught words, and those that are held back to ask for what was never taught."""
    held_out = (p for field in WORDS.values() for words in field.values() for p in words.held_out)
    return taught_words() | frozenset(_words(held_out))


def _words(texts: Iterator[str] | list[str]) -> Iterator[str]:
    for text in texts:
        # A possessive s is a token of its own.
        yield from _WORD.findall(text.lower().replace("'s", " "))
