"""A plan of a film that is made from one of its drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from holocine_core.errors import InputError
from holocine_core.plan.make import make_plan, placed_for
from holocine_core.plan.values import Plan, Promoted, Request, Sampling, Take
from holocine_core.script.manuscript import Manuscript
from holocine_core.vault import Kind, Vault, fingerprint

SIGMA = 0.6
"""The noise that a draft is made anew from: it leaves the composition and takes the detail."""


def make_promoted_plan(manuscript: Manuscript, request: Request) -> Plan:
    """A plan whose takes start from the draft ``request.from_draft``, larger and with noise.

    Raises:
        InputError: As :func:`make_plan`; the profile is the draft's own; or the draft is to be
            filmed from and not there, and has LoRAs that this film's networks are without.
        MachineError: There is no such device.
    """
    number = request.from_draft
    assert number is not None
    own = replace(request, draft=number, from_draft=None)
    plan = make_plan(manuscript, own)
    if plan.profile == "draft":
        raise InputError(
            "a draft is not made from a draft", hint="choose --profile standard or final"
        )
    drafts = make_plan(manuscript, replace(own, profile="draft"))
    alike = drafts.loras == plan.loras
    takes = tuple(
        _promoted(take, draft, plan, own_networks=alike)
        for take, draft in zip(plan.takes, drafts.takes, strict=True)
    )
    if not alike:
        _require(takes, Vault(plan.work), drafts, number)
    options = {name: value for name, value in plan.options.items() if name != "draft"}
    return replace(placed_for(plan, takes, own), options={**options, "from-draft": number})


def _require(takes: Sequence[Take], vault: Vault, drafts: Plan, number: int) -> None:
    """What is to be shot from a draft needs it; what is shot already does not."""
    for take in takes:
        if any(vault.find(*key) for key in (("clips", take.clip_key), _negative(take))):
            continue
        if take.base is not None and vault.find(*_negative(take.base)) is None:
            raise InputError(
                f"draft {number} of scene '{take.scene}' is not in the work folder, and drafts "
                f"have other LoRAs than {drafts.screenplay_path.name} has for this profile",
                where=str(drafts.work),
                hint=f"make it first: holocine preview {drafts.screenplay_path} --seeds {number}, "
                "with this call's --model, --seed, --lora and --work",
            )


def _negative(take: Take) -> tuple[Kind, str]:
    return "negatives", take.negative_key


def _promoted(take: Take, draft: Take, plan: Plan, *, own_networks: bool) -> Take:
    step = first_step(take.sampling)
    vae = plan.identity.get("vae")
    # The draft's pixels are what is enlarged, so that the codec has a part in it.
    ingredients = {**take.ingredients, "draft": [draft.negative_key, vae, step]}
    key = fingerprint(ingredients)
    return replace(
        take,
        promoted=Promoted(base=draft, step=step, own_networks=own_networks),
        ingredients=ingredients,
        negative_key=key,
        clip_key=fingerprint([key, vae, str(plan.fps)]),
    )


def first_step(sampling: Sampling) -> int:
    """The first step whose noise is at most :data:`SIGMA`; the last one where none is."""
    steps, shift = sampling.steps, sampling.shift
    even = (1 - i / steps for i in range(steps))
    sigmas = [shift * s / (1 + (shift - 1) * s) for s in even]
    return next((i for i, sigma in enumerate(sigmas) if sigma <= SIGMA), steps - 1)
