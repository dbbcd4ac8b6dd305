"""Latent frames that are there already, while the rest of a take is made to fit them.

They enter the network without noise, at time 0, as in training with clean shots.

Letters: B batch, C channel, F latent frame, H W rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.script.timeline import Span
from holocine_core.shoot import flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A part of a take that stays as it is.

    Attributes:
        latents_BCFHW: Of the whole take; only the given frames are read.
        frames: The latent frames that are given.
    """

    latents_BCFHW: Tensor
    frames: Span

    def within(self, noise_BCFHW: Tensor) -> Tensor:
        """The take's beginning: noise, and the given frames in their place."""
        start, stop = self.frames.start, self.frames.stop
        begun = noise_BCFHW.clone()
        begun[:, :, start:stop] = self.latents_BCFHW[:, :, start:stop].to(begun)
        return begun

    def times(self, sigma: float, latent_frames: int, frame_tokens: int) -> Tensor:
        """The network's time of every token [1, N]: 0 for given frames."""
        times = torch.full((1, latent_frames), flow.timestep(sigma))
        times[:, self.frames.start : self.frames.stop] = 0
        return times.repeat_interleave(frame_tokens, dim=1)

    def still(self, velocity_BCFHW: Tensor) -> Tensor:
        """The velocity with given frames standing still."""
        held = velocity_BCFHW.clone()
        held[:, :, self.frames.start : self.frames.stop] = 0
        return held
