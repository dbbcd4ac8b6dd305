"""A small text encoder that starts from word vectors, and its tokenizer, as pipeline parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.errors import InputError
from holocine_core.model.nano_net.tokenizer import START, build_word_tokenizer
from holocine_core.model.vocabulary import Vocabulary, write_vocabulary

CLOSE = 0.55
"""Words of at least this cosine are told as near in meaning."""
_STEEP = 0.4
"""By how much a logit falls from one bucket of distance to the next, at first."""
_BEHIND = -8.0
"""What is added to logits on the side a head looks away from, at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextShape:
    """Dimensions of a UMT5 encoder, as T5 names them."""

    layers: int = 3
    heads: int = 4
    ffn: int = 256


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Words, each once, a row [width] each, of root mean square 1, and where they come from."""

    words: tuple[str, ...]
    vectors: Tensor
    origin: str = ""


def read_vectors(path: Path) -> WordVectors:
    """The table that ``holocine_core.lab.words.vectors`` wrote.

    Raises:
        InputError: There is none, or it is no such table.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            vectors = file.get_tensor("vectors").float()
            metadata = file.metadata() or {}
            words, origin = tuple(json.loads(metadata["words"])), metadata["origin"]
    except (OSError, SafetensorError, KeyError, ValueError) as broken:
        raise InputError(f"this is no table of word vectors: {broken}", where=str(path)) from broken
    if len(words) != len(vectors):
        raise InputError(f"{len(vectors)} vectors for {len(words)} words", where=str(path))
    return WordVectors(words, vectors, origin)


def write_text_parts(
    folder: Path,
    table: WordVectors,
    taught: Mapping[str, Sequence[str]],
    words: Iterable[str],
    *,
    shape: TextShape | None = None,
    seed: int = 0,
) -> None:
    """Write ``tokenizer/`` (with vocabulary.json) and ``text_encoder/`` below ``folder``.

    The encoder begins as its table: its layers add nothing to the words yet. The random state of
    the caller is left alone.

    Args:
        folder: Of a pipeline, or one to copy parts from.
        table: Words and their vectors; all other tokens get random rows.
        taught: Phrases of training captions by what they name.
        words: All words of training captions.
        shape: Of the encoder.
        seed: Of what is random.
    """
    tokenizer = build_word_tokenizer(table.words)
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder / "tokenizer")
    known = frozenset(words)
    vocabulary = Vocabulary(
        taught={name: tuple(phrases) for name, phrases in taught.items()},
        words=known,
        nearest=nearest_words(table, known),
        origin=table.origin,
    )
    write_vocabulary(folder / "tokenizer", vocabulary)
    _save(_encoder(tokenizer, table, shape or TextShape(), seed), folder / "text_encoder")


def nearest_words(table: WordVectors, known: Iterable[str]) -> dict[str, str]:
    """Per word of the table that is not known, the known word nearest to it, where one is close."""
    known = frozenset(known)
    unit = F.normalize(table.vectors, dim=-1)
    targets = [i for i, word in enumerate(table.words) if word in known]
    if not targets:
        return {}
    cosines, places = (unit @ unit[targets].T).max(1)
    return {
        word: table.words[targets[int(place)]]
        for word, cosine, place in zip(table.words, cosines, places, strict=True)
        if word not in known and cosine >= CLOSE
    }


@torch.no_grad()
def _encoder(tokenizer: Any, table: WordVectors, shape: TextShape, seed: int) -> Any:
    from transformers import UMT5Config, UMT5EncoderModel

    width = table.vectors.shape[1]
    config = UMT5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=width // shape.heads,
        d_ff=shape.ffn,
        num_layers=shape.layers,
        num_heads=shape.heads,
        dropout_rate=0.0,
        architectures=["UMT5EncoderModel"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = UMT5EncoderModel(config)
        nn.init.normal_(encoder.shared.weight)
    ids = tokenizer.convert_tokens_to_ids(
        [word if "-" in word else START + word for word in table.words]
    )
    encoder.shared.weight[torch.tensor(ids)] = table.vectors
    for block in encoder.encoder.block:
        nn.init.zeros_(block.layer[0].SelfAttention.o.weight)
        nn.init.zeros_(block.layer[1].DenseReluDense.wo.weight)
        _look_around(block.layer[0].SelfAttention.relative_attention_bias.weight)
    return encoder


def _look_around(table: Tensor) -> None:
    """Let heads begin by looking to the left, to the right, both ways and everywhere: whose a thing
    is, the nearest name before it tells, and where nearness counts for nothing at first it hardly
    ever comes to.

    Args:
        table: What is added to logits, [buckets of distance, heads]; the first half is to the left.
    """
    nn.init.zeros_(table)
    half, heads = len(table) // 2, table.shape[1]
    away = -_STEEP * torch.arange(half, dtype=table.dtype)
    for head in range(heads):
        if head % 4 < 3:
            table[:half, head] = away if head % 4 != 1 else _BEHIND
            table[half:, head] = away if head % 4 != 0 else _BEHIND


def _save(encoder: Any, folder: Path) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    encoder.config.save_pretrained(folder)
    # The encoder's embedding is the shared one; a file holds it once.
    state = {
        name: value.bfloat16()
        for name, value in encoder.state_dict().items()
        if name != "encoder.embed_tokens.weight"
    }
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
