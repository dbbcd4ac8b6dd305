"""What lies where a film is to go, and what a render would do about it.

May import: film, plan, edit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from holocine_core.edit.delivery import VideoCodec, check_video
from holocine_core.errors import InputError
from holocine_core.film.extras import Extras, lacks_extras
from holocine_core.film.ownership import is_finished
from holocine_core.film.replaced import is_earlier, is_passing, refuse_to_overwrite
from holocine_core.plan.values import Plan


@dataclass(frozen=True, slots=True)
class Target:
    """What lies at the film's place, and what ``render`` would do about it."""

    state: Literal["new", "up-to-date", "replaced", "refused"]
    words: str


def target(plan: Plan, *, force: bool) -> Target:
    """Look at ``plan.out``; nothing is changed."""
    delivery = plan.delivery
    video = VideoCodec(codec=delivery.codec, crf=delivery.quality)
    try:
        check_video(video, (delivery.width, delivery.height), plan.out)
        if not plan.out.exists():
            return Target("new", "not there yet")
        refuse_to_overwrite(plan, force=force)
    except InputError as error:
        return Target("refused", f"render would refuse: {error.message}; {error.hint}")
    if is_finished(plan):
        return Target("up-to-date", "up to date: this very plan made it")
    if is_passing(plan):
        return Target("replaced", "a draft made before: it is replaced, and is no version")
    if is_earlier(plan):
        return Target("replaced", "made before by this screenplay: kept as a version, made anew")
    return Target("replaced", "another film is there and will be replaced")


def as_it_stands(plan: Plan, extras: Extras | None = None, *, force: bool = False) -> Plan:
    """A plan as a render would go: where its film is finished and nothing lacks beside it no take
    is shot, whatever the work folder holds of them.

    Args:
        plan: Of the film.
        extras: What is to lie beside it.
        force: Replace what is in the way.
    """
    if target(plan, force=force).state != "up-to-date":
        return plan
    if extras is not None and lacks_extras(plan, extras):
        return plan  # They are cut from the takes.
    takes = [
        take if take.state == "reuse" else replace(take, state="reuse", reason="the film is there")
        for take in plan.takes
    ]
    return replace(plan, takes=tuple(takes))
