"""Words that training never shows -> the taught word that says most nearly the same.

A text encoder that learned from captions knows what to do with vectors of taught words, and little
of what lies between them. A sentence encoder and WordNet together say which taught word another one
is likest to; there its vector is drawn to.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.lab.words.wordnet import WordNet
from holocine_core.model.nano_net.text import WordVectors

RELATED = 0.6
"""What being the same in WordNet counts for, where being the same to the encoder counts for 1."""
LEAST = 0.5
"""Words that are less alike are left where they are. Both numbers can be seen on trained words with
``benchmarks/likeness.py``."""
DRAWN = 0.6
"""How far a word goes towards the one that it is likest to."""
_STEPS = 2
"""How many relations up from a word its meanings are followed."""
_FADE = 0.75
"""What is left of a meaning's nearness after each."""


def likest(
    table: WordVectors, wordnet: WordNet, naming: Iterable[str], taught: Iterable[str]
) -> dict[str, str]:
    """Per word of the table that was not taught, the naming word that it is likest to, where one is
    like it.

    Args:
        table: Words and their vectors.
        wordnet: Their relations.
        naming: Taught words that name something by themselves; only they are likened to.
        taught: All taught words, which need no other.
    """
    rows = frozenset(table.words)
    targets = [word for word in dict.fromkeys(naming) if word in rows]
    known = frozenset(taught)
    others = [word for word in table.words if word not in known]
    if not targets or not others:
        return {}
    scores, places = alikeness(table, wordnet, others, targets).max(1)
    return {
        word: targets[int(place)]
        for word, score, place in zip(others, scores, places, strict=True)
        if score >= LEAST
    }


def alikeness(
    table: WordVectors,
    wordnet: WordNet,
    words: Sequence[str],
    targets: Sequence[str],
    related: float = RELATED,
) -> Tensor:
    """How like each word is to each target [words, targets], all of them in the table: the cosine
    of their vectors, and ``related`` times their nearness in WordNet."""
    index = {word: i for i, word in enumerate(table.words)}
    unit = F.normalize(table.vectors, dim=-1)
    alike = unit[[index[word] for word in words]] @ unit[[index[word] for word in targets]].T
    return alike + related * torch.tensor(_relations(words, targets, wordnet))


def drawn_to_taught(table: WordVectors, to: Mapping[str, str]) -> WordVectors:
    """The table with some words nearer to others, every row's mean square 1 as before.

    Args:
        table: Words and their vectors.
        to: The other word per word, as :func:`likest` finds them.
    """
    index = {word: i for i, word in enumerate(table.words)}
    moved = table.vectors.clone()
    for word, other in to.items():
        row = torch.lerp(table.vectors[index[word]], table.vectors[index[other]], DRAWN)
        moved[index[word]] = row / row.square().mean().sqrt()
    return WordVectors(table.words, moved, table.origin)


def _relations(words: Sequence[str], targets: Sequence[str], wordnet: WordNet) -> list[list[float]]:
    """How near each word is to each target in WordNet, 0..1: by the meaning in which both meet, be
    it one's own or what both are kinds of. Meanings with many kinds tell little."""
    kinds = Counter(name for meaning in wordnet.meanings.values() for _, name, _, _ in meaning.near)
    met: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for at, target in enumerate(targets):
        for name, near in _meant(target, wordnet).items():
            met[name].append((at, near / math.sqrt(1 + math.log1p(kinds[name]))))
    found = []
    for word in words:
        row = [0.0] * len(targets)
        for name, near in _meant(word, wordnet).items():
            for at, there in met.get(name, ()):
                row[at] = max(row[at], near * there)
        found.append(row)
    return found


def _meant(word: str, wordnet: WordNet) -> dict[str, float]:
    """The meanings of a word and of what it is a kind of, with their nearness to it."""
    found: dict[str, float] = {}
    uses = chain.from_iterable(
        wordnet.uses.get(form, ()) for form in (word, *wordnet.base_forms(word))
    )
    for first, share in uses:
        level = {first: share**0.25}
        for _ in range(_STEPS + 1):
            above: dict[str, float] = {}
            for name, near in level.items():
                found[name] = max(found.get(name, 0.0), near)
                for nearness, upper, _, _ in wordnet.meanings[name].near:
                    above[upper] = max(above.get(upper, 0.0), near * nearness * _FADE)
            level = above
    return found
