"""Files appear whole or not at all: work beside the target, then one rename."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from holocine_core.errors import InputError, MachineError
from holocine_core.store.locks import Held, lock

_ROOM = re.compile(r"\.holocine-\d+-[a-z0-9_]{8}")
_LOCK = ".lock"
_SWEPT: set[Path] = set()
"""Folders that this process has looked through for what killed ones left."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a path named like ``path`` in a hidden folder beside it; on success it takes its place.

    The folder is the body's to use and is removed in the end. An exception leaves ``path`` as it
    was. The system's own errors pass.
    """
    folder = path.parent.absolute()
    if folder not in _SWEPT:  # A large folder takes a while to list, and once is enough.
        sweep(folder)
        _SWEPT.add(folder)
    with _room(path.parent) as room:
        made = room / path.name
        yield made
        _flush(made)
        made.replace(path)
        if os.name == "posix":
            _flush_folder(path.parent)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """As :func:`atomic`, for files that people name: missing folders are made, and a link stays a
    link: the file that it names is the one that is replaced.

    Raises:
        InputError: A folder has that name.
        MachineError: The folder cannot be made or written, the disk is full.
    """
    if out.is_dir():
        raise InputError("it is a folder", where=str(out), hint="give the name of a file")
    try:
        target = out.resolve() if out.is_symlink() else out
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with atomic(target) as whole:
            made = whole.with_name(out.name)  # Formats are told by the name that was given.
            yield made
            if made != whole:
                made.replace(whole)
    except OSError as failed:
        raise _cannot_write(out, failed) from failed


def sweep(folder: Path) -> None:
    """Remove the hidden folders that killed processes left in ``folder``; those at work stay."""
    for room in folder.glob(".holocine-*"):
        if not _ROOM.fullmatch(room.name):
            continue
        with suppress(OSError):  # another user's, or gone by now
            if (room / _LOCK).exists():
                with _held(room) as free:
                    if free:
                        shutil.rmtree(room)
            room.rmdir()  # killed before it was locked


@contextmanager
def _room(parent: Path) -> Iterator[Path]:
    """A new folder, held while the body works and removed in the end."""
    while True:
        with (
            TemporaryDirectory(prefix=f".holocine-{os.getpid()}-", dir=parent) as name,
            _held(Path(name)) as held,
        ):
            if held:  # else it was swept away before it was locked
                yield Path(name)
                return


@contextmanager
def _held(room: Path) -> Iterator[bool]:
    """Hold a folder's lock; false if another process does, or the folder is gone."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(room / _LOCK))
            held = (room / _LOCK).exists()
        except (Held, FileNotFoundError):
            held = False
        yield held


def _flush(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    try:
        _flush(folder)
    except OSError as failed:  # Some file systems flush no folders.
        if failed.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _cannot_write(out: Path, failed: OSError) -> MachineError:
    hint = f"choose a folder that can be written, or mend {out.parent}"
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"free some space in {out.parent} and run the same command again"
    return MachineError(
        f"cannot write {out.name}: {failed.strerror or failed}", where=str(out), hint=hint
    )


def save(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file.

    Raises:
        InputError: Another file is in the way and may not be replaced.
        MachineError: The folder or disk cannot take it.
    """
    refuse_to_replace(path, replace=replace)
    with replacing(path) as made:
        made.write_bytes(content)


def refuse_to_replace(path: Path, *, replace: bool) -> None:
    """Raises InputError where another file is in the way and may not be replaced."""
    if path.exists() and not path.is_dir() and not replace:
        raise InputError(
            f"{path} is there already",
            where=str(path),
            hint="choose another name, or replace it with --force",
        )


def refuse_to_be(path: Path, source: Path, what: str) -> None:
    """Raises InputError where a product would be written over what it is made of."""
    if path.exists() and source.exists() and path.samefile(source):
        raise InputError(
            f"it would be written over the {what}", where=str(path), hint="name another file"
        )


def save_json(path: Path, value: Mapping[str, Any], *, force: bool) -> None:
    """Write a JSON document as :func:`save` does."""
    save(path, _json(value).encode(), replace=force)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file of our own whole; the system's errors pass."""
    with atomic(path) as made:
        made.write_text(_json(value), encoding="utf-8")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def load_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: There is none that can be read whole.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as gone:
        raise InputError(f"{path.name} can not be read: {gone.strerror}", where=str(path)) from gone
    except ValueError as broken:
        raise InputError(f"{path.name} is no JSON: {broken}", where=str(path)) from broken
    if not isinstance(value, dict):
        raise InputError(f"{path.name} must hold a JSON object", where=str(path))
    return value


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none that can be read whole."""
    with suppress(InputError):
        return load_json(path)
    return None


def replace_folder(part: Path, folder: Path) -> None:
    """Give a finished folder its name; the one that had it goes."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with suppress(FileNotFoundError):
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
