"""A file of ours that is not as it was written: damaged or changed, which nobody can tell apart. So
it is never lost: it is put aside before another takes its place.

May import: film.ownership, edit, store.
"""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

from holocine_core.edit.metadata import read_metadata
from holocine_core.edit.seal import is_sealed
from holocine_core.errors import InputError
from holocine_core.events import Emit, Warned
from holocine_core.film.ownership import KEY_TAG
from holocine_core.store.files import atomic, flush_folder
from holocine_core.store.records import (
    DamagedRecord,
    intact_record,
    read_record,
    sidecar_path,
)
from holocine_core.store.vault import disk_errors, file_hash

_NAME_BYTES = 200
"""Most bytes of a file's name that are kept in the one it gets: systems take 255."""


def is_as_made(film: Path) -> bool:
    """Whether a film is the very one that was made, by its sidecar or by the seal inside it.

    Raises:
        OSError: It can't be read.
    """
    told = intact_record(sidecar_path(film)).get("sha256")
    return told == file_hash(film) or is_sealed(film) is True


def put_aside_changed(out: Path, made: Path, emit: Emit) -> None:
    """Put aside the film in a film's place, if it is one of ours and not as it was made.

    Args:
        out: The place.
        made: What is about to be put there.
        emit: Told of it.

    Raises:
        MachineError: The file can't be read, or no other name given.
    """
    with disk_errors("read the film", out):
        if not out.is_file() or not out.stat().st_size or is_as_made(out) or not _is_ours(out):
            return
    put_aside(out, made, emit)


def put_aside(path: Path, made: Path, emit: Emit) -> None:
    """Give the file in a place another name as well, unless it is the one that is put there.

    It is called NAME.damaged.SUFFIX, numbered where that is taken: no command makes, asks for or
    replaces a file of that name.

    Args:
        path: The place; of a link, what it names is kept, beside itself.
        made: What is about to be put there.
        emit: Told of the name.

    Raises:
        MachineError: The file can't be read, or no other name given.
    """
    place = path.resolve()
    with disk_errors("put the file aside", place):
        if _is_same(place, made):
            return
        aside = _other_name(place)
    emit(
        Warned(
            message=f"{path.name} was damaged or changed since it was made: what it was is kept as "
            f"{aside.name}",
            where=str(aside),
            hint="remove it if nothing of it is missed",
        )
    )


def rename_damaged(record: Path) -> None:
    """Make way for a new record: NAME.json -> NAME.json.damaged, numbered where that is taken. The
    system's own errors pass."""
    names = (f"{record.name}.damaged{'' if n == 1 else f'-{n}'}" for n in itertools.count(1))
    free = (path for path in map(record.with_name, names) if not os.path.lexists(path))
    record.replace(next(free))


def _other_name(path: Path) -> Path:
    """A second name for a file, or the one that a killed call has given it."""
    stem = path.stem.encode()[:_NAME_BYTES].decode(errors="ignore")
    for number in itertools.count(1):
        many = "" if number == 1 else f"-{number}"
        aside = path.with_name(f"{stem}.damaged{many}{path.suffix}")
        if os.path.lexists(aside):
            if aside.is_file() and _is_same(aside, path):
                return aside
            continue
        try:
            # Never a moment without the file: a call that is killed here finds it in its place.
            os.link(path, aside)
        except FileExistsError:
            continue
        except OSError:  # The disk knows no links.
            with atomic(aside) as copy:
                shutil.copyfile(path, copy)
        flush_folder(path.parent)
        return aside
    raise AssertionError("numbers have no end")


def _is_same(one: Path, other: Path) -> bool:
    if one.samefile(other):
        return True
    return one.stat().st_size == other.stat().st_size and file_hash(one) == file_hash(other)


def _is_ours(film: Path) -> bool:
    """Whether a film says that it is ours, or a sidecar that one of ours is to be there."""
    try:
        if "key" in (read_record(sidecar_path(film)) or {}):
            return True
    except DamagedRecord:
        return True
    try:
        return KEY_TAG in read_metadata(film).tags
    except InputError:
        return False
