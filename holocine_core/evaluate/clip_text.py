"""CLIP's text network: what prompts are compared with frames by, none of their words left out.

Letters: N text, D feature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.errors import InputError, is_panic
from holocine_core.evaluate.consistency import Features
from holocine_core.evaluate.features import load_network
from holocine_core.store.files import parse_json, read_small

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<=[\u3002\uff01\uff1f\uff1b])\s*")
"""Ends of sentences, also those of Chinese and Japanese."""
_VOCABULARIES = ("tokenizer.json", "vocab.json")
_TAG = re.compile(r"\[(character)\s*(\d+)\]", re.I)


class ClipText:
    """The text half of a CLIP model in a local transformers folder.

    CLIP reads 77 tokens at most. A longer text is read in pieces of whole sentences, and its
    feature is their mean, weighted by their tokens.

    Args:
        folder: config.json of type ``clip``, tokenizer and weights.
        network: The folder's, where it is loaded already.
        device: Where it computes.
        tokenizer: Another than the folder's.

    Raises:
        InputError: Tokenizer or weights are missing there.
    """

    def __init__(
        self, folder: Path, network: Any = None, device: str = "cpu", *, tokenizer: Any = None
    ) -> None:
        self._device = device
        self._tokenizer = tokenizer or clip_tokenizer(folder)
        self._network = (network or load_network(folder, "clip")).to(device)
        self._most = int(self._network.config.text_config.max_position_embeddings)

    def __call__(self, texts: Sequence[str]) -> Features:
        """Features of texts, rows of length 1 [N, D]."""
        rows = [self._feature(plain(text)) for text in texts]
        return torch.stack(rows).cpu().numpy().astype(np.float32)

    @torch.no_grad()
    def _feature(self, text: str) -> Tensor:
        pieces = self.pieces(text)
        ids = [self._tokenizer(piece, return_tensors="pt").input_ids for piece in pieces]
        found = [
            self._network.get_text_features(one.to(self._device)).pooler_output[0] for one in ids
        ]
        weights = torch.tensor([one.shape[1] for one in ids], device=self._device)
        together = (F.normalize(torch.stack(found).float(), dim=1) * weights[:, None]).sum(0)
        return F.normalize(together, dim=0)

    def pieces(self, text: str) -> list[str]:
        """A text in as few pieces as CLIP can read whole: of sentences, of words where one is too
        long, of letters where a word is."""
        units: list[str] = []
        for sentence in filter(None, _SENTENCE.split(text.strip())):
            whole = self._fits(sentence)
            for unit in [sentence] if whole else sentence.split():
                units += [unit] if self._fits(unit) else self._packed(list(unit), "")
        return self._packed(units or [""], " ")

    def _packed(self, units: Sequence[str], between: str) -> list[str]:
        """Neighbours joined while they fit."""
        packed: list[str] = []
        for unit in units:
            if packed and self._fits(longer := f"{packed[-1]}{between}{unit}"):
                packed[-1] = longer
            else:
                packed.append(unit)
        return packed

    def _fits(self, text: str) -> bool:
        return len(self._tokenizer(text, verbose=False).input_ids) <= self._most


def clip_tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer of a local transformers folder.

    Raises:
        InputError: There is none.
    """
    import transformers

    hint = "give a whole CLIP folder as transformers saves it, or one of its vision half"
    files = [path for name in _VOCABULARIES if (path := folder / name).is_file()]
    if not files:
        # transformers would go on with a tokenizer that knows no words.
        raise InputError("CLIP's tokenizer is missing", where=str(folder), hint=hint)
    try:
        # What is no JSON is told of by no exception of its own later on.
        for path in files:
            parse_json(read_small(path))
        return transformers.CLIPTokenizerFast.from_pretrained(folder, local_files_only=True)
    except BaseException as error:
        if not isinstance(error, OSError | ValueError | TypeError) and not is_panic(error):
            raise
        first = str(error).strip().splitlines()[0]
        raise InputError(
            f"CLIP's tokenizer cannot be read there: {first}", where=str(folder), hint=hint
        ) from error


def plain(text: str) -> str:
    """A prompt without the brackets of HoloCine's character tags."""
    return _TAG.sub(r"\1 \2", text)
