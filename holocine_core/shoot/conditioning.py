"""A take's prompt -> what the network reads: context rows and, per shot, which of them are open.

Letters: B batch, L context row, D text width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.script.prompt import ScenePrompt, clean, token_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """Encoded text of a scene.

    Attributes:
        text_BLD: Context rows, padding rows zero.
        windows: Per shot, its open rows; None where all are open to all (negative prompts).
    """

    text_BLD: Tensor
    windows: tuple[tuple[int, ...], ...] | None


def scene_conditioning(
    prompt: ScenePrompt,
    tokenizer: Any,
    encoder: Any,
    length: int,
    text: Literal["scene", "per-shot"] = "scene",
) -> Conditioning:
    """Encode a scene's prompt.

    ``scene``: one encoding of the whole prompt, each shot reads its window of it (HoloCine, section
    3.2). ``per-shot``: every shot reads an encoding of the global caption and its own text alone,
    made the same way, so the limit of ``length`` tokens holds per shot and not per scene.

    Args:
        prompt: The scene's text.
        tokenizer: A ``tokenizers.Tokenizer``.
        encoder: A T5-like encoder.
        length: Context rows of one encoding; longer prompts are refused.
    """
    texts = [prompt.text] if text == "scene" else list(prompt.windows)
    rows, windows = [], []
    for i, part in enumerate(texts):
        encoding = tokenizer.encode(part)
        rows.append(encode(part, tokenizer, encoder, length))
        ranges = token_ranges(part, encoding.offsets)
        windows += [tuple(i * length + row for row in window) for window in ranges.windows(length)]
    return Conditioning(text_BLD=torch.cat(rows, dim=1), windows=tuple(windows))


def negative_conditioning(negative: str, tokenizer: Any, encoder: Any, length: int) -> Conditioning:
    """Encode the negative prompt; it is never windowed."""
    return Conditioning(text_BLD=encode(clean(negative), tokenizer, encoder, length), windows=None)


@torch.no_grad()
def encode(text: str, tokenizer: Any, encoder: Any, length: int) -> Tensor:
    """Encode a cleaned text to [1, length, D]; rows beyond its last token are zero.

    Raises:
        InputError: The text has more than ``length`` tokens.
    """
    ids = tokenizer.encode(text).ids
    if len(ids) > length:
        raise InputError(
            f"the prompt has {len(ids)} tokens, the model reads {length}",
            hint="shorten it, or write `text: per-shot`",
        )
    device = next(encoder.parameters()).device
    hidden = encoder(input_ids=torch.tensor([ids], device=device)).last_hidden_state
    out = torch.zeros(1, length, hidden.shape[-1], dtype=hidden.dtype, device=device)
    out[:, : len(ids)] = hidden
    return out
