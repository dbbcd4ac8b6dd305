"""Wan's transformer, told where each of its tokens stands in the picture.

Wan's rotary embedding tells tokens how far they are from each other, and nothing how far they are
from the edge: where there is only noise, every place of the picture looks alike. Large models work
it out from the noise itself; a small one spends its training on that. So the embedded model's
patches carry their place (docs/decisions/0009-places.md).

Letters: B batch, C channel, F latent frame, H W rows and columns of tokens.
"""

from __future__ import annotations

import math

import torch
from diffusers import WanTransformer3DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

# diffusers' pipelines look for ModelMixin in the module of a class they load.
__all__ = ["WAVES", "ModelMixin", "PlacedWanTransformer3DModel", "PositionedPatches", "waves"]

WAVES = 8
"""Cosines along each axis, from half a wave across the picture to four waves."""


def waves(rows: int, columns: int, device: torch.device | None = None) -> Tensor:
    """Cosines of every token's height and breadth in the picture [H, W, 2 * WAVES]."""
    order = math.pi * torch.arange(1, WAVES + 1, device=device)
    down = torch.cos((torch.arange(rows, device=device)[:, None] + 0.5) / rows * order)
    across = torch.cos((torch.arange(columns, device=device)[:, None] + 0.5) / columns * order)
    return torch.cat(
        [down[:, None].expand(-1, columns, -1), across[None].expand(rows, -1, -1)], dim=-1
    )


class PositionedPatches(nn.Conv3d):
    """Patches [B, C, F, h, w] -> tokens [B, D, F, H, W], plus a learned sum of their place's waves;
    nothing where that is new."""

    def __init__(self, channels: int, width: int, patch: tuple[int, ...]) -> None:
        size = (patch[0], patch[1], patch[2])
        super().__init__(channels, width, kernel_size=size, stride=size)
        self.places = nn.Linear(2 * WAVES, width, bias=False)
        nn.init.zeros_(self.places.weight)

    def forward(self, input: Tensor) -> Tensor:
        """As said of the class."""
        tokens = super().forward(input)
        weight = self.places.weight
        rows, columns = tokens.shape[3:]
        known = waves(rows, columns, device=tokens.device).to(weight.dtype)
        added: Tensor = self.places(known).permute(2, 0, 1)[None, :, None]
        return tokens + added.type_as(tokens)


class PlacedWanTransformer3DModel(WanTransformer3DModel):  # type: ignore[misc]
    """A WanTransformer3DModel whose patch embedding is :class:`PositionedPatches`; else the
    same, with the same arguments. Its name stands in files."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        patch_size: tuple[int, ...] = (1, 2, 2),
        num_attention_heads: int = 40,
        attention_head_dim: int = 128,
        in_channels: int = 16,
        out_channels: int = 16,
        text_dim: int = 4096,
        freq_dim: int = 256,
        ffn_dim: int = 13824,
        num_layers: int = 40,
        cross_attn_norm: bool = True,
        qk_norm: str | None = "rms_norm_across_heads",
        eps: float = 1e-6,
        image_dim: int | None = None,
        added_kv_proj_dim: int | None = None,
        rope_max_seq_len: int = 1024,
        pos_embed_seq_len: int | None = None,
    ) -> None:
        given = {
            name: value for name, value in locals().items() if name not in ("self", "__class__")
        }
        super().__init__(**given)
        width = num_attention_heads * attention_head_dim
        self.patch_embedding = PositionedPatches(in_channels, width, tuple(patch_size))
