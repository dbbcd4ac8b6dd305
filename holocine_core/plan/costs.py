"""What a take asks of a machine. No torch here."""

from __future__ import annotations

from holocine_core.model.cost import (
    activation_bytes,
    decode_flops,
    geometry,
    take_flops,
    vae_decode_bytes,
)
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
) -> TakeCost:
    """What a take asks of a machine.

    Args:
        spec: The model's.
        sampling: How it is denoised.
        device: Where.
        timeline: Its own.
        seen: What its pass has of it; all where None.
        lora: Whether LoRAs lie over the model.
    """
    latents = geometry(spec, seen or timeline, width=sampling.width, height=sampling.height)
    denoising = take_flops(
        spec,
        latents,
        steps=sampling.steps,
        guided=sampling.guided_steps,
        attention=sampling.attention,
    )
    width, height = sampling.width, sampling.height
    return TakeCost(
        flops=denoising + decode_flops(width, height, timeline.latent_frames, spec.vae),
        activation_bytes=activation_bytes(
            spec,
            latents,
            dtype_bytes=4 if precision_of(spec, device) == "float32" else 2,
            attention=sampling.attention,
            lora=lora,
            engine="loop" if device == "cpu" else "varlen",
        ),
        decode_bytes=vae_decode_bytes(width, height, spec.vae, cpu=device == "cpu"),
    )
