"""A film's settings as they hold: the model's, its profile's and the screenplay's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from holocine_core.errors import Problem
from holocine_core.model.spec import ModelSpec
from holocine_core.plan.check import nearest_sizes, parse_size
from holocine_core.plan.values import Delivery, ProfileChoice
from holocine_core.request import Request
from holocine_core.sampling import (
    PROFILE_NAMES,
    PROFILE_WORD,
    OwnProfile,
    Profile,
    ProfileName,
    Sampling,
    profile_hint,
)
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.rates import frame_rate
from holocine_core.script.screenplay import Screenplay


def choice_of(screenplay: Screenplay, request: Request) -> ProfileChoice:
    """The profile that the call asks for, else the screenplay, with what lies over it. A name that
    nobody knows, which :func:`profile_problems` tells of, is taken for standard."""
    name = request.profile or screenplay.profile
    own = request.profiles.get(name)
    models: Mapping[str, ProfileName] = {one: one for one in PROFILE_NAMES}
    base = models.get(name, "standard")
    return ProfileChoice(
        name=name, base=base if own is None else own.base, own=own, given=request.settings
    )


def profile_of(screenplay: Screenplay, spec: ModelSpec, choice: ProfileChoice) -> Profile:
    """The profile's settings: the model's, then the film's size, then the screenplay's changes of
    that profile, then the user's own profile's, then what was asked for by itself.

    A film's own size holds for standard and final; a draft keeps its shape and takes the draft's
    share of its area, on the model's grid.
    """
    base = spec.profiles[choice.base]
    given: dict[str, Any] = {}
    if screenplay.size is not None:
        width, height = parse_size(screenplay.size)
        if choice.base == "draft":
            whole = spec.profiles["standard"]
            scale = (base.width * base.height / (whole.width * whole.height)) ** 0.5
            step = spec.size_multiple
            width = max(step, round(width * scale / step) * step)
            height = max(step, round(height * scale / step) * step)
        given = {"width": width, "height": height}
    adjusted = getattr(screenplay.profiles, choice.base)
    given |= _sized(adjusted.model_dump(exclude_none=True, exclude={"lora"}))
    before = {**dict(base), **given}
    # A number that changes nothing stays as it is written: fingerprints tell 5 from 5.0.
    given |= {
        name: value for name, value in _sized(choice.changes()).items() if value != before[name]
    }
    chosen = {**dict(base), **given}
    usual = 1.0 if chosen["eta"] is None else float(chosen["eta"])
    return Profile(**{**chosen, "eta": usual if chosen["sampler"] == "sde" else None})


def _sized(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes with ``size`` as width and height."""
    rest = {name: value for name, value in changes.items() if name != "size"}
    if "size" in changes:
        rest["width"], rest["height"] = parse_size(changes["size"])
    return rest


def sampling_of(screenplay: Screenplay, spec: ModelSpec, choice: ProfileChoice) -> Sampling:
    """How the film is denoised: the model's profile with all changes."""
    return Sampling(
        **dict(profile_of(screenplay, spec, choice)),
        text=screenplay.text,
        attention=screenplay.attention or spec.attention,
    )


def profile_problems(
    manuscript: Manuscript, spec: ModelSpec, request: Request, recorded: Mapping[str, Sampling]
) -> Iterator[Problem]:
    """What of the chosen profile and of what lies over it can not be.

    Args:
        manuscript: The screenplay.
        spec: The model's.
        request: What is asked for beside it.
        recorded: By profile, how a film that is there was sampled: that stays as it is.
    """
    said = manuscript.source.data.get("profile", "standard")
    name = said if request.profile is None else request.profile
    if not isinstance(name, str) or not re.fullmatch(PROFILE_WORD, name):
        return  # The reader has said so.
    if name not in (*PROFILE_NAMES, *request.profiles):
        yield manuscript.problem(
            ("profile",),
            f"there is no profile '{name}'",
            profile_hint(name, request.profiles),
        )
        return
    own = request.profiles.get(name)
    if name in recorded:
        return
    if "size" in request.settings:
        yield from _size_problems(request.settings["size"], spec, "--size")
    elif own is not None and "size" in own.changes():
        yield from _size_problems(own.changes()["size"], spec, _place(request, name, "size"))
    if own is not None and "eta" in own.changes():
        yield from _eta_problems(manuscript, spec, own, _place(request, name, "eta"))


def _place(request: Request, name: str, setting: str) -> str:
    """Where a setting of an own profile is written; the profile's name where no file says it."""
    places = request.profile_places
    return places.get(f"{name}.{setting}", places.get(name, f"profile {name}"))


def _size_problems(size: str, spec: ModelSpec, where: str) -> Iterator[Problem]:
    step = spec.size_multiple
    if any(side % step for side in parse_size(size)):
        yield Problem(
            f"size {size} is not a multiple of {step} pixels", where, nearest_sizes(size, step)
        )


def _eta_problems(
    manuscript: Manuscript, spec: ModelSpec, own: OwnProfile, where: str
) -> Iterator[Problem]:
    """An ``eta`` beside a sampler that draws no noise, whoever named the sampler."""
    sampler = own.changes().get("sampler")
    if sampler is None and manuscript.screenplay is not None:
        sampler = getattr(manuscript.screenplay.profiles, own.base).sampler
    sampler = sampler or spec.profiles[own.base].sampler
    if sampler != "sde":
        yield Problem(
            f"`eta` belongs to the sampler sde; {own.base} samples with {sampler}",
            where,
            "write `sampler: sde` beside it, or leave it out",
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
