"""The versions of a film that its work folder can make again at once: the film as rendered, then
every edit of it, and what it was before its screenplay was changed.

May import: plan, film, store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.film.ownership import KEY_TAG, film_key
from holocine_core.film.provenance import provenance
from holocine_core.film.version_store import (
    Version,
    as_stored,
    forget_version,
    next_number,
    noting,
    read_versions,
    write_version,
)
from holocine_core.plan.title_cards import CARDS, card_of
from holocine_core.plan.values import Plan
from holocine_core.store.records import intact_record, sidecar_path
from holocine_core.store.vault import Kind, Vault, fingerprint


def versions(work: Path) -> list[Version]:
    """All of them, in order; none where nothing was edited."""
    return list(read_versions(work).known)


def bytes_of(version: Version, vault: Vault) -> int:
    """What a version's takes take up in the work folder."""
    found = (vault.find(kind, key) for kind, key in version.kept)
    return sum(int(entry.sidecar["bytes"]) for entry in found if entry is not None)


def remember_version(plan: Plan, number: int | None = None) -> Version:
    """Note a plan whose film is made; one that is known keeps its number.

    Args:
        plan: Of the film.
        number: That it had, where its record was lost; the next one where None.

    Raises:
        MachineError: The work folder can not be written.
    """
    return note_version(
        plan.work,
        {
            "key": film_key(plan),
            "edits": plan.edits,
            "takes": as_stored(held_by(plan)),
            "film": os.path.relpath(plan.out, plan.work),
            "root": root_of(plan),
            "source": os.path.relpath(plan.screenplay_path.resolve(), plan.out.resolve().parent),
            "made": provenance(plan),
        },
        number,
    )


def note_version(work: Path, told: Mapping[str, Any], number: int | None = None) -> Version:
    """Note what a version says, as :func:`remember_version`; ``number`` likewise."""
    if (found := _of(told["key"], read_versions(work).known)) is not None:
        return found  # Looking needs no leave to write.
    with noting(work):
        stored = read_versions(work)
        if (found := _of(told["key"], stored.known)) is not None:
            return found
        given = number or next_number(work, stored)
        new = Version.model_validate({**told, "number": given}, strict=False)
        write_version(work, new)
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
        # Noted as names alone tell it, whatever links there are.
        plain = Path(os.path.normpath(work / name))
        path = plain if plain.is_file() else work / name
        if path.is_file() and isinstance(key := _key_at(path), str):
            found[key] = path
    return found


def _key_at(film: Path) -> object:
    """What the file says it is: in its sidecar, else in its own tags."""
    told = intact_record(sidecar_path(film)).get("key")
    if told is not None:
        return told
    from holocine_core.edit.metadata import read_metadata

    try:
        return read_metadata(film).tags.get(KEY_TAG)
    except InputError:
        return None


def held_by(plan: Plan) -> tuple[tuple[Kind, str], ...]:
    """What a film's plan needs of its work folder, each once."""
    return tuple(dict.fromkeys(_held_by(plan)))


def _held_by(plan: Plan) -> Iterator[tuple[Kind, str]]:
    for take in plan.takes:
        yield "clips", take.clip_key
        for one in take.chain():
            yield "latents", one.latents_key
    for name in CARDS:
        if (card := card_of(plan, name)) is not None:
            yield "clips", card.key


def drop_versions(vault: Vault, numbers: Sequence[int], current: str) -> int:
    """Forget versions and remove the takes that no other version needs.

    Args:
        vault: The work folder; held by the caller.
        numbers: Which.
        current: Key of the film as it lies there, which stays.

    Returns:
        Bytes that were freed.

    Raises:
        InputError: There is no such version, or it is a film as it lies there.
        TakenOver: Another process has the folder by now.
    """
    work = vault.folder
    with noting(work):
        stored = read_versions(work)
        known = stored.known
        # Whoever was killed right after a version was dropped calls again.
        wanted = [number for number in numbers if number not in stored.dropped]
        dropped = [pick_version(known, number) for number in wanted]
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
        needed = {take for version in known if version not in dropped for take in version.kept}
        freed = 0
        for kind, key in dict.fromkeys(take for version in dropped for take in version.kept):
            entry = vault.find(kind, key)
            if (kind, key) not in needed:
                freed += 0 if entry is None else int(entry.sidecar["bytes"])
                vault.drop(kind, key)  # Also what a killed call left of it.
        for version in dropped:
            forget_version(work, version.number)
    return freed


def older_versions(work: Path, keep: int, plan: Plan) -> list[int]:
    """Numbers of all versions of a film but the newest ``keep`` and those that lie there as films.

    Those of other films in the work folder, such as its preview, are not among them.
    """
    known = versions(work)
    films = {film_key(plan), *lying(work, known)}
    here = os.path.relpath(plan.out, work)
    own = [one for one in known if one.root in ("", root_of(plan)) or one.film == here]
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
