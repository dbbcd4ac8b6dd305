"""What training captions can say, for the text encoder's vocabulary and for people to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from holocine_core.lab.stage.sentences import SENTENCES, STYLES, TITLES
from holocine_core.lab.stage.words import (
    HELD_OUT_WORDS,
    NAMES,
    WORDS,
    is_shown,
    phrases,
    training_texts,
    words_in,
)
from holocine_core.lab.stage.world import EVERYTHING, Repertoire
from holocine_core.model.vocabulary import VOCABULARY_NAME, Vocabulary, write_vocabulary
from holocine_core.script.prompt import ANGLE_WORDS, MOVEMENT_WORDS, SIZE_WORDS
from holocine_core.store.files import load_json

_TOPICS = {
    "places": ("set",),
    "in the places": ("landmark",),
    "times of day": ("time noun",),
    "weather": ("weather", "weather adjective"),
    "people": ("noun", "build", "age"),
    "skin": ("skin",),
    "hair": ("hair_style", "hair_colour"),
    "hats": ("headwear",),
    "clothes": ("top", "bottom"),
    "patterns": ("pattern", "pattern noun"),
    "colours": ("accent",),
    "worn and carried": ("accessory", "prop"),
    "animals": ("kind", "coat"),
    "actions": ("action",),
    "shot sizes": ("size",),
    "camera angles": ("angle",),
    "camera movements": ("movement",),
}
"""What a person would call the fields of the stage's words."""
_PAIRS = {"two", "pet", "three"}
"""Casts of which two can share a shot."""
_JOINED = re.compile(r"[a-z]+(?:-[a-z]+)+")


def taught_phrases(within: Repertoire = EVERYTHING) -> dict[str, tuple[str, ...]]:
    """Phrases of a world's training captions by what they name, each topic's once."""
    told = {
        topic: [
            phrase
            for field in fields
            for value, words in WORDS[field].items()
            if is_shown(field, value, within)
            for phrase in words.train
        ]
        for topic, fields in _TOPICS.items()
    }
    if _PAIRS & set(within.casts):
        told["shots of two"] = [*SENTENCES["two-shot"], *SENTENCES["over"]]
        told["who stands where"] = [*SENTENCES["on left"], *SENTENCES["on right"]]
    told["styles"] = [style.lower() for style in STYLES]
    return {topic: tuple(dict.fromkeys(found)) for topic, found in told.items() if found}


def taught_words(within: Repertoire = EVERYTHING) -> frozenset[str]:
    """Every lower-case word that a training prompt of a world can hold, also those joined by
    hyphens."""
    # A title is no part of a prompt.
    return frozenset(_words(text for text in training_texts(within) if text not in TITLES))


def naming_words() -> frozenset[str]:
    """Taught words that name something to be seen by themselves: "scarlet", "walks", but not the
    "bright" of "bright red", nor abbreviations, which are other words too (CU is copper)."""
    return frozenset(
        phrase for phrase in phrases(held_out=False) if " " not in phrase and not phrase.isupper()
    )


def note_vocabulary(tokenizer: Path, within: Repertoire) -> None:
    """Write what a model was taught of the stage into its tokenizer's folder, if it has a
    vocabulary: the words of the world it learned, beside the likenesses that it had."""
    path = tokenizer / VOCABULARY_NAME
    if path.is_file():
        had = load_json(path)
        vocabulary = Vocabulary(
            taught=taught_phrases(within),
            words=taught_words(within),
            nearest=had["nearest"],
            origin=str(had.get("origin", "")),
        )
        write_vocabulary(tokenizer, vocabulary)


def shown_words() -> frozenset[str]:
    """The taught words, names, those held back, and all that a shot's keys can say."""
    held_out = (p for field in WORDS.values() for words in field.values() for p in words.held_out)
    keys = (p for table in (SIZE_WORDS, ANGLE_WORDS, MOVEMENT_WORDS) for p in table.values())
    return taught_words() | HELD_OUT_WORDS | frozenset(_words([*held_out, *keys, *NAMES]))


def _words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from words_in(text)
        yield from _JOINED.findall(text.lower().replace("'s", " "))
