"""What lies in a work folder, file by file: takes, what killed calls left, and our other files.

Nothing else is ever removed from one. May import: film, store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import HolocineError, InputError
from holocine_core.film.editing import PENDING
from holocine_core.film.extras import RECORD
from holocine_core.film.runs import Key
from holocine_core.film.version_store import FOLDER, LIST, read_versions
from holocine_core.request import WORK
from holocine_core.store.files import is_left_room, open_file, read_json
from holocine_core.store.holders import PART
from holocine_core.store.journal import NAME as JOURNAL
from holocine_core.store.records import CHECK, read_record
from holocine_core.store.vault import SUFFIX, Kind, folder_of

TRIES = "tries.json"
_KEY = re.compile(r"[0-9a-f]{16}(-[0-9]{1,6})?")
"""A fingerprint, and of steps their number: ``clips/0001.mp4`` of a work folder that somebody named
is a shot of the camera's."""
_RECORDS = re.compile(
    rf"({re.escape(LIST)}|{re.escape(RECORD)}|{re.escape(PENDING)})(\.damaged(-[0-9]+)?)?"
    rf"|{re.escape(TRIES)}"
)
_LEASE = re.compile(r"([a-z]+-)?lease-[0-9]+\.json")
_VERSION = re.compile(r"[0-9]{1,6}\.json(\.damaged(-[0-9]+)?)?")
_PARTS = re.compile(r"\..+\.\d{1,10}\.part(?:\.\w+)*")
"""Half-written files of earlier versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A take's file with its sidecar, or one of the two.

    Attributes:
        key: Of the file.
        need: What keeps it: of the progress of a take, the latents that are to come of it.
        bytes: Of both.
        written: When, in seconds since 1970 as the disk says.
        is_whole: Whether it has a sidecar, which is the proof that it was kept.
    """

    key: Key
    need: Key
    bytes: int
    written: float
    is_whole: bool


def is_work_folder(path: Path) -> bool:
    """Whether a folder was worked in by us; of one that is not where work folders are, only with
    takes and their journal."""
    if path.is_symlink() or not path.is_dir():
        return False
    if path.parent.name != WORK:
        return (path / JOURNAL).is_file() and (path / folder_of("latents")).is_dir()
    kinds = any((path / folder_of(kind)).is_dir() for kind in SUFFIX)
    leases = any(_LEASE.fullmatch(one.name) for one in path.glob("*lease-*.json"))
    # One that is empty was being removed when a call was killed.
    return kinds or leases or (path / JOURNAL).is_file() or not any(path.iterdir())


def stored_in(work: Path) -> list[Stored]:
    """The takes of a work folder, and what is left of some.

    Raises:
        InputError: A sidecar is damaged, or what has its name is none.
        MachineError: One can not be read.
    """
    return [one for kind in SUFFIX for one in _stored(work, kind)]


def _stored(work: Path, kind: Kind) -> Iterator[Stored]:
    folder = work / folder_of(kind)
    if folder.is_symlink():
        raise InputError(f"{folder.name} is a link", where=str(folder))
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        is_ours = _KEY.fullmatch(path.stem) and path.suffix in (".json", SUFFIX[kind])
        if is_ours and path.is_file() and not path.is_symlink():
            found.setdefault(path.stem, []).append(path)
    for key, paths in sorted(found.items()):
        told = read_record(folder / f"{key}.json")
        sizes = [path.stat() for path in paths]
        need: Key = (kind, key)
        if kind == "progress":
            need = "latents", str((told or {}).get("negative", ""))
        yield Stored(
            key=(kind, key),
            need=need,
            bytes=sum(one.st_size for one in sizes),
            written=max(one.st_mtime for one in sizes),
            is_whole=told is not None,
        )


def damage(work: Path) -> str:
    """What of a work folder's records can not be relied on, in words; empty where all can."""
    try:
        stored_in(work)
        if os.path.lexists(work / JOURNAL):
            open_file(work / JOURNAL).close()
        for name in (RECORD, PENDING):
            read_record(work / name)
        versions = read_versions(work)
    except HolocineError as error:
        return error.message
    except OSError as refused:
        return f"it can not be read: {refused.strerror or refused}"
    if versions.lost or versions.list_is_damaged:
        return "records of versions were lost"
    return ""


def paths_of(work: Path, stored: Stored) -> tuple[Path, ...]:
    """The files of a take, its sidecar first: that is how it is removed."""
    kind, key = stored.key
    path = work / folder_of(kind) / f"{key}{SUFFIX[kind]}"
    return path.with_suffix(".json"), path


def left_in(work: Path) -> list[Path]:
    """Hidden folders and half-written files that killed calls left in a work folder."""
    places = [work, *(work / folder_of(kind) for kind in SUFFIX), work / FOLDER]
    found: list[Path] = []
    for place in places:
        if place.is_dir() and not place.is_symlink():
            found += (one for one in place.glob(".holocine-*") if is_left_room(one))
            found += (one for one in place.glob(".*.part*") if _PARTS.fullmatch(one.name))
    return found


def others_in(work: Path) -> list[Path]:
    """Our files of a work folder beside its takes: versions, notes and, last, the journal, which
    tells whose folder it was until all else is gone."""
    found = [one for one in work.glob("*") if _RECORDS.fullmatch(one.name)]
    if work.parent.name != WORK:  # Others' files may lie in it, and have such names.
        found = [one for one in found if CHECK in (read_json(one) or {})]
    versions = work / FOLDER
    if versions.is_dir() and not versions.is_symlink():
        found += (one for one in versions.iterdir() if _VERSION.fullmatch(one.name))
    found.append(work / JOURNAL)
    return [one for one in found if one.is_file() and not one.is_symlink()]


def leases_in(work: Path) -> list[Path]:
    """What claims of a work folder, held by nobody any more, left in it."""
    return [one for one in work.glob("*lease-*.json") if _LEASE.fullmatch(one.name)] + [
        one for one in work.glob(".*.part") if PART.fullmatch(one.name)
    ]


def bytes_of(paths: list[Path]) -> int:
    """What files, and folders with all in them, take up."""
    total = 0
    for path in paths:
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
        for one in inside:
            with suppress(OSError):
                total += one.lstat().st_size if not one.is_dir() else 0
    return total


def told_versions(work: Path) -> Mapping[str, Any]:
    """What the versions of a work folder need, where their films lie and were written."""
    known = read_versions(work).known
    films = {work / one.film for one in known if one.film}
    return {
        "keys": {key for one in known for key in one.kept},
        "films": films,
        "sources": {
            (work / one.film).parent / one.source for one in known if one.film and one.source
        },
    }
