"""The versions of a film that its work folder can make again at once.

``versions.json`` lists them in the order they were first made: the film as rendered, then every
edit of it. May import: plan, standing, vault, script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.plan.values import Plan, Take
from holocine_core.script.edits import Extend, Reshoot, read_edits
from holocine_core.standing import film_key
from holocine_core.vault import Kind, Vault, disk_errors, read_json, write_json

LIST = "versions.json"
KINDS: tuple[Kind, ...] = ("negatives", "clips")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One of them.

    Attributes:
        number: From 1; a dropped one's is not given again.
        key: The film's fingerprint.
        edits: Since it was rendered.
        takes: Keys of its negatives and clips, those of takes they are based on included.
    """

    number: int
    key: str
    edits: tuple[Reshoot | Extend, ...]
    takes: tuple[tuple[Kind, str], ...]

    def bytes_in(self, vault: Vault) -> int:
        """What its takes take up in the work folder."""
        found = (vault.find(kind, key) for kind, key in self.takes)
        return sum(int(entry.sidecar["bytes"]) for entry in found if entry is not None)


def versions(work: Path) -> list[Version]:
    """All of them, in order; none where nothing was edited."""
    held = read_json(work / LIST) or {}
    return [
        Version(
            number=one["number"],
            key=one["key"],
            edits=read_edits(one["edits"]),
            takes=tuple((kind, key) for kind, key in one["takes"]),
        )
        for one in held.get("versions", [])
    ]


def remember_version(plan: Plan) -> Version:
    """Note a plan whose film is made; one that is known keeps its number."""
    known = versions(plan.work)
    key = film_key(plan)
    found = next((version for version in known if version.key == key), None)
    if found is not None:
        return found
    new = Version(
        number=1 + max((version.number for version in known), default=0),
        key=key,
        edits=plan.edits,
        takes=tuple(dict.fromkeys(_keys(plan))),
    )
    _write(plan.work, [*known, new])
    return new


def _keys(plan: Plan) -> list[tuple[Kind, str]]:
    found: list[tuple[Kind, str]] = []
    for take in plan.takes:
        found.append(("clips", take.clip_key))
        at: Take | None = take
        while at is not None:
            found.append(("negatives", at.negative_key))
            at = at.kept.base if at.kept is not None else None
    return found


def drop_versions(work: Path, numbers: Sequence[int], current: str) -> int:
    """Forget versions and remove the takes that no other version needs.

    Args:
        work: The work folder; held by the caller.
        numbers: Which.
        current: Key of the film as it lies there, which stays.

    Returns:
        Bytes that were freed.

    Raises:
        InputError: There is no such version, or it is the film as it lies there.
    """
    known = versions(work)
    dropped = [pick_version(known, number) for number in numbers]
    if any(version.key == current for version in dropped):
        raise InputError("that version is the film as it lies there", hint="pick another one first")
    left = [version for version in known if version not in dropped]
    needed = {take for version in left for take in version.takes}
    vault, freed = Vault(work), 0
    for kind, key in dict.fromkeys(take for version in dropped for take in version.takes):
        entry = vault.find(kind, key)
        if (kind, key) not in needed and entry is not None:
            freed += int(entry.sidecar["bytes"])
            vault.drop(kind, key)
    _write(work, left)
    return freed


def older_versions(known: Sequence[Version], keep: int, current: str) -> list[int]:
    """Numbers of all versions but the newest ``keep`` and the one of key ``current``."""
    return [version.number for version in known[:-keep] if version.key != current]


def pick_version(known: Sequence[Version], number: int) -> Version:
    """A version by its number. Raises InputError where there is none."""
    found = next((version for version in known if version.number == number), None)
    if found is None:
        raise InputError(
            f"the film has no version {number}",
            hint=f"it has {', '.join(str(one.number) for one in known)}"
            if known
            else "nothing was edited yet",
        )
    return found


def _write(work: Path, known: Sequence[Version]) -> None:
    listed: list[dict[str, Any]] = [
        {
            "number": version.number,
            "key": version.key,
            "edits": [edit.model_dump(mode="json", exclude_none=True) for edit in version.edits],
            "takes": [list(take) for take in version.takes],
        }
        for version in known
    ]
    with disk_errors("note the film's versions", work / LIST):
        work.mkdir(parents=True, exist_ok=True)
        write_json(work / LIST, {"versions": listed})
