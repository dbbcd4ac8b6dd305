"""Which of two noise experts makes a step."""

from __future__ import annotations

from holocine_core.model.lora.file import Part
from holocine_core.model.spec import ModelSpec
from holocine_core.sample import flow
from holocine_core.sampling import Sampling


def expert_of(spec: ModelSpec, sigma: float) -> Part:
    """High-noise steps (timestep >= boundary) use ``transformer``, the others the second."""
    boundary = flow.TRAIN_TIMESTEPS * spec.boundary
    if spec.experts == 1 or flow.timestep(sigma) >= boundary:
        return "transformer"
    return "transformer_2"


def high_noise_steps(spec: ModelSpec, sampling: Sampling) -> int:
    """How many of a take's steps the high-noise expert makes, which are its first; 0 where one
    network makes all."""
    if spec.experts == 1:
        return 0
    sigmas = flow.schedule(sampling.steps, sampling.shift)
    return sum(expert_of(spec, sigma) == "transformer" for sigma in sigmas)
