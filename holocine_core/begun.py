"""A screenplay that was filmed before its model's settings or weights changed: a film that is there
stays, and one that is half made goes on as it began.

May import: plan, provenance, script, standing, vault.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from holocine_core.errors import InputError, Problem
from holocine_core.plan.before import Begun, candidates, recorded_sampling
from holocine_core.plan.values import Plan, Request, Take
from holocine_core.provenance import inspect
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.reader import read_text
from holocine_core.standing import film_is_ours, is_finished
from holocine_core.vault import Vault

Make = Callable[[Manuscript, Request], Plan]


def keep_begun(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Plan:
    """The plan under what its film was made or begun with; ``plan`` where that is today's, or where
    nothing was begun.

    Args:
        plan: Under today's settings and weights.
        manuscript: What it was made of.
        request: Likewise.
        make: Makes a plan of both.
    """
    if is_finished(plan):
        return plan
    kept = _of_film(plan, manuscript, request, make)
    if kept is not None:
        return _told(kept, plan, f"{plan.out} was made", "it stays as it is")
    if any(take.state == "reuse" or take.step for take in plan.takes):
        return plan
    for other in _begun(plan, manuscript, request, make):
        return _told(other, plan, "the film was begun", "it goes on with them")
    return plan


def _of_film(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Plan | None:
    """The plan that made the film at its place, if that was this very screenplay's."""
    if not os.path.isfile(plan.out):  # noqa: PTH113 - False, not an error, for impossible names
        return None
    try:
        made = inspect(plan.out).provenance
        told = read_text(made["screenplay"], str(plan.screenplay_path)).screenplay
        if told != manuscript.screenplay or made["options"] != plan.options or made["edits"]:
            return None
        sampling = recorded_sampling(made, Vault(plan.work))
        identity = {part: str(mark) for part, mark in made["model"]["files"].items()}
    except (InputError, KeyError, IndexError, TypeError, AttributeError):
        return None  # No film of ours, or one that only another holocine understands.
    other = make(manuscript, replace(request, sampling=sampling, identity=identity))
    return other if film_is_ours(other) else None


def _begun(plan: Plan, manuscript: Manuscript, request: Request, make: Make) -> Iterator[Plan]:
    """Plans under which something of the film is in the work folder already."""
    found = list(candidates(plan, Vault(plan.work)))
    for one in found:
        other = make(manuscript, _with(request, one))
        if any(take.state == "reuse" or take.step for take in other.takes):
            yield other
    if request.from_draft is None or any(_has_draft(take) for take in plan.takes):
        return
    # The draft was chosen by its look; what is made from it is today's.
    for one in found:
        profiles = {**plan.model.spec.profiles, "draft": one.profiles["draft"]}
        other = make(manuscript, _with(request, replace(one, profiles=profiles)))
        if any(_has_draft(take) for take in other.takes):
            yield other


def _has_draft(take: Take) -> bool:
    return take.promoted is not None and take.promoted.base.state == "reuse"


def _with(request: Request, begun: Begun) -> Request:
    return replace(request, profiles=begun.profiles, identity=begun.identity)


def _told(kept: Plan, today: Plan, was: str, so: str) -> Plan:
    """The plan with a warning that says how it differs from today's."""
    before, now = kept.takes[0].sampling, today.takes[0].sampling
    changed = [
        f"{name} {value}, now {getattr(now, name)}"
        for name, value in before.record().items()
        if getattr(now, name) != value
    ]
    parts = [
        *(["weights"] if dict(kept.identity) != dict(today.identity) else []),
        *([f"settings ({'; '.join(changed)})"] if changed else []),
    ]
    what = " and ".join(parts) or "settings of its draft"
    warning = Problem(
        f"{was} with earlier {what} of {today.model.spec.name}: {so}",
        hint="--force makes it anew with today's",
    )
    return replace(kept, warnings=(*kept.warnings, warning))
