"""LoRAs of single shots: an adapter's change reaches the tokens of its shots and no others.

Video tokens of a shot take it in every layer, its own rows of text where keys and values are made
of them. What all shots share, the global caption's rows and the time's modulation, stays as it is;
a file that trains the latter is refused. peft has no such switch, so that the way out of each
adapter's matrices is multiplied by a mask.

Letters: B batch, N video token, L text row, O output width of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor, nn

from holocine_core.model.attention.layout import ShotContext, ShotLayout
from holocine_core.model.lora.file import LoraFile

READS_TEXT = (".attn2.to_k", ".attn2.to_v")
TEXT_EMBEDDER = "condition_embedder.text_embedder."


class ShotLoras:
    """Which shots take which LoRA; set :attr:`shots` before a take is denoised.

    Args:
        context: That knows where the shots lie in every pass.
    """

    def __init__(self, context: ShotContext) -> None:
        self._context = context
        self._shots: Mapping[LoraFile, Sequence[int]] = {}
        self._masks: dict[tuple[LoraFile, bool, int, torch.device], Tensor] = {}
        self._masked: ShotLayout | None = None

    @property
    def shots(self) -> Mapping[LoraFile, Sequence[int]]:
        """By file, the numbers of the shots that take it, from 0; others change nothing."""
        return self._shots

    @shots.setter
    def shots(self, shots: Mapping[LoraFile, Sequence[int]]) -> None:
        self._shots = shots
        self._masks.clear()

    def bind(self, transformer: WanTransformer3DModel, adapter: str, lora: LoraFile) -> None:
        """Keep an adapter that lies in a network to the shots that take its file."""
        for name, module in transformer.named_modules():
            ways_out = getattr(module, "lora_B", None)
            if isinstance(ways_out, nn.ModuleDict) and adapter in ways_out:
                ways_out[adapter].register_forward_hook(self._masking(lora, text=_reads_text(name)))

    def _masking(self, lora: LoraFile, *, text: bool) -> Callable[..., Tensor]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> Tensor:
            mask = self._mask(lora, text=text, length=output.shape[1], device=output.device)
            return output * mask.to(output.dtype)

        return hook

    def _mask(self, lora: LoraFile, *, text: bool, length: int, device: torch.device) -> Tensor:
        """1 for every token or row that takes the LoRA, 0 for the others [length, 1]."""
        layout = self._context.layout
        if layout is not self._masked:
            self._masks.clear()
            self._masked = layout
        key = (lora, text, length, device)
        if key not in self._masks:
            taking = frozenset(self._shots.get(lora, ()))
            mask = _of_rows(layout, taking, length) if text else _of_tokens(layout, taking, length)
            self._masks[key] = mask[:, None].to(device)
        return self._masks[key]


def _reads_text(layer: str) -> bool:
    return layer.endswith(READS_TEXT) or layer.startswith(TEXT_EMBEDDER)


def _of_tokens(layout: ShotLayout, taking: frozenset[int], tokens: int) -> Tensor:
    mask = torch.zeros(tokens)
    for shot in taking:
        span = layout.token_spans[shot]
        mask[span.start : span.stop] = 1
    return mask


def _of_rows(layout: ShotLayout, taking: frozenset[int], rows: int) -> Tensor:
    """Rows that nobody reads but these shots."""
    shots = range(len(layout.shots))
    windows = layout.windows or (tuple(range(rows)),) * len(shots)
    mask = torch.zeros(rows)
    for shot in taking:
        mask[list(windows[shot])] = 1
    for shot in shots:
        if shot not in taking:
            mask[list(windows[shot])] = 0
    return mask
