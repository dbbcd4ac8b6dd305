"""A take's prompt -> what the network reads: context rows and, per shot, which of them are open.

Letters: B batch, L context row, D text width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.errors import InputError
from holocine_core.model.attention.segments import Windows
from holocine_core.script.prompt import ScenePrompt, clean, token_ranges


@dataclass(frozen=True, slots=True)
class ContextRows:
    """How many rows of text a model reads.

    Attributes:
        most: Longest text in tokens; longer ones are refused.
        padding: Whether texts are filled up to ``most`` with zero rows that all shots read.
    """

    most: int
    padding: bool = True

    def of(self, tokens: int) -> int:
        """Rows of a text of so many tokens.

        Raises:
            InputError: These are too many.
        """
        if tokens > self.most:
            raise InputError(
                f"the prompt has {tokens} tokens, the model reads {self.most}",
                hint="shorten it, or write `text: per-shot`",
            )
        # Even a tokenizer without an end of text leaves something to attend to.
        return self.most if self.padding else max(1, tokens)


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
    reads: ContextRows,
    text: Literal["scene", "per-shot"] = "scene",
) -> Conditioning:
    """Encode a scene's prompt.

    ``scene``: one encoding of the whole prompt, each shot reads its window of it (HoloCine, section
    3.2). ``per-shot``: every shot reads an encoding of the global caption and its own text alone,
    made the same way, so the limit of tokens holds per shot and not per scene.

    Args:
        prompt: The scene's text.
        tokenizer: A ``tokenizers.Tokenizer``.
        encoder: A T5-like encoder.
        reads: Rows of one encoding.
    """
    texts = [prompt.text] if text == "scene" else list(prompt.windows)
    rows, windows, first = [], [], 0
    for part in texts:
        one = encode(part, tokenizer, encoder, reads)
        ranges = token_ranges(part, tokenizer.encode(part).offsets)
        length = one.shape[1]
        windows += [tuple(first + row for row in window) for window in ranges.windows(length)]
        rows.append(one)
        first += length
    return Conditioning(text_BLD=torch.cat(rows, dim=1), windows=tuple(windows))


def negative_conditioning(
    negative: str, tokenizer: Any, encoder: Any, reads: ContextRows
) -> Conditioning:
    """Encode the negative prompt; it is never windowed."""
    return Conditioning(text_BLD=encode(clean(negative), tokenizer, encoder, reads), windows=None)


def folded(text: Conditioning, shots: int) -> Conditioning:
    """The same text with its zero rows laid together: one of them, listed as often as they were.

    Attention weighs it by their number, so that the network's velocity is the same up to rounding
    and hundreds of rows need not be computed.

    Args:
        text: One scene's; all rows are open to all where it has no windows.
        shots: Shots of the scene.
    """
    length = text.text_BLD.shape[1]
    used = (text.text_BLD[0] != 0).any(-1).nonzero().flatten().tolist()
    place = {row: i for i, row in enumerate(used)}
    windows = text.windows or ((*range(length),),) * shots
    return Conditioning(
        text_BLD=F.pad(text.text_BLD[:, used], (0, 0, 0, 1)),
        windows=tuple(tuple(place.get(row, len(used)) for row in window) for window in windows),
    )


@torch.no_grad()
def encode(text: str, tokenizer: Any, encoder: Any, reads: ContextRows) -> Tensor:
    """Encode a cleaned text to [1, L, D]; rows beyond its last token are zero.

    Raises:
        InputError: The text has too many tokens.
    """
    ids = tokenizer.encode(text).ids
    length = reads.of(len(ids))
    device = next(encoder.parameters()).device
    hidden = encoder(input_ids=torch.tensor([ids], device=device)).last_hidden_state
    out = torch.zeros(1, length, hidden.shape[-1], dtype=hidden.dtype, device=device)
    out[:, : len(ids)] = hidden
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTokens:
    """Tokens of several scenes, before they are encoded.

    Attributes:
        ids: Per item, its tokens.
        windows: As of :class:`BatchConditioning`.
    """

    ids: tuple[tuple[int, ...], ...]
    windows: tuple[Windows, ...]

    def without(self, dropped: Sequence[bool], untold: BatchTokens) -> BatchTokens:
        """The same with the items of ``untold``, or its only one, in place of those dropped."""

        def either(mine: Sequence[Any], other: Sequence[Any]) -> tuple[Any, ...]:
            others = [*other] * len(mine) if len(other) == 1 else other
            return tuple(
                its if lost else one for one, its, lost in zip(mine, others, dropped, strict=True)
            )

        return BatchTokens(
            ids=either(self.ids, untold.ids), windows=either(self.windows, untold.windows)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConditioning:
    """Encoded text of several scenes, padding rows left out but one.

    Attributes:
        text_BLD: Context rows up to the longest text's, and one padding row if any is read.
        windows: Per item and shot, its open rows; the padding row is listed as often as there are
            such rows.
    """

    text_BLD: Tensor
    windows: tuple[Windows, ...]


def batch_conditioning(
    prompts: Sequence[ScenePrompt | None],
    shots: int,
    tokenizer: Any,
    encoder: Any,
    reads: ContextRows,
) -> BatchConditioning:
    """Encode several scenes' prompts in one pass, each as :func:`scene_conditioning` would.

    Arguments as :func:`batch_tokens`; ``encoder`` is a T5-like one.
    """
    return encode_tokens(batch_tokens(prompts, shots, tokenizer, reads), encoder)


def batch_tokens(
    prompts: Sequence[ScenePrompt | None],
    shots: int | Sequence[int],
    tokenizer: Any,
    reads: ContextRows,
) -> BatchTokens:
    """Several scenes' prompts in tokens, and what each of their shots reads.

    Args:
        prompts: One per item; None for an item without text, which is encoded as an empty
            negative prompt and whose shots all read all of it.
        shots: Shots of every item, or of each.
        tokenizer: A ``tokenizers.Tokenizer``.
        reads: Rows of one item.
    """
    counts = [shots] * len(prompts) if isinstance(shots, int) else shots
    texts = [clean("") if prompt is None else prompt.text for prompt in prompts]
    encodings = [tokenizer.encode(text) for text in texts]
    windows = []
    for prompt, text, encoding, count in zip(prompts, texts, encodings, counts, strict=True):
        length = reads.of(len(encoding.ids))
        rows = ((*range(length),),) * count
        if prompt is not None:
            rows = token_ranges(text, encoding.offsets).windows(length)
        windows.append(_fold_padding(rows, len(encoding.ids), length))
    return BatchTokens(
        ids=tuple(tuple(encoding.ids) for encoding in encodings), windows=tuple(windows)
    )


def encode_tokens(tokens: BatchTokens, encoder: Any) -> BatchConditioning:
    """Encode several scenes' tokens in one pass.

    Gradients flow back into the encoder where they are switched on.
    """
    return padded_conditioning(_encode_batch(tokens.ids, encoder), tokens.windows)


def padded_conditioning(text_BLD: Tensor, windows: tuple[Windows, ...]) -> BatchConditioning:
    """Encoded texts with as many zero rows behind them as their windows name."""
    rows_needed = 1 + max(row for item in windows for window in item for row in window)
    text_BLD = F.pad(text_BLD, (0, 0, 0, max(0, rows_needed - text_BLD.shape[1])))
    return BatchConditioning(text_BLD=text_BLD, windows=windows)


def _fold_padding(windows: Windows, tokens: int, length: int) -> Windows:
    """Windows that list the first of the rows that are zero and open to all shots in place of each
    of them."""
    if tokens >= length:
        return windows
    # What lies behind the last token is open to all, but for what the release's quirk leaves out.
    shared = set(range(tokens, length)).intersection(*windows)
    first = length
    while first - 1 in shared:
        first -= 1
    return tuple(tuple(min(row, first) for row in window) for window in windows)


def _encode_batch(ids: Sequence[Sequence[int]], encoder: Any) -> Tensor:
    """Encode token lists together to [B, L, D]; rows beyond a list's last token are zero."""
    device = next(encoder.parameters()).device
    longest = max(1, *map(len, ids))
    padded = torch.zeros(len(ids), longest, dtype=torch.long)
    mask = torch.zeros(len(ids), longest, dtype=torch.long)
    for i, tokens in enumerate(ids):
        padded[i, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        mask[i, : len(tokens)] = 1
    mask = mask.to(device)
    hidden: Tensor = encoder(input_ids=padded.to(device), attention_mask=mask).last_hidden_state
    return hidden * mask[..., None].to(hidden.dtype)
