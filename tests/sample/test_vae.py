"""Frames to latents and back: what the codec is handed, and what is made of its answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holocine_core.sample.vae import encode_frames, to_frames


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
