"""Encoded prompts of takes, read together and kept while they are wanted."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from holocine_core.model.locate import load_tokenizer
from holocine_core.model.networks import Networks
from holocine_core.plan.passes import pass_of
from holocine_core.plan.values import Take
from holocine_core.sample.conditioning import (
    Conditioning,
    ContextRows,
    folded,
    negative_conditioning,
    scene_conditioning,
)

Text = tuple[Conditioning, Conditioning | None]
"""A take's prompt and, where it is guided, its negative prompt."""


class Texts:
    """What takes read.

    Args:
        networks: Of the model; its text encoder is forgotten after each reading.
    """

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._encoded: dict[Hashable, Text] = {}

    def of(self, take: Take, waiting: Iterable[Take]) -> Text:
        """A take's text; where it has not been read yet, those of ``waiting`` are read with it."""
        if _key(take) not in self._encoded:
            self._encode([take, *waiting])
            # Only now does nothing refer to the encoder any more.
            self._networks.release("text_encoder")
        return self._encoded[_key(take)]

    def forget_all_but(self, takes: Iterable[Take]) -> None:
        """Free what no take of these reads."""
        wanted = {_key(take) for take in takes}
        self._encoded = {key: text for key, text in self._encoded.items() if key in wanted}

    def _encode(self, takes: Iterable[Take]) -> None:
        tokenizer = load_tokenizer(self._networks.located)
        encoder = self._networks.use("text_encoder")
        for take in takes:
            if (key := _key(take)) not in self._encoded:
                self._encoded[key] = self._read(pass_of(take), tokenizer, encoder)

    def _read(self, take: Take, tokenizer: Any, encoder: Any) -> Text:
        spec = self._networks.located.spec
        reads = ContextRows(spec.text_tokens, padding=spec.text_padding)
        positive = scene_conditioning(take.prompt, tokenizer, encoder, reads, take.sampling.text)
        negative = (
            negative_conditioning(take.negative, tokenizer, encoder, reads)
            if take.sampling.guidance > 1
            else None
        )
        if self._networks.device.type != "cpu":
            return positive, negative
        # A GPU has hundreds of rows for nothing; on a CPU they are a fifth of a small model's work.
        shots = len(take.timeline.latent_spans)
        return folded(positive, shots), None if negative is None else folded(negative, shots)


def _key(take: Take) -> Hashable:
    """What the text of a take's pass depends on."""
    shown, sampling = pass_of(take), take.sampling
    return shown.prompt, take.negative if sampling.guidance > 1 else None, sampling.text
