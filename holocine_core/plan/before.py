"""What a model was when a film was begun, where its settings or weights are others now.

A film that is there was sampled as it says of itself. One that is half made goes on as it began:
the work folder tells with what (``made`` in its sidecars), and the model's card what it once was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from holocine_core.errors import InputError, Problem
from holocine_core.model.card import profiles_record, read_profiles
from holocine_core.model.parts import LocatedModel
from holocine_core.model.spec import Quality
from holocine_core.plan.values import Plan, Request, Sampling, Take
from holocine_core.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a film may have been begun with."""

    profiles: Mapping[str, Quality]
    identity: Mapping[str, str]
    """Content hash of the model's parts."""


def as_begun(located: LocatedModel, request: Request) -> LocatedModel:
    """The model with the profiles that a film was begun with."""
    if not request.profiles:
        return located
    profiles = {**located.spec.profiles, **request.profiles}
    return replace(located, spec=replace(located.spec, profiles=profiles))


def begun_record(plan: Plan) -> dict[str, Any]:
    """What a take is begun with, for its sidecar."""
    return {
        "profiles": profiles_record(plan.model.spec.profiles),
        "files": dict(plan.identity),
    }


def candidates(plan: Plan, vault: Vault) -> Iterator[Begun]:
    """What the work folder's takes of this film may have been begun with, other than today's
    settings and weights: the latest first, each once."""
    scenes = {take.scene for take in plan.takes}
    kept = [*vault.entries("negatives"), *vault.entries("progress")]
    sidecars = [entry.sidecar for entry in reversed(kept) if entry.sidecar.get("scene") in scenes]
    spec, today = plan.model.spec, dict(plan.identity)
    told: list[tuple[Mapping[str, Quality], Mapping[str, str]]] = []
    weights = [today]
    for sidecar in sidecars:
        made = sidecar.get("made") or {}
        if "profiles" not in made:  # Kept before sidecars said more; a stopped take's says nothing.
            weights.append({**today, **sidecar.get("ingredients", {}).get("model", {})})
            continue
        # What a newer holocine kept in another form is not for this one to go on with.
        with suppress(AttributeError, TypeError):
            told.append((read_profiles(made["profiles"]), made.get("files", {})))
    older = [(spec.profiles, {}), *((one.profiles, one.files) for one in spec.earlier)]
    told += [(profiles, {**hashes, **files}) for hashes in weights for profiles, files in older]
    seen: list[Begun] = [Begun(profiles=spec.profiles, identity=today)]
    for profiles, files in told:
        one = Begun(profiles={**spec.profiles, **profiles}, identity={**today, **files})
        if one not in seen:
            seen.append(one)
            yield one


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
    while (entry := vault.find("negatives", key)) is not None:
        ingredients = entry.sidecar.get("ingredients", {})
        if "draft" in ingredients:
            base = vault.find("negatives", ingredients["draft"][0])
            return None if base is None else dict(base.sidecar["ingredients"]["sampling"])
        if "kept" not in ingredients:
            return None
        key = ingredients["kept"]["take"]
    return None


def _read(sampling: Mapping[str, Any]) -> Sampling:
    try:
        return Sampling(**sampling)
    except TypeError:
        raise InputError(
            f"the film was sampled in a way that this holocine does not know: {dict(sampling)}",
            hint="it was made by a newer version: update holocine",
        ) from None


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
    today = located.identity()
    gone = {part for part, mark in identity.items() if today.get(part, mark) != mark}
    needed = {take.scene: sorted(_needed(take, vault) & gone) for take in takes}
    lacking = {scene: parts for scene, parts in needed.items() if parts}
    if not lacking:
        return []
    parts = sorted({part for parts in lacking.values() for part in parts})
    which = ", ".join(f"{part} {identity[part][:12]}" for part in parts)
    scenes = ", ".join(f"'{scene}'" for scene in lacking)
    return [
        Problem(
            f"the film was begun with weights of {located.spec.name} that are not here any more "
            f"({which}), and scene {scenes} needs them",
            str(located.folder),
            "bring them back (the holocine that made the film ships them), or make the film anew "
            "with today's: render its screenplay with --force",
        )
    ]


def _needed(take: Take, vault: Vault) -> set[str]:
    """Parts of the model that a take still needs."""
    if vault.find("clips", take.clip_key) is not None:
        return set()
    if vault.find("negatives", take.negative_key) is not None:
        return {"vae"}
    return {"tokenizer", "text_encoder", "transformer", "transformer_2", "vae"}
