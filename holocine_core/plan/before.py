"""What a model was when a film was begun, where its settings or weights are others now.

A film that is there was sampled as it says of itself. One that is half made goes on as it began:
the work folder tells with what (``made`` in its sidecars), and the model's card what it once was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from holocine_core.errors import InputError, Problem
from holocine_core.model.card import profiles_record, read_profiles
from holocine_core.model.components import LocatedModel
from holocine_core.model.lora.file import EXPERTS, Expert
from holocine_core.plan.settings import sampling_of
from holocine_core.plan.values import Past, Plan, Take
from holocine_core.sampling import Profile, Sampling, recorded
from holocine_core.store.vault import Vault


def as_begun(located: LocatedModel, past: Past) -> LocatedModel:
    """The model with the profiles that a film was begun with."""
    if not past.profiles:
        return located
    profiles = {**located.spec.profiles, **past.profiles}
    return replace(located, spec=replace(located.spec, profiles=profiles))


def begun_record(plan: Plan) -> dict[str, Any]:
    """What a take is begun with, for its sidecar: whose settings, which weights.

    Settings that are not the profiles' own, as a film's that is edited, are left out: the take's
    ingredients hold them.
    """
    spec = plan.model.spec
    today = sampling_of(plan.screenplay, spec, plan.choice)
    own = not plan.edits and plan.takes[0].sampling == today
    return {
        "model": model_name(plan.model),
        "files": dict(plan.identity),
        **({"profiles": profiles_record(spec.profiles)} if own else {}),
        **({"asked": {"profile": plan.profile, **given}} if (given := plan.choice.given) else {}),
    }


def model_name(located: LocatedModel) -> str:
    """Tells models apart whatever their weights are: an embedded one by its name, others by their
    folder and what the call named in place of its files."""
    if located.spec.embedded:
        return located.spec.name
    named = (str(path.resolve()) for path in located.outright.values())
    return " with ".join([str(located.folder.resolve()), *named])


def candidates(plan: Plan, vault: Vault) -> Iterator[Past]:
    """What the work folder's takes of this film may have been begun with by this model, other than
    its settings and weights of today: the latest first, each once.

    Weights are the model's own if a sidecar names it, or its card lists them; takes of another
    model that lie in the same folder are none of this film's.
    """
    scenes = [take.scene for take in plan.takes]
    kept = [*vault.entries("latents"), *vault.entries("progress")]
    sidecars = [entry.sidecar for entry in reversed(kept) if entry.sidecar.get("scene") in scenes]
    spec, today = plan.model.spec, dict(plan.identity)
    told = [found for sidecar in sidecars if (found := _told_by(sidecar, plan)) is not None]
    told += [(one.profiles, one.files, {}) for one in spec.earlier]
    seen: list[Past] = [Past(profiles=spec.profiles, identity=today)]
    for profiles, files, experts in told:
        one = Past(
            profiles={**spec.profiles, **profiles},
            identity={**today, **files},
            experts=experts,
        )
        if one not in seen:
            seen.append(one)
            yield one


_OF_ONE_DRAFT = ("caption", "captions", "frames", "cuts", "seed", "model", "settings", "lora")
"""What drafts of one film and number have in common, however they were sampled."""


def asked_draft(plan: Plan, vault: Vault) -> tuple[Sampling, str] | None:
    """How the draft that a film is made from was sampled, and what was asked for then, where a
    preview was asked for settings of its own and was the last that made this draft.

    Args:
        plan: Of a film that is made from a draft.
        vault: The work folder.
    """
    drafts = {
        take.scene: one.base
        for take in plan.takes
        if (one := next((each.upscaled for each in take.chain() if each.upscaled), None))
    }
    for entry in reversed(vault.entries("latents")):
        draft = drafts.get(str(entry.sidecar.get("scene")))
        if draft is None:
            continue
        if entry.key == draft.latents_key:
            return None
        made, found = entry.sidecar.get("made"), entry.sidecar.get("ingredients")
        asked = made.get("asked") if isinstance(made, dict) else None
        if not isinstance(asked, dict) or asked.get("profile") != "draft":
            continue
        if not isinstance(found, dict) or any(
            found.get(name) != _as_kept(draft.ingredients.get(name)) for name in _OF_ONE_DRAFT
        ):
            continue
        with suppress(InputError, KeyError):
            told = [f"--{name} {value}" for name, value in asked.items() if name != "profile"]
            return _read(found["sampling"]), " ".join(told)
    return None


def _as_kept(ingredient: Any) -> Any:
    """As a sidecar gives it back: JSON knows no tuples."""
    return json.loads(json.dumps(ingredient))


def recorded_experts(made: Mapping[str, Any]) -> dict[str, Expert]:
    """On which expert a film had its LoRA files, by their content; one that stood on two in
    different places is left out.

    Args:
        made: The film's provenance.
    """
    told = [
        *made.get("lora", ()),
        *(lora for take in made["takes"] for lora in take.get("lora", ())),
    ]
    return _experts((lora.get("sha256"), lora["expert"]) for lora in told)


def _experts(told: Iterable[tuple[Any, Any]]) -> dict[str, Expert]:
    found: dict[str, set[Expert]] = {}
    for mark, expert in told:
        if isinstance(mark, str) and expert in EXPERTS:
            found.setdefault(mark, set()).add(expert)
    return {mark: experts.pop() for mark, experts in found.items() if len(experts) == 1}


def _experts_in(sidecar: Mapping[str, Any]) -> dict[str, Expert]:
    """On which expert a take in a work folder has its LoRA files."""
    ingredients = sidecar.get("ingredients")
    told = ingredients if isinstance(ingredients, dict) else {}
    marks = [*told.get("lora", ()), *told.get("shot_lora", ())]
    return _experts((mark[0], mark[2]) for mark in marks)


def _told_by(
    sidecar: Mapping[str, Any], plan: Plan
) -> tuple[Mapping[str, Profile], Mapping[str, str], Mapping[str, Expert]] | None:
    """Profiles, weights and experts of LoRAs that a sidecar tells of; None where it is of another
    model, or says nothing that this holocine understands."""
    made = sidecar.get("made")
    if not isinstance(made, dict) or made.get("model") != model_name(plan.model):
        return None
    files, profiles = made.get("files"), made.get("profiles")
    if not isinstance(files, dict) or not all(isinstance(mark, str) for mark in files.values()):
        return None
    if profiles is None:
        return {}, files, _experts_in(sidecar)
    with suppress(InputError):
        return read_profiles(profiles, plan.work), files, _experts_in(sidecar)
    return None


def is_half_made(plan: Plan, vault: Vault) -> bool:
    """Whether a film by weights that are gone was stopped on its way, and not finished and then
    changed: a take is stopped, or a scene was never shot with them."""
    if any(0 < take.step < take.sampling.steps for take in plan.takes):
        return True
    parts = {part: mark for part, mark in plan.identity.items() if part != "vae"}
    shot = [
        entry.sidecar.get("scene")
        for entry in vault.entries("latents")
        if isinstance(ingredients := entry.sidecar.get("ingredients"), dict)
        and ingredients.get("model") == parts
    ]
    return any(take.scene not in shot for take in plan.takes)


def recorded_sampling(made: Mapping[str, Any], vault: Vault) -> dict[str, Sampling]:
    """By profile, how a film's takes were sampled: its own, and its draft's where it was made from
    one.

    Args:
        made: The film's provenance.
        vault: Its work folder; films of before told nothing of their draft.

    Raises:
        InputError: The film was sampled in a way that this holocine does not know.
    """
    first = made["takes"][0]
    found = {made["profile"]: _read(first["sampling"])}
    drafted = first["draft"]["sampling"] if "draft" in first else _drafted(first, vault)
    return found if drafted is None else {**found, "draft": _read(drafted)}


def _drafted(take: Mapping[str, Any], vault: Vault) -> Mapping[str, Any] | None:
    """The sampling of the draft that a take comes from, as the work folder tells."""
    key = take["fingerprint"]
    while (entry := vault.find("latents", key)) is not None:
        ingredients = entry.sidecar.get("ingredients", {})
        if "draft" in ingredients:
            base = vault.find("latents", ingredients["draft"][0])
            return None if base is None else dict(base.sidecar["ingredients"]["sampling"])
        if "kept" not in ingredients:
            return None
        key = ingredients["kept"]["take"]
    return None


def _read(sampling: Mapping[str, Any]) -> Sampling:
    try:
        read = recorded(sampling)
    except (TypeError, ValidationError):
        raise InputError(
            f"the film was sampled in a way that this holocine does not know: {dict(sampling)}",
            hint="it was made by a newer version: update holocine",
        ) from None
    return read.model_copy(update={"eta": None if read.eta is None else float(read.eta)})


def gone_weights(
    located: LocatedModel, identity: Mapping[str, str], takes: Sequence[Take], vault: Vault
) -> list[Problem]:
    """What is in the way where takes need parts of the model that are no longer those they were
    begun with.

    Args:
        located: The model as it is today.
        identity: Content hash of its parts when the film was begun.
        takes: With what the work folder holds of them.
        vault: The work folder.
    """
    gone = gone_parts(located, identity)
    needed = {take.scene: sorted(needed_parts(take, vault) & gone) for take in takes}
    lacking = {scene: parts for scene, parts in needed.items() if parts}
    if not lacking:
        return []
    scenes = ", ".join(f"'{scene}'" for scene in lacking)
    parts = sorted({part for parts in lacking.values() for part in parts})
    what = f"scene {scenes} needs" if len(lacking) == 1 else f"scenes {scenes} need"
    return [gone_problem(located, identity, parts, what)]


def gone_parts(located: LocatedModel, identity: Mapping[str, str]) -> set[str]:
    """Parts of the model whose content is not the one a film was begun with. A part that is not
    there at all is none of them: that it lacks is told otherwise."""
    today = located.identity()
    return {part for part, mark in identity.items() if today.get(part, mark) != mark}


def gone_problem(
    located: LocatedModel, identity: Mapping[str, str], parts: Sequence[str], what: str
) -> Problem:
    """That a film needs weights that are others now; ``what`` needs them."""
    which = ", ".join(f"{part} {identity[part][:12]}" for part in parts)
    back = (
        "install the holocine that made the film"
        if located.spec.embedded
        else "bring them back into the model's folder"
    )
    return Problem(
        f"{what} weights of {located.spec.name} that the film was begun with and that are not here "
        f"any more: {which}",
        str(located.folder),
        f"{back}, or make the film anew with today's: render its screenplay with --force",
    )


def needed_parts(take: Take, vault: Vault) -> set[str]:
    """Parts of the model that a take still needs."""
    if vault.find("clips", take.clip_key) is not None:
        return set()
    if vault.find("latents", take.latents_key) is not None:
        return {"vae"}
    return {"tokenizer", "text_encoder", "transformer", "transformer_2", "vae"}
