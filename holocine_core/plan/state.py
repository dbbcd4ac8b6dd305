"""What the work folder already holds of a take, and what changed since its scene was last shot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holocine_core.model.placement import Placement
from holocine_core.plan.values import State, Take
from holocine_core.vault import Vault, fingerprint


def with_state(take: Take, placement: Placement, vault: Vault) -> Take:
    """The take with what the work folder holds of it, and its key for a stopped denoising."""
    progress_key = fingerprint([take.negative_key, placement.computing])
    take = replace(take, progress_key=progress_key)
    if vault.find("clips", take.clip_key) is not None:
        return replace(take, state="reuse", reason="already shot", step=take.sampling.steps)
    if vault.find("negatives", take.negative_key) is not None:
        return replace(
            take, state="reuse", reason="denoised; still to decode", step=take.sampling.steps
        )
    stopped = vault.stopped(take.progress_key)
    earlier = [e for e in vault.entries("negatives") if e.sidecar.get("scene") == take.scene]
    state: State = "changed" if earlier else "new"
    reason = (
        "; ".join(difference(earlier[-1].sidecar.get("ingredients", {}), take.ingredients))
        if earlier
        else "never shot"
    )
    step = int(stopped[0].sidecar["step"]) if stopped else 0
    if step:
        reason = f"goes on at step {step} of {take.sampling.steps}"
    return replace(take, state=state, reason=reason, step=step)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two takes' ingredients, in words."""
    said: list[str] = []
    if old.get("caption") != new["caption"]:
        said.append("the global caption changed")
    before, after = list(old.get("captions", [])), list(new["captions"])
    if len(before) != len(after):
        said.append(f"{len(before)} -> {len(after)} shots")
    else:
        said += [
            f"shot {i}'s text changed"
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
    ):
        if old.get(name) != new[name]:
            said.append(words)
    return said or ["the work folder's format changed"]
