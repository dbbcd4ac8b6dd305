"""Flow matching, both directions: the renderer and the trainer share this file.

x_sigma = (1 - sigma) * x0 + sigma * noise; the network predicts v = noise - x0 at timestep
1000 * sigma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from holocine_core.sampling import shifted

TRAIN_TIMESTEPS = 1000


def schedule(steps: int, shift: float) -> tuple[float, ...]:
    """The release's sigmas: ``steps`` of them from 1 down, without the final 0.

    Computed in float32 in the release's order: a sigma that lies on the switch between experts must
    fall on the release's side of it.
    """
    sigmas = torch.linspace(1, 0, steps + 1, dtype=torch.float32)[:-1]
    return tuple(shifted(sigmas, shift).tolist())


def timestep(sigma: float) -> float:
    """The network's time of a sigma, 0 to 1000."""
    return TRAIN_TIMESTEPS * sigma


def noisy(clean: Tensor, noise: Tensor, sigma: float | Tensor) -> Tensor:
    """The point of the flow at ``sigma``: training walks out."""
    return (1 - sigma) * clean + sigma * noise


def target(clean: Tensor, noise: Tensor) -> Tensor:
    """The velocity the network learns."""
    return noise - clean


def euler_step(x: Tensor, velocity: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """One step along the flow: sampling walks home."""
    return x + velocity * (sigma_next - sigma)


def sde_step(
    x: Tensor, velocity: Tensor, noise: Tensor, sigma: float, sigma_next: float, eta: float
) -> Tensor:
    """One step along the flow that draws a share ``eta`` of its noise anew.

    The network's own estimates of clean latents and noise are mixed again for ``sigma_next``, as
    DDIM does (arXiv 2010.02502, eq. 12, with the flow's 1 - sigma and sigma for its factors): with
    ``eta`` 0 this is :func:`euler_step`, with 1 nothing of the old noise is left, so that every
    step can mend what the ones before it did.
    """
    clean = x - sigma * velocity
    old = clean + velocity
    mixed = math.sqrt(1 - eta * eta) * old + eta * noise
    return noisy(clean, mixed, sigma_next)


def loss_weights(shift: float) -> Sequence[float]:
    """Loss weight of each of the 1000 training timesteps of the shifted schedule, mean 1."""
    raw = [
        math.exp(-2 * ((timestep(sigma) - TRAIN_TIMESTEPS / 2) / TRAIN_TIMESTEPS) ** 2)
        for sigma in schedule(TRAIN_TIMESTEPS, shift)
    ]
    low = min(raw)
    mean = sum(weight - low for weight in raw) / len(raw)
    return [(weight - low) / mean for weight in raw]
