"""Frames to latents and back: what the codec is handed, and what is made of its answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from holocine_core.sample.vae import decode_latents, encode_frames, encode_stream, to_frames


class Glass:
    """A codec whose latents are the pixels themselves."""

    def __init__(self, mean: float, std: float) -> None:
        self.config = SimpleNamespace(latents_mean=[mean] * 3, latents_std=[std] * 3)
        self.weight = torch.zeros(1)

    def parameters(self) -> Any:
        return iter([self.weight])

    def encode(self, pixels: Tensor) -> Any:
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: pixels))


def test_black_is_minus_one_and_white_is_one() -> None:
    frames = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1).repeat(3, axis=3)
    latents = encode_frames(Glass(0.0, 1.0), frames)
    assert latents.shape == (1, 3, 1, 1, 2)
    assert latents[0, :, 0, 0].T.tolist() == [[-1] * 3, [1] * 3]
    assert np.array_equal(to_frames(latents[0]), frames)


def test_latents_are_normalised_by_the_codecs_own_figures() -> None:
    frames = np.full((1, 1, 1, 3), 255, np.uint8)
    latents = encode_frames(Glass(0.5, 0.25), frames)
    assert latents.flatten().tolist() == [2.0] * 3


WAN_21 = {"z_dim": 16, "temperal_downsample": [False, True, True]}
WAN_22 = {
    "z_dim": 48, "temperal_downsample": [False, True, True], "decoder_base_dim": 8,
    "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "scale_factor_spatial": 16, "latents_mean": [0.1] * 48, "latents_std": [1.5] * 48,
}  # fmt: skip


def _codec(kind: str) -> Any:
    """A random codec of each family, small."""
    from diffusers import AutoencoderKLWan

    from holocine_core.model.nano_net.codec import AutoencoderFold

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        if kind == "fold":
            return AutoencoderFold(z_dim=4, decoder_widths=(16, 16, 16), encoder_widths=(8, 8))
        settings = WAN_21 if kind == "2.1" else WAN_22
        return AutoencoderKLWan(
            base_dim=8, dim_mult=[1, 2, 4, 4], num_res_blocks=1, **settings
        ).eval()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["2.1", "2.2", "fold"])
def test_a_clip_that_comes_in_chunks_is_encoded_alike(kind: str) -> None:
    vae = _codec(kind)
    frames = np.random.default_rng(1).integers(0, 255, (13, 64, 96, 3), np.uint8)
    whole = encode_frames(vae, frames)
    parts = (frames[:2], frames[2:2], frames[2:11], frames[11:])
    assert torch.equal(encode_stream(vae, parts), whole)
    with pytest.raises(ValueError, match="2 frames are left over"):
        encode_stream(vae, [frames[:11]])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["2.1", "2.2"])
def test_latent_frames_one_by_one_are_the_codecs_own_decoding(kind: str) -> None:
    vae = _codec(kind)
    rng = torch.Generator().manual_seed(2)
    side = 8 if kind == "2.1" else 16
    latents = torch.randn(1, vae.config.z_dim, 4, 64 // side, 96 // side, generator=rng)
    mean, std = (
        torch.tensor(values).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    with torch.no_grad():
        expected = vae.decode(latents * std + mean).sample
    frames = np.concatenate(list(decode_latents(vae, latents)))
    assert frames.shape == (13, 64, 96, 3)
    assert np.array_equal(frames, to_frames(expected[0]))
