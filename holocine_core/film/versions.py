"""The versions of a film that its work folder can make again at once.

``versions.json`` lists them in the order they were first made: the film as rendered, then every
edit of it. May import: plan, standing, vault, script.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.film.ownership import film_key, sidecar_path
from holocine_core.plan.title_cards import CARDS, card_of
from holocine_core.plan.values import Plan
from holocine_core.script.edits import Extend, Reshoot, read_edits
from holocine_core.store.files import read_json, write_json
from holocine_core.store.leases import leased
from holocine_core.store.vault import Kind, Vault, disk_errors, fingerprint, folder_of, kind_of

LIST = "versions.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One of them.

    Attributes:
        number: From 1; a dropped one's is not given again.
        key: The film's fingerprint.
        edits: Since it was rendered.
        takes: Keys of its latents and clips, those of takes they are based on included.
        film: Where it was written, from the work folder; empty in older lists.
        root: Tells what was rendered before all edits: a film and its preview share a work folder,
            and versions of the one are none of the other.
    """

    number: int
    key: str
    edits: tuple[Reshoot | Extend, ...]
    takes: tuple[tuple[Kind, str], ...]
    film: str = ""
    root: str = ""

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
            takes=tuple((kind_of(folder), key) for folder, key in one["takes"]),
            film=one.get("film", ""),
            root=one.get("root", ""),
        )
        for one in held.get("versions", [])
    ]


def remember_version(plan: Plan) -> Version:
    """Note a plan whose film is made; one that is known keeps its number."""
    key = film_key(plan)
    if (found := _of(key, versions(plan.work))) is not None:
        return found  # Looking needs no leave to write.
    with _held(plan.work):
        known = versions(plan.work)
        if (found := _of(key, known)) is not None:
            return found
        number = _next(plan.work, known)
        new = Version(
            number=number,
            key=key,
            edits=plan.edits,
            takes=tuple(dict.fromkeys(_keys(plan))),
            film=os.path.relpath(plan.out, plan.work),
            root=root_of(plan),
        )
        _write(plan.work, [*known, new], number + 1)
    return new


def _of(key: str, known: Sequence[Version]) -> Version | None:
    return next((version for version in known if version.key == key), None)


def root_of(plan: Plan) -> str:
    """Tells films of one work folder apart, whatever was edited since."""
    return fingerprint([plan.screenplay_text, plan.profile, dict(plan.options)])


def lying(work: Path, known: Sequence[Version]) -> dict[str, Path]:
    """Films that are versions as they lie there: their keys, and where."""
    found = {}
    for name in dict.fromkeys(version.film for version in known if version.film):
        path = work / name
        key = (read_json(sidecar_path(path)) or {}).get("key")
        if isinstance(key, str) and path.is_file():
            found[key] = path
    return found


@contextlib.contextmanager
def _held(work: Path) -> Iterator[None]:
    """The list for oneself; a moment is all that others need it for."""
    with contextlib.ExitStack() as stack:
        with disk_errors("note the film's versions", work / LIST):
            work.mkdir(parents=True, exist_ok=True)
            stack.enter_context(leased(work, "versions", name="versions-lease", wait=True))
        yield


def _next(work: Path, known: Sequence[Version]) -> int:
    """The number that comes next; older lists don't say."""
    told = (read_json(work / LIST) or {}).get("next", 1)
    return max(int(told), 1 + max((version.number for version in known), default=0))


def _keys(plan: Plan) -> list[tuple[Kind, str]]:
    found: list[tuple[Kind, str]] = []
    for take in plan.takes:
        found.append(("clips", take.clip_key))
        found += [("latents", one.latents_key) for one in take.chain()]
    cards = (card_of(plan, name) for name in CARDS)
    return [*found, *(("clips", card.key) for card in cards if card is not None)]


def drop_versions(work: Path, numbers: Sequence[int], current: str) -> int:
    """Forget versions and remove the takes that no other version needs.

    Args:
        work: The work folder; held by the caller.
        numbers: Which.
        current: Key of the film as it lies there, which stays.

    Returns:
        Bytes that were freed.

    Raises:
        InputError: There is no such version, or it is a film as it lies there.
    """
    with _held(work):
        known = versions(work)
        dropped = _to_drop(known, numbers, _next(work, known))
        films = lying(work, known)
        for version in dropped:
            if version.key == current:
                raise InputError(
                    "that version is the film as it lies there", hint="pick another one first"
                )
            if version.key in films:
                raise InputError(
                    f"version {version.number} is {films[version.key].name} as it lies there",
                    hint=f"pick another one for {films[version.key].name} first",
                )
        left = [version for version in known if version not in dropped]
        needed = {take for version in left for take in version.takes}
        vault, freed = Vault(work), 0
        for kind, key in dict.fromkeys(take for version in dropped for take in version.takes):
            entry = vault.find(kind, key)
            if (kind, key) not in needed:
                freed += 0 if entry is None else int(entry.sidecar["bytes"])
                vault.drop(kind, key)  # Also what a killed call left of it.
        _write(work, left, _next(work, known))
    return freed


def _to_drop(known: Sequence[Version], numbers: Sequence[int], following: int) -> list[Version]:
    """Versions by their numbers, without those that are dropped already: whoever was killed right
    after it calls again. Raises InputError where there never was one."""
    there = {version.number for version in known}
    gone = {number for number in range(1, following) if number not in there}
    return [pick_version(known, number) for number in numbers if number not in gone]


def older_versions(work: Path, keep: int, plan: Plan) -> list[int]:
    """Numbers of all versions of a film but the newest ``keep`` and those that lie there as films.

    Those of other films in the work folder, such as its preview, are not among them.
    """
    known = versions(work)
    films = {film_key(plan), *lying(work, known)}
    own = [version for version in known if version.root in ("", root_of(plan))]
    return [version.number for version in own[:-keep] if version.key not in films]


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


def _write(work: Path, known: Sequence[Version], following: int) -> None:
    listed: list[dict[str, Any]] = [
        {
            "number": version.number,
            "key": version.key,
            "edits": [edit.model_dump(mode="json", exclude_none=True) for edit in version.edits],
            "takes": [[folder_of(kind), key] for kind, key in version.takes],
            "film": version.film,
            "root": version.root,
        }
        for version in known
    ]
    with disk_errors("note the film's versions", work / LIST):
        write_json(work / LIST, {"versions": listed, "next": following})
