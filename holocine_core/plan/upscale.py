"""A plan of a film that is made from one of its drafts."""

from __future__ import annotations

from dataclasses import replace

from holocine_core.errors import InputError, Problem
from holocine_core.plan.make import make_plan, with_placement
from holocine_core.plan.values import NO_PAST, Past, Plan, Take, UpscaledStart
from holocine_core.request import Request
from holocine_core.sampling import Sampling, shifted
from holocine_core.script.manuscript import Manuscript
from holocine_core.store.vault import Kind, Vault, fingerprint

SIGMA = 0.6
"""The noise that a draft is made anew from: it leaves the composition and takes the detail."""


def make_upscaled_plan(manuscript: Manuscript, request: Request, past: Past = NO_PAST) -> Plan:
    """A plan whose takes start from the draft ``request.from_draft``, larger and with noise.

    Whether drafts are there that it can not make is asked by :func:`require_drafts`.

    Raises:
        InputError: As :func:`make_plan`; or the profile is the draft's own.
        MachineError: There is no such device.
    """
    number = request.from_draft
    assert number is not None
    own = replace(request, draft=number, from_draft=None)
    plan = make_plan(manuscript, own, past)
    if plan.is_draft:
        raise InputError(
            "a draft is not made from a draft", hint="choose --profile standard or final"
        )
    drafts = make_plan(manuscript, as_draft(own), past)
    alike = drafts.loras == plan.loras
    takes = tuple(
        _upscaled(take, draft, plan, own_networks=alike)
        for take, draft in zip(plan.takes, drafts.takes, strict=True)
    )
    options = {name: value for name, value in plan.options.items() if name != "draft"}
    return replace(
        with_placement(plan, takes, own.memory),
        options={**options, "from-draft": number},
        warnings=(*plan.warnings, *_stretched(plan.takes[0], drafts.takes[0])),
    )


STRETCHED = 1.15
"""How much wider or narrower a picture may become unsaid: grids alone move it less."""


def _stretched(take: Take, draft: Take) -> list[Problem]:
    """That the film has another shape than the draft whose picture it begins with."""
    film, small = take.sampling, draft.sampling
    wider = film.width * small.height / (film.height * small.width)
    if 1 / STRETCHED <= wider <= STRETCHED:
        return []
    return [
        Problem(
            f"the draft is {small.width}x{small.height} and the film {film.width}x{film.height}: "
            "its picture is stretched",
            hint="give the film the draft's shape, or make the draft anew in the film's",
        )
    ]


def as_draft(request: Request) -> Request:
    """What is asked for, of the draft: the settings of the call are the film's that is made from
    it."""
    return replace(request, profile="draft", steps=None, guidance=None, size=None)


def require_drafts(plan: Plan) -> Plan:
    """The plan, if the drafts are there that it is to be shot from and can not make itself.

    Raises:
        InputError: One is not, and has LoRAs that this film's networks are without.
    """
    vault, number = Vault(plan.work), plan.options.get("from-draft")
    source = "-" if plan.screenplay_path.name == "<stdin>" else plan.screenplay_path
    for take in plan.takes:
        upscaled = next((one.upscaled for one in take.chain() if one.upscaled is not None), None)
        if upscaled is None or upscaled.own_networks:
            continue
        keys = (("clips", take.clip_key), *map(_negative, take.chain()))
        if not any(vault.find(kind, key) for kind, key in keys):
            raise InputError(
                f"draft {number} of scene '{take.scene}' is not in the work folder, and drafts "
                f"have other LoRAs than {plan.screenplay_path.name} has for this profile",
                where=str(plan.work),
                hint=f"make it first: holocine preview {source} --seeds {number}, "
                "with this call's --model, --seed, --lora and --work",
            )
    return plan


def _negative(take: Take) -> tuple[Kind, str]:
    return "latents", take.latents_key


def _upscaled(take: Take, draft: Take, plan: Plan, *, own_networks: bool) -> Take:
    step = first_step(take.sampling)
    vae = plan.identity.get("vae")
    # The draft's pixels are what is enlarged, so that the codec has a part in it.
    ingredients = {**take.ingredients, "draft": [draft.latents_key, vae, step]}
    key = fingerprint(ingredients)
    return replace(
        take,
        upscaled=UpscaledStart(base=draft, step=step, own_networks=own_networks),
        ingredients=ingredients,
        latents_key=key,
        clip_key=fingerprint([key, vae, str(plan.fps)]),
    )


def first_step(sampling: Sampling) -> int:
    """The first step whose noise is at most :data:`SIGMA`; the last one where none is."""
    steps, shift = sampling.steps, sampling.shift
    sigmas = (shifted(1 - i / steps, shift) for i in range(steps))
    return next((i for i, sigma in enumerate(sigmas) if sigma <= SIGMA), steps - 1)
