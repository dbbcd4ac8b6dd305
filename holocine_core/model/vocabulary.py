"""What a model was taught to name: the file beside its tokenizer, and words outside it. No torch.

A model that knows any English has no such file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.model.components import LocatedModel
from holocine_core.store.files import load_json, stamp

VOCABULARY_NAME = "vocabulary.json"
_PLAIN_TEXT = """
    a about above across after again against all almost alone along also although always am among
    an and another any anything are around as at away back be because been before behind being
    below beneath beside besides between beyond both but by can could did do does doing done down
    during each either else enough even ever every everything few first for from further get gets
    give gives go goes going had has have having he her here hers herself him himself his how i if
    in inside into is it its itself just last least less let like made make makes many may me more
    most much must my near neither never new next no none nor not nothing now of off often on once
    one only onto or other others our out outside over own past perhaps put puts quite rather really
    same second see seen several shall she should since so some someone something soon still such
    take takes than that the their theirs them themselves then there these they thing things third
    this those though three through till to together too toward towards two under underneath until
    up upon us very was way we were what when where whether which while who whole whom whose why
    will with within without would yet you your
"""
_PLAIN_WORDS = frozenset(_PLAIN_TEXT.split())
"""Words that hold sentences together and name nothing to be seen."""
_ENDINGS = (("ies", "y"), ("ied", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"),
            ("ing", ""), ("ing", "e"), ("ly", ""))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What a model was taught.

    Attributes:
        taught: Phrases by what they name ("colours", "weather"), as a person would write them.
        words: Every lower-case word that training captions held.
        nearest: A word it was not taught -> the word it knows that is close in meaning.
        origin: Where the vectors of its words come from, with licences.
    """

    taught: Mapping[str, tuple[str, ...]]
    words: frozenset[str]
    nearest: Mapping[str, str]
    origin: str = ""

    def knows(self, word: str) -> bool:
        """Whether a word needs no remark: taught, an inflection of one, or naming nothing."""
        if word in self.words or word in _PLAIN_WORDS:
            return True
        return any(form in self.words for form in (*_bases(word), f"{word}s", f"{word}es"))


def _bases(word: str) -> Iterator[str]:
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            base = word[: -len(ending)] + instead
            yield base
            if base[-1] == base[-2]:
                yield base[:-1]


def read_vocabulary(located: LocatedModel) -> Vocabulary | None:
    """The vocabulary of a model that brings one.

    Raises:
        InputError: The file is damaged.
    """
    if "tokenizer" not in located.components:
        return None
    path = located.component("tokenizer").paths[0].with_name(VOCABULARY_NAME)
    if not path.is_file():
        return None
    return _read_vocabulary(path, stamp(path))


@lru_cache(maxsize=4)
def _read_vocabulary(path: Path, _: tuple[int, int, int]) -> Vocabulary:
    content = load_json(path)
    held: list[Any] = [content.get(name) for name in ("taught", "words", "nearest")]
    taught, words, nearest = held
    origin = content.get("origin", "")
    whole = isinstance(taught, dict) and all(map(_are_texts, taught.values()))
    whole = whole and _are_texts(words) and isinstance(nearest, dict)
    if not whole or not _are_texts([*nearest.values(), origin]):
        raise InputError(
            "vocabulary.json must hold taught, words and nearest, all of texts",
            where=str(path),
            hint="fetch or save the tokenizer again",
        )
    return Vocabulary(
        taught={name: tuple(phrases) for name, phrases in taught.items()},
        words=frozenset(words),
        nearest=nearest,
        origin=origin,
    )


def _are_texts(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(one, str) for one in told)


def write_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Write ``folder/vocabulary.json``."""
    content = {
        "taught": {name: list(phrases) for name, phrases in vocabulary.taught.items()},
        "words": sorted(vocabulary.words),
        "nearest": dict(sorted(vocabulary.nearest.items())),
        "origin": vocabulary.origin,
    }
    text = json.dumps(content, ensure_ascii=False, indent=0) + "\n"
    (folder / VOCABULARY_NAME).write_text(text, encoding="utf-8")
