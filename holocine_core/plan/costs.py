"""What a take asks of a machine. No torch here."""

from __future__ import annotations

from typing import Literal

from holocine_core.model.cost import activation_bytes, cache_bytes, geometry, take_flops
from holocine_core.model.decode_cost import decode_flops, vae_decode_bytes
from holocine_core.model.placement import precision_of
from holocine_core.model.spec import ModelSpec
from holocine_core.plan.values import TakeCost
from holocine_core.sampling import Sampling
from holocine_core.script.timeline import Timeline


def take_cost(
    spec: ModelSpec,
    sampling: Sampling,
    device: str,
    timeline: Timeline,
    seen: Timeline | None = None,
    *,
    lora: bool,
    gpus: int = 1,
) -> TakeCost:
    """What a take asks of a machine.

    Args:
        spec: The model's.
        sampling: How it is denoised.
        device: Where.
        timeline: Its own.
        seen: What its pass has of it; all where None.
        lora: Whether LoRAs lie over the model.
        gpus: That make it together, each with a share of its tokens (attention/ulysses.py); memory
            is one GPU's.
    """
    latents = geometry(spec, seen or timeline, width=sampling.width, height=sampling.height)
    denoising = take_flops(
        spec,
        latents,
        steps=sampling.steps,
        guided=sampling.guided_steps,
        attention=sampling.attention,
    )
    dtype_bytes: Literal[2, 4] = 4 if precision_of(spec, device) == "float32" else 2
    activations = activation_bytes(
        spec,
        latents,
        dtype_bytes=dtype_bytes,
        attention=sampling.attention,
        lora=lora,
        engine="loop" if device == "cpu" else "varlen",
    )
    activations += cache_bytes(
        spec,
        latents,
        sampling.cache,
        branches=1 + (sampling.guided_steps > 0),
        dtype_bytes=dtype_bytes,
    )
    patch = spec.shape.patch
    tokens = (latents.rows // patch) * (latents.columns // patch) * latents.shots[-1].stop
    hidden = tokens * spec.shape.width * dtype_bytes
    width, height = sampling.width, sampling.height
    return TakeCost(
        flops=denoising + decode_flops(width, height, timeline.latent_frames, spec.vae),
        activation_bytes=_of_one(gpus, sampling, activations, 2 * hidden),
        decode_bytes=vae_decode_bytes(width, height, spec.vae, cpu=device == "cpu"),
    )


def _of_one(gpus: int, sampling: Sampling, activations: int, whole: int) -> int:
    """Activations on one of several GPUs: its share of them, and what of all tokens each has before
    and behind the blocks. Guidance takes two halves of them, with all tokens each."""
    if gpus == 1:
        return activations
    halves = sampling.guided_steps > 0 and gpus % 2 == 0
    shares = gpus // 2 if halves else gpus
    return activations if shares == 1 else activations // shares + whole
