"""The embedded model's codec: four frames folded into channels, then two-dimensional convolutions.

Latent frame 0 is frame 0, latent frame k is frames 4k-3 to 4k, and each is encoded and decoded by
itself. So a cut on the 4t+1 grid falls between latent frames and nothing bleeds across it, decoding
streams in constant memory, and a shot that is shot again leaves the others as they were.

Letters: B batch, C channel, F latent frame, T pixel frame, H W rows and columns; small h w those of
latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

FOLDED = 4
"""Frames in a latent frame."""
STRIDE = 8
"""Rows and columns of pixels in a latent."""
RGB = 3
BLOCK = RGB * FOLDED * STRIDE**2
"""Numbers that one latent stands for."""


def _silence(layer: nn.Conv2d) -> None:
    """Let a layer that adds to a way around it add nothing at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class Residual(nn.Module):
    """Two convolutions whose result is added to what entered."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        _silence(self.conv2)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.conv2(F.relu(self.conv1(x)))
        return x + inner


class Encoder(nn.Module):
    """Folded frames [B, 12, H, W] -> latents [B, C, h, w]: a projection of every block of pixels,
    and a learned change of it that sees the neighbours."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        first, second = widths
        self.linear = nn.Conv2d(BLOCK, channels, 1)
        self.inner = nn.Conv2d(BLOCK, first, 1)
        self.around = nn.Conv2d(first, second, 3, padding=1)
        self.out = nn.Conv2d(second, channels, 1)
        _silence(self.out)

    def forward(self, folded: Tensor) -> Tensor:
        blocks = F.pixel_unshuffle(folded, STRIDE)
        hidden = F.relu(self.around(F.relu(self.inner(blocks))))
        latents: Tensor = self.linear(blocks) + self.out(hidden)
        return latents


class Decoder(nn.Module):
    """Latents [B, C, h, w] -> folded frames [B, 12, H, W]: a plain expansion of every latent to its
    block, and a learned change of it in three steps from 1/8 to 1/2 of the resolution."""

    def __init__(self, channels: int, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        low, middle, high = widths
        self.linear = nn.Conv2d(channels, BLOCK, 1)
        self.stem = nn.Conv2d(channels, low, 3, padding=1)
        self.low = nn.Sequential(*(Residual(low) for _ in range(blocks[0])))
        self.widen_middle = nn.Conv2d(low, 4 * middle, 1)
        self.middle = nn.Sequential(*(Residual(middle) for _ in range(blocks[1])))
        self.widen_high = nn.Conv2d(middle, 4 * high, 1)
        self.expansion = nn.Conv2d(4 * RGB * FOLDED, high, 1)
        self.high = nn.Sequential(*(Residual(high) for _ in range(blocks[2])))
        self.head = nn.Conv2d(high, 4 * RGB * FOLDED, 3, padding=1)
        _silence(self.head)

    def forward(self, latents: Tensor) -> Tensor:
        # Where the next two steps up lie, the expansion is an image of its own to correct.
        plain = F.pixel_shuffle(self.linear(latents), STRIDE // 2)
        hidden = self.low(self.stem(latents))
        hidden = self.middle(F.pixel_shuffle(F.relu(self.widen_middle(hidden)), 2))
        hidden = F.pixel_shuffle(self.widen_high(hidden), 2) + self.expansion(plain)
        hidden = self.head(F.relu(self.high(hidden)))
        return F.pixel_shuffle(plain + hidden, 2)


class AutoencoderFold(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A video autoencoder with the face of diffusers' AutoencoderKLWan.

    Args:
        z_dim: Latent channels.
        encoder_widths: Channels of the encoder's two hidden layers.
        decoder_widths: Channels of the decoder at 1/8, 1/4 and 1/2 of the resolution.
        decoder_blocks: Residual blocks there.
        latents_mean: Mean of every latent channel; 0 where absent.
        latents_std: Standard deviation of every latent channel; 1 where absent.
        scale_factor_temporal: Frames in a latent frame; always 4.
        scale_factor_spatial: Rows and columns of pixels in a latent; always 8.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        z_dim: int = 24,
        encoder_widths: Sequence[int] = (256, 128),
        decoder_widths: Sequence[int] = (192, 96, 48),
        decoder_blocks: Sequence[int] = (2, 2, 1),
        latents_mean: Sequence[float] | None = None,
        latents_std: Sequence[float] | None = None,
        scale_factor_temporal: int = FOLDED,
        scale_factor_spatial: int = STRIDE,
    ) -> None:
        super().__init__()
        if (scale_factor_temporal, scale_factor_spatial) != (FOLDED, STRIDE):
            raise ValueError(f"a latent is {FOLDED} frames of {STRIDE}x{STRIDE} pixels")
        self.register_to_config(
            latents_mean=list(latents_mean or [0.0] * z_dim),
            latents_std=list(latents_std or [1.0] * z_dim),
        )
        self.encoder = Encoder(z_dim, encoder_widths)
        self.decoder = Decoder(z_dim, decoder_widths, decoder_blocks)

    def encode(
        self, x: Tensor, return_dict: bool = True
    ) -> AutoencoderKLOutput | tuple[IdentityDistribution]:
        """Clips [B, 3, T, H, W] in -1..1, T = 4t+1, to a distribution of no spread over latents
        [B, C, F, H/8, W/8]."""
        if x.shape[2] % FOLDED != 1:
            raise ValueError(f"a clip has 4t+1 frames, not {x.shape[2]}")
        # One latent frame at a time: long clips need no more memory than short ones.
        latents = [self.encoder(fold(part)) for part in _parts(x)]
        posterior = IdentityDistribution(torch.stack(latents, dim=2))
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(self, z: Tensor, return_dict: bool = True) -> DecoderOutput | tuple[Tensor]:
        """Latents [B, C, F, h, w] to clips [B, 3, 4F-3, 8h, 8w], clamped to -1..1."""
        frames = [self.decode_frame(z[:, :, k], first=k == 0) for k in range(z.shape[2])]
        clip = torch.cat(frames, dim=2)
        return DecoderOutput(sample=clip) if return_dict else (clip,)

    def decode_frame(self, z_BChw: Tensor, *, first: bool) -> Tensor:
        """One latent frame to its pixels [B, 3, T, H, W]: one frame for the first, else four."""
        frames = unfold(self.decoder(z_BChw)).clamp(-1, 1)
        # The first latent frame is one frame four times over.
        return frames[:, :, -1:] if first else frames

    def clear_cache(self) -> None:
        """Nothing is kept from one latent frame to the next."""


def fold(frames_B3THW: Tensor) -> Tensor:
    """Four frames as channels [B, 12, H, W]; a single one stands still."""
    return frames_B3THW.expand(-1, -1, FOLDED, -1, -1).flatten(1, 2)


def unfold(folded_BCHW: Tensor) -> Tensor:
    """Channels as four frames [B, 3, 4, H, W]; the inverse of :func:`fold`."""
    count, _, height, width = folded_BCHW.shape
    return folded_BCHW.view(count, RGB, FOLDED, height, width)


def _parts(x: Tensor) -> Sequence[Tensor]:
    """The frames of every latent frame."""
    following = range(1, x.shape[2], FOLDED)
    return [x[:, :, :1], *(x[:, :, start : start + FOLDED] for start in following)]
