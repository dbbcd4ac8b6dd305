"""A tokenizer of whole words: one token a word, endings and characters of unknown ones."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from holocine_core.script.prompt import MARKERS

START = "\u2581"
"""What stands before a word's first piece, so that an ending is never taken for a word."""
SPECIAL = ("<pad>", "</s>", "<unk>")
TAGS = (*MARKERS, *(f"[character{i}]" for i in range(1, 10)))
"""Parts of HoloCine's prompt form that are one token each."""
ENDINGS = (
    "s", "es", "ed", "d", "ing", "er", "r", "ers", "est", "ly", "y", "n", "en", "ness", "less",
    "ful", "like", "ish",
)  # fmt: skip


def build_word_tokenizer(words: Sequence[str]) -> Any:
    """A transformers tokenizer that knows ``words``: exact offsets, </s> at the end.

    Case and accents do not count. A known word is one token, also where it holds hyphens; its
    inflections are the word and an ending; any other word is its characters, outside ASCII its
    bytes. Punctuation marks and digits are tokens of their own.

    Args:
        words: Lower-case words, each once; hyphens join, other marks do not occur.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(_pieces(words), unk_id=2, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Metaspace(prepend_scheme="always", split=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    # The text is cut at hyphens, so words that hold one are looked for before.
    joined = [AddedToken(word, single_word=True, normalized=True) for word in words if "-" in word]
    tokenizer.add_tokens(joined)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _pieces(words: Sequence[str]) -> list[tuple[str, float]]:
    """Pieces with log-probabilities such that the fewest tokens win."""
    characters = [c for c in string.printable if not c.isspace() and not c.isupper()]
    starts = [START + character for character in characters]
    whole = [START + word for word in words if "-" not in word]
    pieces = dict.fromkeys([*whole, *starts, *ENDINGS, START, *characters])
    special = [(token, 0.0) for token in SPECIAL]
    scored = [(piece, -10.0) for piece in pieces]
    return [*special, *scored, *((f"<0x{byte:02X}>", -30.0) for byte in range(256))]
