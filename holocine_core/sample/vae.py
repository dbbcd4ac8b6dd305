"""Frames <-> latents through the video VAE, whichever it is. Normalisation lives only here.

Letters: B batch, C channel, F latent frame, T pixel frame, H W rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify
from numpy.typing import NDArray
from torch import Tensor

from holocine_core.model.nano_net.codec import AutoencoderFold, fold

Frames = NDArray[np.uint8]
"""RGB frames [T, H, W, 3], 0 to 255."""


def _statistics(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    mean = torch.tensor(vae.config.latents_mean, dtype=torch.float32, device=like.device)
    std = torch.tensor(vae.config.latents_std, dtype=torch.float32, device=like.device)
    return mean.view(1, -1, 1, 1, 1), std.view(1, -1, 1, 1, 1)


@torch.no_grad()
def decode_latents(vae: Any, latents_BCFHW: Tensor) -> Iterator[Frames]:
    """Decode latent frame by latent frame: one pixel frame, then four at a time.

    Bit-identical to ``vae.decode`` but for holding one latent frame's pixels at a time: where
    convolutions look back, their cache carries what later frames need. The caller may stop early;
    the cache is cleared either way.

    Args:
        vae: An ``AutoencoderKLWan`` or ``AutoencoderFold``.
        latents_BCFHW: Normalised latents of one scene, B = 1.
    """
    parameter = next(vae.parameters())
    latents = latents_BCFHW.to(parameter.device, torch.float32)
    mean, std = _statistics(vae, latents)
    vae.clear_cache()
    try:
        for i in range(latents.shape[2]):
            z = (latents[:, :, i : i + 1] * std + mean).to(parameter.dtype)
            # Exact float32 and one fixed algorithm: the same bits in every run on a GPU too.
            with torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ):
                pixels = _decode_frame(vae, z, first=i == 0)
            yield to_frames(pixels[0])
    finally:
        vae.clear_cache()


def _decode_frame(vae: Any, z: Tensor, *, first: bool) -> Tensor:
    """Pixels of the next latent frame; what it leaves in the cache is for the one after."""
    if isinstance(vae, AutoencoderFold):
        frames: Tensor = vae.decode_frame(z[:, :, 0], first=first)
        return frames
    vae._conv_idx = [0]
    # post_quant_conv is pointwise in time: frame by frame gives the same bits, in less memory.
    pixels: Tensor = vae.decoder(
        vae.post_quant_conv(z),
        feat_cache=vae._feat_map,
        feat_idx=vae._conv_idx,
        first_chunk=first,
    )
    if vae.config.patch_size is not None:  # Wan2.2's small codec folds pixels into channels.
        pixels = unpatchify(pixels, patch_size=vae.config.patch_size)
    return pixels


@torch.no_grad()
def encode_frames(vae: Any, frames: Frames) -> Tensor:
    """Encode a clip of 4t+1 frames to its normalised latents [1, C, F, H, W], float32."""
    latents: Tensor = vae.encode(_pixels(vae, frames)).latent_dist.mode().float()
    mean, std = _statistics(vae, latents)
    return (latents - mean) / std


def _pixels(vae: Any, frames: Frames) -> Tensor:
    """Frames as a codec takes them: [1, 3, T, H, W], -1 to 1."""
    parameter = next(vae.parameters())
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None]
    return pixels.to(parameter.device, parameter.dtype) / 127.5 - 1


@torch.no_grad()
def encode_stream(vae: Any, chunks: Iterable[Frames]) -> Tensor:
    """As :func:`encode_frames`, of frames that come in chunks; four are held at a time.

    Raises:
        ValueError: There are not 4t+1 frames.
    """
    latents: list[Tensor] = []
    vae.clear_cache()
    try:
        for part in _parts(chunks):
            latents.append(_encode_part(vae, part))
    finally:
        vae.clear_cache()
    if not latents:
        raise ValueError("a clip without frames")
    found = torch.cat(latents, dim=2).float()
    mean, std = _statistics(vae, found)
    return (found - mean) / std


def _parts(chunks: Iterable[Frames]) -> Iterator[Frames]:
    """The frames of every latent frame: one, then four at a time."""
    held: list[Frames] = []
    wanted = 1
    for chunk in chunks:
        for frame in chunk:
            held.append(frame)
            if len(held) == wanted:
                yield np.stack(held)
                held, wanted = [], 4
    if held:
        raise ValueError(f"{len(held)} frames are left over: a clip has 4t+1 of them")


def _encode_part(vae: Any, frames: Frames) -> Tensor:
    """The latent frame of the next one or four frames; looks back as far as the cache does."""
    pixels = _pixels(vae, frames)
    if isinstance(vae, AutoencoderFold):
        alone: Tensor = vae.encoder(fold(pixels))
        return alone[:, :, None]
    if vae.config.patch_size is not None:
        pixels = patchify(pixels, patch_size=vae.config.patch_size)
    vae._enc_conv_idx = [0]
    encoded = vae.encoder(pixels, feat_cache=vae._enc_feat_map, feat_idx=vae._enc_conv_idx)
    moments = vae.quant_conv(encoded)
    mode: Tensor = moments.chunk(2, dim=1)[0]
    return mode


def encode_still(vae: Any, picture: NDArray[np.uint8], *, first: bool) -> Tensor:
    """The latent frame [1, C, 1, H, W] that shows a picture [H, W, 3] and stays with it.

    Args:
        vae: As for :func:`decode_latents`.
        picture: RGB.
        first: Whether it is a scene's first latent frame, which holds one frame; any other holds
            four, and is the second of a still clip.
    """
    clip = np.repeat(picture[None], 1 if first else 5, axis=0)
    return encode_frames(vae, clip)[:, :, -1:]


def encode_upscaled(vae: Any, frames: Frames, width: int, height: int) -> Tensor:
    """Encode a clip that was scaled to another size, as :func:`encode_frames`."""
    from PIL import Image

    scaled = [
        np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))
        for frame in frames
    ]
    return encode_frames(vae, np.stack(scaled))


def to_frames(pixels_CTHW: Tensor) -> Frames:
    """Pixels in -1..1 (clamped) to RGB bytes, rounded to the nearest."""
    scaled = (pixels_CTHW.float().clamp(-1, 1) + 1) * 127.5
    array: Frames = scaled.round().to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy()
    return np.ascontiguousarray(array)
