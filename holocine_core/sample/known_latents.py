"""Inpainting in latents: frames that are known stay, and the rest of a take is made to fit them.

Two ways for them to enter the network. ``clean``: without noise, at time 0 of their own (per-token
timesteps, as Diffusion Forcing has them, arXiv 2407.01392), for models trained with clean shots.
``renoised``: at every step with that step's noise (as RePaint does, arXiv 2201.09865), for all
others: the network then sees them as if it were making them itself.

Letters: B batch, C channel, F latent frame, H W rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from holocine_core.sample import flow
from holocine_core.script.timeline import LatentSpan

Method = Literal["clean", "renoised"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLatents:
    """A part of a take that stays as it is.

    Attributes:
        latents_BCFHW: Of the whole take; only the known frames are read.
        spans: The latent frames that are known.
        method: How they enter the network.
    """

    latents_BCFHW: Tensor
    spans: Sequence[LatentSpan]
    method: Method = "clean"

    def start(self, noise_BCFHW: Tensor) -> Tensor:
        """Where the sampling starts: noise, with clean frames in their place."""
        return self.put_into(noise_BCFHW) if self.method == "clean" else noise_BCFHW

    def noised(self, x_BCFHW: Tensor, noise_BCFHW: Tensor, sigma: float) -> Tensor:
        """What the network sees of the sampling's state: known frames as they are, whatever the
        solver's rounding made of them."""
        if self.method == "clean":
            return self.put_into(x_BCFHW)
        seen = x_BCFHW.clone()
        for span in self.spans:
            part = self._of(span).to(seen)
            noise = noise_BCFHW[:, :, span.start : span.stop].to(seen)
            seen[:, :, span.start : span.stop] = flow.noisy(part, noise, sigma)
        return seen

    def timesteps(self, sigma: float, latent_frames: int, frame_tokens: int) -> Tensor:
        """The network's time: of every token [1, N] with 0 for clean frames, else of all [1]."""
        if self.method != "clean":
            return torch.tensor([flow.timestep(sigma)])
        times = torch.full((1, latent_frames), flow.timestep(sigma))
        for span in self.spans:
            times[:, span.start : span.stop] = 0
        return times.repeat_interleave(frame_tokens, dim=1)

    def fixed(self, velocity_BCFHW: Tensor, noise_BCFHW: Tensor) -> Tensor:
        """The velocity with clean frames standing still, and renoised ones on their straight way
        from their noise."""
        fixed = velocity_BCFHW.clone()
        for span in self.spans:
            part = fixed[:, :, span.start : span.stop]
            if self.method == "clean":
                part.zero_()
            else:
                noise = noise_BCFHW[:, :, span.start : span.stop].to(fixed)
                part.copy_(flow.target(self._of(span).to(fixed), noise))
        return fixed

    def put_into(self, latents_BCFHW: Tensor) -> Tensor:
        """Latents with the known frames as they are, to the bit."""
        whole = latents_BCFHW.clone()
        for span in self.spans:
            whole[:, :, span.start : span.stop] = self._of(span).to(whole)
        return whole

    def _of(self, span: LatentSpan) -> Tensor:
        return self.latents_BCFHW[:, :, span.start : span.stop]
