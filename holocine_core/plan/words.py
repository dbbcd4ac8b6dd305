"""Words of a screenplay that its model was never taught."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from holocine_core.errors import Problem
from holocine_core.model.vocabulary import Vocabulary
from holocine_core.script.manuscript import Manuscript, in_file_order
from holocine_core.script.prompt import MARKERS, mentions
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.yaml_source import Key

MOST = 8
"""Words told one by one; the others share a line."""
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_TAG = re.compile("|".join(map(re.escape, (*MARKERS, "{{", "}}"))) + r"|\[character\d+\]")


def unknown_words(
    manuscript: Manuscript, screenplay: Screenplay, vocabulary: Vocabulary, model: str
) -> list[Problem]:
    """What ``model`` can not know in a valid screenplay: each word once, where it stands first.

    Names of declared characters and words that hold sentences together are passed over.
    """
    names = {part for name in screenplay.characters for part in _words(name.replace("_", " "))}
    found: dict[str, Problem] = {}
    for key, text in _texts(screenplay):
        for word in _words(text):
            known = word in names or _known(word, vocabulary)
            if not known and word not in found:
                near = vocabulary.nearest.get(word)
                hint = f"the nearest word it knows: '{near}'" if near else ""
                found[word] = manuscript.problem(key, f"{model} was not taught '{word}'", hint)
    told = in_file_order(list(found.values()))
    if len(told) <= MOST:
        return told
    later = {problem: word for word, problem in found.items()}
    others = [later[problem] for problem in told[MOST:]]
    count = (
        f"and {len(others)} more words that {model} was not taught"
        if others[1:]
        else (f"and 1 more word that {model} was not taught")
    )
    rest = Problem(
        f"{count}: {', '.join(others)}",
        str(manuscript.source.path),
        f"holocine models info {model} lists what it knows",
    )
    return [*told[:MOST], rest]


def _texts(screenplay: Screenplay) -> Iterator[tuple[Key, str]]:
    """Every text that enters a prompt as it is written, with its place."""
    yield ("style",), screenplay.style
    for name, look in screenplay.characters.items():
        yield ("characters", name), look
    for i, scene in enumerate(screenplay.scenes):
        if scene.prompt is not None:
            yield ("scenes", i, "prompt"), scene.prompt
        yield ("scenes", i, "global"), scene.global_
        for j, shot in enumerate(scene.shots or ()):
            yield ("scenes", i, "shots", j, "prompt"), shot.prompt


def _words(text: str) -> Iterator[str]:
    """Lower-case words without accents; mentions, markers and a possessive s left out."""
    text = _TAG.sub(" ", text)
    for mention in reversed([m for m in mentions(text) if m.name is not None]):
        end = text.index("}", mention.start) + 1
        # What follows a name without a space still belongs to it: {mara}'s.
        rest = text[end:].removeprefix("'s")
        text = f"{text[: mention.start]} {rest}"
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    for found in _WORD.findall(plain):
        yield found.removesuffix("'s")


def _known(word: str, vocabulary: Vocabulary) -> bool:
    """Whether a word, or each of the words it is joined from, is known."""
    return vocabulary.knows(word) or all(
        vocabulary.knows(part) or len(part) == 1 for part in re.split("[-']", word)
    )
