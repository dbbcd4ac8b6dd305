"""Noise of a take: what its denoising starts from, and what a stochastic sampler adds on the way.

All of it is drawn on the CPU, so that every device starts from the same.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from holocine_core.plan.values import Plan, Take


def latent_shape(plan: Plan, take: Take) -> tuple[int, int, int, int, int]:
    """[1, C, F, H, W] of a take's latents."""
    spec = plan.model.spec
    return (
        1,
        spec.shape.latent_channels,
        take.timeline.latent_frames,
        take.sampling.height // spec.spatial_stride,
        take.sampling.width // spec.spatial_stride,
    )


def initial_noise(plan: Plan, take: Take) -> Tensor:
    """The take's noise, drawn on the CPU: the same on every device."""
    generator = torch.Generator("cpu").manual_seed(take.seed)
    return torch.randn(latent_shape(plan, take), generator=generator, dtype=torch.float32)


def noise_of_step(plan: Plan, take: Take, step: int) -> Tensor:
    """What a stochastic sampler draws at a step, from 0: on the CPU, as :func:`initial_noise`.

    The seed is a hash of the take's and the step: takes of neighbouring seeds, as drafts are, must
    not share the noise of neighbouring steps.
    """
    told = hashlib.sha256(f"holocine noise of step {step} of seed {take.seed}".encode()).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(told[:8], "big") >> 1)
    return torch.randn(latent_shape(plan, take), generator=generator, dtype=torch.float32)
