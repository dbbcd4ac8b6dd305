"""A screenplay that was filmed before its model's settings or weights changed: a film that is there
stays, and one that is half made goes on as it began.

May import: plan, provenance, script, standing, vault.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from holocine_core.errors import InputError, Problem
from holocine_core.film.ownership import film_is_ours, is_finished
from holocine_core.film.record import OWN
from holocine_core.plan.before import (
    asked_draft,
    candidates,
    gone_parts,
    is_half_made,
    recorded_experts,
    recorded_sampling,
)
from holocine_core.plan.values import NO_PAST, Past, Plan, Take
from holocine_core.request import SETTINGS, Request
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.reader import read_text
from holocine_core.store.vault import Vault

Make = Callable[[Manuscript, Request, Past], Plan]


def keep_begun(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Plan:
    """The plan under what its film was made or begun with; ``plan`` where that is today's, or where
    nothing was begun.

    Args:
        plan: Under today's settings and weights.
        manuscript: What it was made of.
        request: Likewise. With ``anew`` only a draft that the film is made from counts: it was
            chosen by its look.
        make: Makes a plan of both and of a past.
    """
    drafted = asked_draft(plan, Vault(plan.work)) if request.from_draft is not None else None
    if drafted is None:
        return _kept(plan, manuscript, request, make)
    sampling, asked = drafted

    def from_it(one: Manuscript, what: Request, past: Past) -> Plan:
        return make(one, what, replace(past, sampling={"draft": sampling, **past.sampling}))

    chosen = from_it(manuscript, request, NO_PAST)
    warning = Problem(
        f"draft {request.from_draft} was last made with {asked}: the film is made from that one",
        hint="settings of this call are the film's",
    )
    kept = _kept(chosen, manuscript, request, from_it)
    return replace(kept, warnings=(*kept.warnings, warning))


def _kept(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Plan:
    if is_finished(plan):
        return plan
    if not request.anew:
        kept = _of_film(plan, manuscript, request, make)
        if kept is not None:
            # What is there needs no weights; if it is damaged, who mends it says what lacks.
            kept = replace(kept, obstacles=())
            return _told(kept, plan, f"{plan.out} was made", "it stays as it is")
        vault = Vault(plan.work)
        if any(take.state == "reuse" or vault.stopped(take.progress_key) for take in plan.takes):
            return plan
        for other in _half_made(plan, manuscript, request, make):
            if _goes_on(plan, other):
                return plan
            return _told(other, plan, "the film was begun", "it goes on with them")
    for other in _from_draft(plan, manuscript, request, make):
        if not (request.anew and gone_parts(other.model, other.identity)):
            words = "the film is made from it as it is"
            return _told(other, plan, "the draft was made", words, "holocine preview --force")
    return plan


def _of_film(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Plan | None:
    """The plan that made the film at its place, if that was this very screenplay's."""
    if not os.path.isfile(plan.out):  # noqa: PTH113 - False, not an error, for impossible names
        return None
    try:
        own = _recorded(plan)
    except (InputError, KeyError, IndexError, TypeError, AttributeError):
        return None  # No film of ours, or one that only another holocine understands.
    for one in () if own is None else _drafts(own, plan, request):
        with suppress(InputError):
            other = make(manuscript, request, one)
            if film_is_ours(other):
                return other
    return None


def _recorded(plan: Plan) -> Past | None:
    """What the film in the plan's place says of itself; None where that is not this very
    screenplay's, or was edited."""
    from holocine_core.film.provenance import (  # The cutting room, and with it numpy.
        inspect,
        own_profile_record,
    )

    made = inspect(plan.out).provenance
    told = read_text(made["screenplay"], str(plan.screenplay_path)).screenplay
    options = made.get("options", {})
    said = {name: options[name] for name in ("profile", "model", "seed") if name in options}
    if made.get("edits") or told is None or told.model_copy(update=said) != plan.screenplay:
        return None
    if any(options.get(name) != plan.options.get(name) for name in SETTINGS):
        return None
    if made.get(OWN) != own_profile_record(plan).get(OWN):
        return None
    return Past(
        sampling=recorded_sampling(made, Vault(plan.work)),
        identity={part: str(mark) for part, mark in made["model"]["files"].items()},
        experts=recorded_experts(made),
    )


def _drafts(past: Past, plan: Plan, request: Request) -> Iterator[Past]:
    """The past, and with the drafts of earlier profiles where the film does not tell its own."""
    yield past
    if request.from_draft is not None and "draft" not in past.sampling:
        for one in plan.model.spec.earlier:
            draft = {"draft": one.profiles["draft"]} if "draft" in one.profiles else {}
            yield replace(past, profiles=draft)


def _half_made(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Iterator[Plan]:
    """Plans under which something of the film is in the work folder already."""
    vault = Vault(plan.work)
    if vault.is_empty():
        return
    for one in candidates(plan, vault):
        with suppress(InputError):  # The screenplay says what those settings do not go with.
            other = make(manuscript, request, one)
            if not any(take.state == "reuse" or take.step for take in other.takes):
                continue
            if gone_parts(other.model, other.identity) and not is_half_made(other, vault):
                continue  # It was finished with weights that are gone, and changed since.
            yield other


def _goes_on(plan: Plan, begun: Plan) -> bool:
    """Whether all that was begun goes on under today's plan, from the last step that the high-noise
    expert made: the other one was mended or changed, and nothing was finished with it."""
    return all(
        was.state != "reuse" and (now.step or not was.step)
        for now, was in zip(plan.takes, begun.takes, strict=True)
    )


def _from_draft(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Iterator[Plan]:
    """Plans of a film like today's whose draft is there, made under other settings."""
    if request.from_draft is None or any(_has_draft(take) for take in plan.takes):
        return
    for one in candidates(plan, Vault(plan.work)):
        if "draft" in one.profiles:
            profiles = {**plan.model.spec.profiles, "draft": one.profiles["draft"]}
            with suppress(InputError):
                other = make(manuscript, request, replace(one, profiles=profiles))
                if any(_has_draft(take) for take in other.takes):
                    yield other


def _has_draft(take: Take) -> bool:
    return take.upscaled is not None and take.upscaled.base.state == "reuse"


def _told(kept: Plan, today: Plan, was: str, so: str, anew: str = "--force") -> Plan:
    """The plan with a warning that says how it differs from today's, and what makes it anew."""
    before, now = kept.takes[0].sampling, today.takes[0].sampling
    changed = [
        f"{name} {value}, now {getattr(now, name)}"
        for name, value in before.record().items()
        if getattr(now, name) != value
    ]
    parts = [
        *(["weights"] if gone_parts(kept.model, kept.identity) else []),
        *(["experts of its LoRAs"] if kept.loras != today.loras else []),
        *([f"settings ({'; '.join(changed)})"] if changed else []),
    ]
    what = " and ".join(parts) or "settings"
    warning = Problem(
        f"{was} with earlier {what} of {today.model.spec.name}: {so}",
        hint=f"{anew} makes it anew with today's",
    )
    return replace(kept, warnings=(*kept.warnings, warning))
