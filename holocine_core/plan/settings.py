"""A film's settings as they hold: the model's, its profile's and the screenplay's."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from holocine_core.model.spec import ModelSpec
from holocine_core.plan.check import parse_size
from holocine_core.plan.values import Delivery
from holocine_core.sampling import Profile, Sampling
from holocine_core.script.rates import frame_rate
from holocine_core.script.screenplay import Screenplay


def profile_of(screenplay: Screenplay, spec: ModelSpec) -> Profile:
    """The profile's settings: the model's, then the film's size, then the profile's changes.

    A film's own size holds for standard and final; a draft keeps its shape and takes the draft's
    share of its area, on the model's grid.
    """
    base = spec.profiles[screenplay.profile]
    given: dict[str, Any] = {}
    if screenplay.size is not None:
        width, height = parse_size(screenplay.size)
        if screenplay.profile == "draft":
            whole = spec.profiles["standard"]
            scale = (base.width * base.height / (whole.width * whole.height)) ** 0.5
            step = spec.size_multiple
            width = max(step, round(width * scale / step) * step)
            height = max(step, round(height * scale / step) * step)
        given = {"width": width, "height": height}
    changes = getattr(screenplay.profiles, screenplay.profile)
    given |= changes.model_dump(exclude_none=True, exclude={"size", "lora"})
    if changes.size is not None:
        given["width"], given["height"] = parse_size(changes.size)
    chosen = {**dict(base), **given}
    usual = 1.0 if chosen["eta"] is None else float(chosen["eta"])
    return Profile(**{**chosen, "eta": usual if chosen["sampler"] == "sde" else None})


def sampling_of(screenplay: Screenplay, spec: ModelSpec) -> Sampling:
    """How the film is denoised: the model's profile with the screenplay's changes."""
    return Sampling(
        **dict(profile_of(screenplay, spec)),
        text=screenplay.text,
        attention=screenplay.attention or spec.attention,
    )


def delivery_of(screenplay: Screenplay, sampling: Sampling, fps: Fraction) -> Delivery:
    deliver = screenplay.deliver
    width, height = parse_size(deliver.size) if deliver.size else (sampling.width, sampling.height)
    return Delivery(
        width=width,
        height=height,
        fps=frame_rate(deliver.fps) if deliver.fps else fps,
        motion=deliver.motion,
        fit=deliver.fit,
        codec=screenplay.video.codec,
        quality=screenplay.video.quality,
        loudness=deliver.loudness,
    )
