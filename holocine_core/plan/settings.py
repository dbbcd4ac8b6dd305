"""A film's settings as they hold: the model's, its profile's and the screenplay's."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from holocine_core.model.spec import ModelSpec, Quality
from holocine_core.plan.check import parse_size
from holocine_core.plan.values import Delivery, Sampling
from holocine_core.script.screenplay import Adjusted, Screenplay


def quality(screenplay: Screenplay, spec: ModelSpec) -> Quality:
    """The profile's settings: the model's, then the film's size, then the profile's changes.

    A film's own size holds for standard and final; a draft keeps its shape and takes the draft's
    share of its area, on the model's grid.
    """
    base = spec.profiles[screenplay.profile]
    if screenplay.size is not None:
        width, height = parse_size(screenplay.size)
        if screenplay.profile == "draft":
            whole = spec.profiles["standard"]
            scale = (base.width * base.height / (whole.width * whole.height)) ** 0.5
            step = spec.size_multiple
            width = max(step, round(width * scale / step) * step)
            height = max(step, round(height * scale / step) * step)
        base = replace(base, width=width, height=height)
    changes: Adjusted = getattr(screenplay.profiles, screenplay.profile)
    given = changes.model_dump(exclude_none=True, exclude={"size", "lora"})
    if changes.size is not None:
        given["width"], given["height"] = parse_size(changes.size)
    chosen = replace(base, **given)
    usual = 1.0 if chosen.eta is None else float(chosen.eta)
    return replace(chosen, eta=usual if chosen.sampler == "sde" else None)


def sampling_of(screenplay: Screenplay, spec: ModelSpec) -> Sampling:
    """How the film is denoised: the model's profile with the screenplay's changes."""
    chosen = quality(screenplay, spec)
    return Sampling(
        width=chosen.width,
        height=chosen.height,
        steps=chosen.steps,
        guidance=chosen.guidance,
        guidance_stop=chosen.guidance_stop,
        shift=chosen.shift,
        sampler=chosen.sampler,
        text=screenplay.text,
        attention=screenplay.attention or spec.attention,
        eta=chosen.eta,
    )


def delivery_of(screenplay: Screenplay, sampling: Sampling, fps: Fraction) -> Delivery:
    deliver = screenplay.deliver
    width, height = parse_size(deliver.size) if deliver.size else (sampling.width, sampling.height)
    return Delivery(
        width=width,
        height=height,
        fps=Fraction(deliver.fps) if deliver.fps else fps,
        motion=deliver.motion,
        fit=deliver.fit,
        codec=screenplay.video.codec,
        quality=screenplay.video.quality,
        loudness=deliver.loudness,
    )
