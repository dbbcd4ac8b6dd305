"""What the work folder already holds of a take, and what changed since its scene was last shot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from holocine_core.errors import Problem
from holocine_core.model.kernels import KERNELS
from holocine_core.model.placement import STORED_IN_FP8, STRATEGIES, Placement
from holocine_core.plan.used import high_key, progress_key
from holocine_core.plan.values import State, Take
from holocine_core.script.shot_names import shot_name
from holocine_core.store.records import intact_record, sidecar_path
from holocine_core.store.vault import Entry, Vault

Shot = Callable[[], Sequence[Entry]]
_UNSCALED = " with its weights in unscaled fp8"


def begun_in(takes: Sequence[Take], placement: Placement, vault: Vault) -> str | None:
    """How a film's takes were computed so far, that what was stopped may go on: the stopped ones,
    else those that are done; None where nothing is left to shoot or nothing was shot.

    Args:
        takes: Of the film.
        placement: Any on its device; the ways of computing of all strategies and kernels are tried.
        vault: Holds what was kept.
    """
    ways = {
        placement.computing_in(strategy, kernel) for strategy in STRATEGIES for kernel in KERNELS
    }
    done = [(take, vault.find("latents", take.latents_key)) for take in takes]
    left = [take for take, entry in done if entry is None]
    stopped = {
        way: max((_furthest(vault, take, way) for take in left), default=0) for way in sorted(ways)
    }
    if any(stopped.values()):
        return max(stopped, key=lambda way: stopped[way])
    made = [_told(entry.sidecar, "made").get("computing") for _, entry in done if entry]
    return next((way for way in made if way in ways), None) if left else None


def begun_otherwise(takes: Sequence[Take], placement: Placement, vault: Vault) -> list[Problem]:
    """What is told where a take was begun on a machine that computes as this one can not: its steps
    are of no use here, and it begins anew.

    Args:
        takes: Of the film, with what the work folder holds of each.
        placement: Of their networks.
        vault: The work folder.
    """
    anew = {take.latents_key: take for take in takes if take.state != "reuse" and not take.step}
    kept = vault.entries("progress") if anew else []
    told: dict[str, Problem] = {}
    for entry in kept:
        take = anew.get(str(entry.sidecar.get("negative")))
        way = _told(entry.sidecar, "made").get("computing")
        if take is not None and isinstance(way, str) and way != placement.computing:
            begun = f"on another kind of machine ({way})"
            if _stored(way) == _UNSCALED:
                begun = "by an earlier holocine, whose fp8 had no scales"
            told[take.scene] = Problem(
                f"scene '{take.scene}' was begun {begun}: its "
                f"{entry.sidecar.get('step')} steps can't be gone on with here, and it begins anew",
                str(entry.path),
                "go on where it was begun to keep them",
            )
    return list(told.values())


def _furthest(vault: Vault, take: Take, computing: str) -> int:
    own, high = progress_key(take.latents_key, computing), high_key(take.ingredients, computing)
    stopped = vault.stopped(own, high)
    return int(stopped[0].sidecar["step"]) if stopped else 0


def shot_before(vault: Vault, film: Path) -> list[Entry]:
    """What was shot in a work folder, those takes last that the film in its place is made of: a
    change is one from that film, not from another that shares the folder."""
    told = intact_record(sidecar_path(film)).get("takes")
    of_film = {one.get("fingerprint") for one in told or () if isinstance(one, dict)}
    return sorted(vault.entries("latents"), key=lambda entry: entry.key in of_film)


def with_state(
    take: Take,
    placement: Placement,
    vault: Vault,
    shot: Shot | None = None,
    scenes: int = 1,
) -> Take:
    """The take, and those it is made from, with what the work folder holds of each and their keys
    for a stopped denoising.

    Args:
        take: With its final keys.
        placement: Where the networks will lie.
        vault: The work folder.
        shot: Lists what was shot there, what a take is compared with last; takes of one plan share
            the listing.
        scenes: How many the film has.
    """
    shot = shot or (lambda: vault.entries("latents"))
    if take.known is not None:
        base = with_state(take.known.base, placement, vault, shot, scenes)
        take = replace(take, known=replace(take.known, base=base))
    if take.upscaled is not None:
        base = with_state(take.upscaled.base, placement, vault, shot, scenes)
        take = replace(take, upscaled=replace(take.upscaled, base=base))
    take = replace(
        take,
        progress_key=progress_key(take.latents_key, placement.computing),
        high_key=high_key(take.ingredients, placement.computing),
    )
    negative = vault.find("latents", take.latents_key)
    way: str | None = placement.computing
    if negative is not None:
        way = _told(negative.sidecar, "made").get("computing")
    # Another device's last bits differ; fp8 is another quality, and no reason to lose hours.
    stored = _stored(way) if _stored(way) != _stored(placement.computing) else ""
    if vault.find("clips", take.clip_key) is not None:
        reason = f"already shot{stored}"
        return replace(take, state="reuse", reason=reason, step=take.sampling.steps)
    if negative is not None:
        reason = f"denoised{stored}; still to decode"
        return replace(take, state="reuse", reason=reason, step=take.sampling.steps)
    stopped = vault.stopped(take.progress_key, take.high_key)
    earlier = [e for e in shot() if e.sidecar.get("scene") == take.scene]
    state: State = "changed" if earlier else "new"
    reason = "never shot"
    if earlier:
        before = _told(earlier[-1].sidecar, "ingredients")
        reason = "; ".join(
            difference(before, take.ingredients, lambda n: shot_name(take.scene, n, scenes))
        )
    step = int(stopped[0].sidecar["step"]) if stopped else 0
    if step:
        reason = f"goes on at step {step} of {take.sampling.steps}"
        if stopped[0].sidecar.get("take") != take.progress_key:
            reason += ", the high-noise expert's last: the other or its LoRAs changed"
    return replace(take, state=state, reason=reason, step=step)


def _told(sidecar: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a sidecar; empty where it is none, whatever stands there."""
    part = sidecar.get(name)
    return part if isinstance(part, dict) else {}


def _spans(pairs: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"{start}-{stop - 1}" for start, stop in pairs)


def _stored(computing: str | None) -> str:
    """What is told of a take whose weights lay in fp8; those without scales were made by an
    earlier holocine."""
    if computing is None or not computing.endswith("fp8"):
        return ""
    return " with its weights in fp8" if computing.endswith(STORED_IN_FP8) else _UNSCALED


def difference(
    old: Mapping[str, Any], new: Mapping[str, Any], named: Callable[[int], str] = str
) -> list[str]:
    """What changed between two takes' ingredients, in words.

    Args:
        old: Those of the one before.
        new: Those of the take.
        named: Names its shots, numbered from 1.
    """
    said: list[str] = []
    if old.get("caption") != new["caption"]:
        said.append("the global caption changed")
    before, after = list(old.get("captions", [])), list(new["captions"])
    if len(before) != len(after):
        said.append(f"{len(before)} -> {len(after)} shots")
    else:
        said += [
            f"shot {named(i)}'s text changed"
            for i, (a, b) in enumerate(zip(before, after, strict=True), 1)
            if a != b
        ]
    if list(old.get("cuts", [])) != list(new["cuts"]) and len(before) == len(after):
        said.append("the cuts moved")
    said += [
        f"{name} {old.get(name)} -> {new[name]}"
        for name in ("frames", "seed")
        if old.get(name) != new[name]
    ]
    if old.get("kept") != new.get("kept") and (kept := new.get("kept")):
        said.append(f"beside latent frames that are kept ({_spans(kept['latent_frames'])})")
        if shots := kept.get("shots_seen"):
            said.append(f"in a pass that sees shots {', '.join(map(named, shots))}")
    was = old.get("sampling", {})
    said += [
        f"{name} {was.get(name)} -> {value}"
        for name, value in new["sampling"].items()
        if was.get(name) != value
    ]
    for name, words in (
        ("negative", "the negative prompt changed"),
        ("model", "the model's weights changed"),
        ("settings", "the model's settings changed"),
        ("lora", "the LoRAs changed"),
        ("shot_lora", "the LoRAs of its shots changed"),
        ("pictures", "the pictures it is held to changed"),
        ("draft", "the draft it is made from changed"),
    ):
        if old.get(name) != new.get(name):
            said.append(words)
    return said or ["the work folder's format changed"]
