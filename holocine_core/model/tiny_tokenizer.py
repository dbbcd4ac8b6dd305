"""The tiny model's tokenizer: words of film making, pieces of other words, bytes of the rest."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

VOCABULARY = Path(__file__).parent / "configs" / "tiny" / "vocabulary.json"
START = "\u2581"
"""What a tokenizer of this kind writes before the first piece of a word."""
SPECIAL = ("<pad>", "</s>", "<unk>")


def build_tokenizer() -> Any:
    """A transformers tokenizer: no loss but of white space, exact offsets, </s> at the end.

    A word costs one token, an unknown word its pieces, a character outside ASCII its bytes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(_pieces(), unk_id=2, byte_fallback=True))
    # Splitting first keeps spaces out of the offsets: a token covers its own characters only.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _pieces() -> list[tuple[str, float]]:
    """Pieces with log-probabilities such that the fewest tokens win."""
    known = json.loads(VOCABULARY.read_text(encoding="utf-8"))
    words = [form for word in known["words"] for form in (word, word[0].upper() + word[1:])]
    tags = [START + tag for tag in ("[", "[global", "[shot", "[per", "[character")]
    starts = [*tags, *(START + tail for tail in ("caption]", "cut]")), *(START + w for w in words)]
    characters = [character for character in string.printable if not character.isspace()]
    pieces = dict.fromkeys([*starts, *known["pieces"], "].", START, *characters])
    special = [(token, 0.0) for token in SPECIAL]
    scored = [(piece, -10.0 + 0.01 * len(piece)) for piece in pieces]
    return [*special, *scored, *((f"<0x{byte:02X}>", -30.0) for byte in range(256))]
