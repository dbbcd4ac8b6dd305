"""CLIP's text network: what prompts are compared with frames by, none of their words left out.

Letters: N text, D feature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.errors import InputError
from holocine_core.evaluate.consistency import Features
from holocine_core.evaluate.features import load_network

_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_TAG = re.compile(r"\[(character)\s*(\d+)\]", re.I)


class ClipText:
    """The text half of a CLIP model in a local transformers folder.

    CLIP reads 77 tokens at most. A longer text is read in pieces of whole sentences, and its
    feature is their mean, weighted by their tokens.

    Args:
        folder: config.json of type ``clip``, tokenizer and weights.

    Raises:
        InputError: Tokenizer or weights are missing there.
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        import transformers

        self._device = device
        try:
            self._tokenizer = transformers.CLIPTokenizerFast.from_pretrained(
                folder, local_files_only=True
            )
        except (OSError, ValueError, TypeError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"CLIP's tokenizer cannot be read there: {first}",
                where=str(folder),
                hint="give a whole CLIP folder as transformers saves it, or one of its vision half",
            ) from error
        self._network = load_network(folder, "clip").to(device)
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
        long."""
        sentences = [
            unit
            for sentence in _SENTENCE.split(text.strip())
            for unit in ([sentence] if self._fits(sentence) else sentence.split())
        ]
        packed: list[str] = []
        for unit in sentences:
            if packed and self._fits(longer := f"{packed[-1]} {unit}"):
                packed[-1] = longer
            else:
                packed.append(unit)
        return packed

    def _fits(self, text: str) -> bool:
        return len(self._tokenizer(text, verbose=False).input_ids) <= self._most


def plain(text: str) -> str:
    """A prompt without the brackets of HoloCine's character tags."""
    return _TAG.sub(r"\1 \2", text)
