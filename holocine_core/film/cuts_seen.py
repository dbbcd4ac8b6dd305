"""A film's own cuts: whether each scene cuts where it was asked to.

May import: plan, vault, edit.
"""

from __future__ import annotations

from holocine_core.edit.own_cuts import SeenCuts, read_seen, watch_clip
from holocine_core.errors import InputError, MachineError
from holocine_core.plan.values import Plan
from holocine_core.store.vault import Vault


def watch_cuts(plan: Plan, vault: Vault) -> dict[str, SeenCuts]:
    """What is seen of every scene's cuts: noted when its clip was kept, else looked for in it; of a
    scene whose clip is gone nothing."""
    found = {}
    for take in plan.takes:
        entry = vault.find("clips", take.clip_key)
        if entry is None:
            continue
        seen = read_seen(entry.sidecar.get("cuts"))
        if seen is None or seen.asked != take.timeline.cuts:
            if vault.whole("clips", take.clip_key) is None:
                continue  # Damaged: who needs its frames will say so.
            try:
                seen = watch_clip(entry.path, take.timeline.cuts)
            except (InputError, MachineError):
                continue  # A damaged clip: who needs its frames will say so.
        found[take.scene] = seen
    return found
