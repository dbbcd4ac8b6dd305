"""What tells one version of a film from another: when it was filmed, and what changed.

May import: film, script, store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from holocine_core.film.version_store import Version
from holocine_core.script.edits import latest_told
from holocine_core.store.vault import Vault

_APART = ("fingerprint", "sampling", "kept", "draft", "sound", "transition")
"""What of a take is not its scene's picture as the screenplay tells it."""


def filmed_at(version: Version, vault: Vault) -> datetime | None:
    """When the last of a version's takes was filmed, in local time; None where none is left. What
    only its cut, its cards or its sound differ in was made later."""
    times = []
    for kind, key in version.kept:
        if kind == "latents":
            with contextlib.suppress(OSError):
                times.append(vault.path(kind, key).stat().st_mtime)
    return datetime.fromtimestamp(max(times)).astimezone() if times else None


def changed(version: Version, known: Sequence[Version], scenes: int) -> str:
    """The latest change that made a version what it is, in words.

    Args:
        version: Of a film of so many ``scenes``.
        known: All that its work folder has, in order.
    """
    if version.edits:
        return latest_told(version.edits, scenes)
    earlier = [
        one
        for one in known
        if one.number < version.number and one.film == version.film and not one.edits and one.made
    ]
    if not earlier or not version.made:
        return latest_told((), scenes)
    return f"rendered anew: {_difference(earlier[-1].made or {}, version.made)}"


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two films of one screenplay, by what they say of themselves."""
    old, new = _takes(before), _takes(now)
    both = [name for name in new if name in old]
    others = [name for name in both if _picture(old[name]) != _picture(new[name])]
    words = []
    if others:
        words.append(f"{_listed(others)} changed" if len(new) > 1 else "its scene changed")
    if added := [name for name in new if name not in old]:
        words.append(f"{_listed(added)} new")
    if gone := [name for name in old if name not in new]:
        words.append(f"without {_listed(gone)}")
    if any(old[name].get("sampling") != new[name].get("sampling") for name in both):
        words.append("other settings")
    if any(_files(before, key) != _files(now, key) for key in ("model", "lora")):
        words.append("another model or LoRA")
    same = all(old[name].get("fingerprint") == new[name].get("fingerprint") for name in both)
    return ", ".join(words) or ("the same takes, cut anew" if same else "its takes were made anew")


def _takes(made: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(take.get("scene")): take for take in made.get("takes", ())}


def _picture(take: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in take.items() if name not in _APART}


def _files(made: Mapping[str, Any], key: str) -> object:
    found = made.get(key)
    return found.get("files") if isinstance(found, dict) else found


def _listed(names: Sequence[str]) -> str:
    """Names of scenes; the first ones where they are many."""
    few = [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else [*names]
    return few[0] if len(few) == 1 else f"{', '.join(few[:-1])} and {few[-1]}"
