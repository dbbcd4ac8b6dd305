"""Words of a screenplay that its model was never taught."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from holocine_core.errors import Problem
from holocine_core.model.vocabulary import Vocabulary
from holocine_core.script.manuscript import Manuscript, in_file_order
from holocine_core.script.prompt import MARKERS, camera_phrases, mentions
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.yaml_source import Key

MOST = 8
"""Words told one by one; the others share a line."""
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_TAG = re.compile("|".join(map(re.escape, (*MARKERS, "{{", "}}"))) + r"|\[character\d+\]")


@dataclass(slots=True)
class _Use:
    """How a word is written in a screenplay."""

    key: Key
    """Where it stands first."""
    small: bool = False
    """Somewhere without a capital."""
    inside: bool = False
    """Somewhere with a capital that no sentence begins with."""


def unknown_words(
    manuscript: Manuscript, screenplay: Screenplay, vocabulary: Vocabulary, model: str
) -> list[Problem]:
    """What ``model`` can not know in a valid screenplay: each word once, where it stands first.

    Names and words that hold sentences together are passed over.
    """
    found: dict[Problem, str] = {}
    for word, use in _uses(screenplay).items():
        if _is_name(word, use, vocabulary) or _known(word, vocabulary):
            continue
        near = vocabulary.nearest.get(word)
        # A model of a small world knows some of what is near, not all.
        near = near if near and _known(near, vocabulary) else None
        hint = f"the nearest word it knows: '{near}'" if near else ""
        message = f"{model} was not taught '{word}'"
        found[manuscript.problem(use.key, message, hint, word=word)] = word
    lists = f"holocine models info {model} lists what it knows"
    for told_as, key in _camera(screenplay, vocabulary).items():
        message = f"{model} was not taught '{told_as}'"
        found[manuscript.problem(key, message, lists)] = told_as
    told = in_file_order(list(found))
    if len(told) <= MOST:
        return told
    others = [found[problem] for problem in told[MOST:]]
    count = "1 more word" if len(others) == 1 else f"{len(others)} more words"
    rest = Problem(
        f"and {count} that {model} was not taught: {', '.join(others)}",
        str(manuscript.source.path),
        lists,
    )
    return [*told[:MOST], rest]


def _is_name(word: str, use: _Use, vocabulary: Vocabulary) -> bool:
    """Whether a word is always written as a name, and is no known word that begins sentences."""
    return not use.small and (use.inside or word not in vocabulary.nearest)


def _uses(screenplay: Screenplay) -> dict[str, _Use]:
    declared = {
        word for name in screenplay.characters for word, *_ in _words(name.replace("_", " "))
    }
    uses: dict[str, _Use] = {}
    for key, text in _texts(screenplay):
        for word, capital, first in _words(text):
            if word not in declared:
                use = uses.setdefault(word, _Use(key))
                use.small |= not capital
                use.inside |= capital and not first
    return uses


def _texts(screenplay: Screenplay) -> Iterator[tuple[Key, str]]:
    """Every text that enters a prompt, with its place."""
    yield ("style",), screenplay.style
    for name, look in screenplay.characters.items():
        yield ("characters", name), look
    for i, scene in enumerate(screenplay.scenes):
        if scene.prompt is not None:
            yield ("scenes", i, "prompt"), scene.prompt
        yield ("scenes", i, "global"), scene.global_
        for j, shot in enumerate(scene.shots or ()):
            yield ("scenes", i, "shots", j, "prompt"), shot.prompt


def _camera(screenplay: Screenplay, vocabulary: Vocabulary) -> dict[str, Key]:
    """Sizes, angles and movements whose prompt has a word that is not known, each as its key has it
    and not as the prompt puts it, and where it stands first."""
    found: dict[str, Key] = {}
    for i, scene in enumerate(screenplay.scenes):
        for j, shot in enumerate(scene.shots or ()):
            for name, phrase in camera_phrases(shot).items():
                if not all(_known(word, vocabulary) for word, *_ in _words(phrase)):
                    key = ("scenes", i, "shots", j, name)
                    found.setdefault(f"{name}: {getattr(shot, name)}", key)
    return found


def _words(text: str) -> Iterator[tuple[str, bool, bool]]:
    """Lower-case words without accents, with whether each has a capital and begins a sentence.

    Mentions, markers and a possessive s are left out.
    """
    text = _TAG.sub(". ", text)
    for mention in reversed([m for m in mentions(text) if m.name is not None]):
        rest = text[text.index("}", mention.start) + 1 :]
        # A stand-in, so that the sentence is seen to have begun.
        text = f"{text[: mention.start]}x{rest}"
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    for found in _WORD.finditer(plain):
        word = found[0].lower().removesuffix("'s")
        if len(word) > 1:
            before = plain[: found.start()].rstrip(" \n\"'([")
            yield word, found[0][0].isupper(), not before or before[-1] in ".!?:"


def _known(word: str, vocabulary: Vocabulary) -> bool:
    """Whether a word, or each of the words it is joined from, is known."""
    return vocabulary.knows(word) or all(
        vocabulary.knows(part) or len(part) == 1 for part in re.split("[-']", word)
    )
