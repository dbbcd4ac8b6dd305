"""Films that lie somewhere, and what each needs of work folders: as they say of themselves.

May import: film, request, store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import HolocineError, InputError
from holocine_core.film.ownership import KEY_TAG
from holocine_core.film.provenance import TAG
from holocine_core.film.record import read_provenance
from holocine_core.film.runs import Key
from holocine_core.request import WORK, Request, stem_of
from holocine_core.script.file_kinds import FILMS
from holocine_core.store.records import read_record, sidecar_path
from holocine_core.store.vault import kind_of

_SUFFIXES = (*FILMS, ".m4v")
"""Of films, and what other programs call one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFilm:
    """A film of ours.

    Attributes:
        path: Its file.
        work: The work folder that it names; None where it has lost its sidecar.
        keys: What it needs of a work folder, as far as it says.
        is_complete: Whether that is all of it.
        is_dumb: Whether it tells neither what it needs nor of which folder: of any, then.
    """

    path: Path
    work: Path | None
    keys: frozenset[Key]
    is_complete: bool
    is_dumb: bool = False

    def needs(self, work: Path) -> frozenset[Key]:
        """All that it needs of a work folder.

        Raises:
            HolocineError: It does not say, and can not be planned to find out.
        """
        if self.is_complete:
            return self.keys
        from holocine_core.film.reopen import open_film
        from holocine_core.film.versions import held_by

        _, plan = open_film(self.path, Request(work=work))
        return self.keys | frozenset(held_by(plan))


def is_film(path: Path) -> bool:
    """Whether a file has the name of a film."""
    return path.suffix.lower() in _SUFFIXES


def found_film(path: Path) -> FoundFilm | None:
    """What a film says of itself; None where a file is none of ours.

    Raises:
        MachineError: It can not be read.
    """
    home = path.resolve().parent
    told, is_damaged = _sidecar(path)
    if "key" in told and told.get("bytes") == path.stat().st_size and "holds" in told:
        return FoundFilm(
            path=path, work=_work(home, told), keys=frozenset(_held(told)), is_complete=True
        )
    tags = _tags(path)
    if TAG not in tags and "key" not in told and not is_damaged:
        return None
    keys = {*_held(told), *_told(told.get("takes"))}
    try:
        made = read_provenance(tags[TAG], path) if TAG in tags else {}
    except InputError:
        made = {}
    keys.update(_told(made.get("takes")))
    # One that was damaged since is still the sidecar's; one that was replaced is not.
    same = tags.get(KEY_TAG) in (None, told.get("key"))
    work = home / WORK / stem_of(path) if is_damaged else _work(home, told)
    return FoundFilm(
        path=path,
        work=work,
        keys=frozenset(keys),
        is_complete="holds" in told and same,
        is_dumb=TAG in tags and work is None and not keys,
    )


def _sidecar(film: Path) -> tuple[dict[str, Any], bool]:
    """What a film's sidecar says, and whether it is damaged."""
    try:
        return read_record(sidecar_path(film)) or {}, False
    except InputError:
        return {}, True


def _work(home: Path, told: dict[str, Any]) -> Path | None:
    said = told.get("work")
    return (home / said).resolve() if isinstance(said, str) and said else None


def _tags(film: Path) -> dict[str, str]:
    from holocine_core.edit.metadata import read_metadata

    try:
        return dict(read_metadata(film).tags)
    except InputError:
        return {}


def _held(told: dict[str, Any]) -> Iterator[Key]:
    holds = told.get("holds")
    for one in holds if isinstance(holds, list) else ():
        try:
            folder, key = one
            yield kind_of(folder), str(key)
        except (KeyError, TypeError, ValueError):
            continue


def _told(takes: Any) -> Iterator[Key]:
    """Latents of takes and of their drafts, as a provenance tells of them."""
    for take in takes if isinstance(takes, list) else ():
        for one in (take, take.get("draft")) if isinstance(take, dict) else ():
            if isinstance(one, dict) and isinstance(key := one.get("fingerprint"), str):
                yield "latents", key


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What films need of a work folder.

    Attributes:
        films: Those that are of it.
        keys: What they need.
        unknown: Why that is not all; empty where it is.
    """

    films: tuple[Path, ...]
    keys: frozenset[Key]
    unknown: str


def needed_of(films: list[FoundFilm], work: Path, there: frozenset[Key]) -> Needed:
    """What films need of a work folder, and which are of it.

    Args:
        films: All that may be.
        work: The folder, resolved.
        there: What lies in it.
    """
    of_it = [one for one in films if one.work == work or one.keys & there or one.is_dumb]
    keys, unknown = set[Key](), ""
    for one in of_it:
        try:
            keys |= one.needs(work)
        except HolocineError as error:
            unknown = f"what {one.path} needs of it is not known: {error.message}"
    return Needed(films=tuple(one.path for one in of_it), keys=frozenset(keys), unknown=unknown)
