"""Files appear whole or not at all: work beside the target, then one rename."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, TextIO

from holocine_core.errors import HolocineError, InputError, MachineError
from holocine_core.store.processes import Process, in_file_names, read_process, this_process

_ROOM = re.compile(r"\.holocine-(?P<host>[A-Za-z0-9._]+)-(?P<pid>\d+)-[a-z0-9_]{8}")
_FORMER_ROOM = re.compile(r"\.holocine-\d+-[a-z0-9_]{8}")
"""As earlier versions called it; they held a lock in it that the system frees."""
_OWNER, _LOCK = ".owner", ".lock"
_FORGOTTEN = 86400.0
"""Seconds without a change, by the folder's own clock, after which the hidden folder of a host that
can not be asked is one that was left."""
_SWEPT: set[Path] = set()
"""Folders that this process has looked through for what killed ones left."""
Ready = Callable[[Path, Path], None]
"""Told of a finished file and of the name that it gets next."""


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
    with hidden_room(path.parent) as room:
        made = room / path.name
        yield made
        _flush(made)
        made.replace(path)
        flush_folder(path.parent)


@contextmanager
def replacing(out: Path, ready: Ready = lambda made, out: None) -> Iterator[Path]:
    """As :func:`atomic`, for files that people name: missing folders are made, and a link stays a
    link: the file that it names is the one that is replaced.

    ``ready`` is called right before the file gets its name; what it raises keeps it from that.

    Raises:
        InputError: A folder has that name.
        MachineError: The folder cannot be made or written, the disk is full.
    """
    if out.is_dir():
        raise InputError("it is a folder", where=str(out), hint="give the name of a file")
    try:
        target = out.resolve() if out.is_symlink() else out
        make_folder(target.parent)
        sweep(target.parent)
        with atomic(target) as whole:
            made = whole.with_name(out.name)  # Formats are told by the name that was given.
            yield made
            ready(made, out)
            if made != whole:
                made.replace(whole)
    except OSError as failed:
        raise _cannot_write(out, failed) from failed


def sweep(*folders: Path) -> None:
    """Remove the hidden folders that killed processes left in folders; those at work stay."""
    for room in (room for folder in folders for room in folder.glob(".holocine-*")):
        if is_left_room(room):
            with suppress(OSError):  # another user's
                shutil.rmtree(room)


def is_left_room(room: Path) -> bool:
    """Whether it is a hidden folder of ours in which nobody works any more."""
    with suppress(OSError):  # another user's, or gone by now
        if _ROOM.fullmatch(room.name):
            return not room.is_symlink() and _is_left(room)
        return bool(_FORMER_ROOM.fullmatch(room.name)) and _is_free(room)
    return False


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, to last: a name that is not on the
    disk itself takes all with it that is below. The system's own errors pass."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        flush_folder(one.parent)


def sweep_below(folder: Path) -> None:
    """As :func:`sweep`, in a folder and all that are in it."""
    for place, folders, _ in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".holocine-")]
        sweep(Path(place))


@contextmanager
def hidden_room(parent: Path) -> Iterator[Path]:
    """A new folder, removed in the end, that says whose it is: :func:`sweep` removes it where its
    process was killed."""
    here = this_process()
    whose = f"{in_file_names(here.host)}-{here.pid}"
    with TemporaryDirectory(prefix=f".holocine-{whose}-", dir=parent) as name:
        (Path(name) / _OWNER).write_text(json.dumps(asdict(here)), encoding="utf-8")
        yield Path(name)


def _is_left(room: Path) -> bool:
    """Whether nobody works in a folder any more."""
    named = _ROOM.fullmatch(room.name)
    assert named is not None
    here = this_process()
    host = here.host if named["host"] == in_file_names(here.host) else named["host"]
    mine = here if host == here.host else None
    killed_early = Process(
        host=host,
        pid=int(named["pid"]),
        pids=here.pids if mine else "",
        start=f"{here.boot} " if mine else "",
    )
    owner = read_process(read_json(room / _OWNER) or {}) or killed_early
    if owner.is_gone():
        return True
    if (owner.host, owner.pids, owner.boot) == (here.host, here.pids, here.boot):
        return False
    with hidden_room(room.parent) as clock:
        now = clock.stat().st_mtime
    return now - max(one.stat().st_mtime for one in (room, *room.rglob("*"))) > _FORGOTTEN


def _is_free(room: Path) -> bool:
    """Whether a folder of an earlier version has nobody any more."""
    from filelock import FileLock, Timeout

    if not (room / _LOCK).exists():
        return True  # killed before it was locked
    try:
        with FileLock(room / _LOCK, timeout=0, fallback_to_soft=False):
            return True
    except Timeout:
        return False


def _flush(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    if os.name != "posix":
        return
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


def open_log(path: Path) -> TextIO:
    """A log of ours, to append lines to; made where it is missing. The system's errors pass.

    Raises:
        InputError: A link is in its place: lines would go into whatever file it names.
    """
    flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    if path.is_symlink():
        raise InputError(
            f"{path.name} is a link, and logs are written to no other file",
            where=str(path),
            hint="remove the link",
        )
    return os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8", buffering=1)


def save(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file; one that is there with this very content is done.

    Raises:
        InputError: Another file is in the way and may not be replaced.
        MachineError: The folder or disk cannot take it.
    """
    if not replace and is_same(path, content):
        sweep(path.parent)
        return
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


def is_same(path: Path, content: bytes) -> bool:
    """Whether a file is there with this very content: who was killed after writing it calls
    again."""
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


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


SMALL_BYTES = 64 * 2**20
"""Most bytes of a file that is read whole: a sidecar, a config, a list."""


def read_small(path: Path) -> bytes:
    """The content of a file that is small if it is what it should be.

    Raises:
        InputError: A folder, a pipe or a device has its name, or it is far too large.
        OSError: It is not there, or can't be read.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > SMALL_BYTES:
            most = f"{size / 2**20:,.0f} MiB, where {SMALL_BYTES >> 20} are the most"
            raise _in_its_place(path, f"{path.name} has {most}")
        return file.read(SMALL_BYTES)


def open_file(path: Path) -> BinaryIO:
    """Open what must be a file: a pipe would be waited for until somebody writes into it.

    Raises:
        InputError: A folder, a pipe or a device has its name.
        OSError: It is not there, or can't be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise _in_its_place(path, f"{path.name} is no file but {_kind(mode)}")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


def _in_its_place(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), hint="move it away and run the same command again")


def parse_json(raw: bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: It is none, is nested deeper than anything of use, or holds half a character.
    """
    text = raw.decode("utf-8")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()  # Fails for half a surrogate pair.
    return value


def load_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: There is none that can be read whole.
    """
    try:
        value = parse_json(read_small(path))
    except OSError as gone:
        raise InputError(f"{path.name} can not be read: {gone.strerror}", where=str(path)) from gone
    except ValueError as broken:
        raise InputError(f"{path.name} is no JSON: {broken}", where=str(path)) from broken
    if not isinstance(value, dict):
        raise InputError(f"{path.name} must hold a JSON object", where=str(path))
    return value


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where the file is not there, or holds something else.

    Raises:
        InputError: What has its name is no file, or far too large: nothing of ours.
        MachineError: It is there and can't be read now: what it holds may be whole.
    """
    try:
        value = parse_json(read_small(path))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None  # Nothing can have that name.
        raise MachineError(
            f"{path.name} can not be read: {error.strerror}",
            where=str(path),
            hint="check that it may be read, and run the same command again",
        ) from error
    return value if isinstance(value, dict) else None


def read_cache(path: Path) -> dict[str, Any]:
    """A JSON object that nothing depends on; empty where none can be read, for whatever reason."""
    with suppress(OSError, HolocineError):
        return read_json(path) or {}
    return {}


def stamp(path: Path) -> tuple[int, int, int]:
    """What is another when a file's content is: what is read of a file is kept by it.

    Raises:
        OSError: There is no such file.
    """
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def name_for_damaged(path: Path) -> Path:
    """A name that nothing has, for a file or folder that is to be kept though it is damaged:
    ``x.damaged``, ``x.damaged-2`` ..."""
    names = (f"{path.name}.damaged{'' if n == 1 else f'-{n}'}" for n in itertools.count(1))
    return next(one for name in names if not os.path.lexists(one := path.with_name(name)))


def replace_folder(part: Path, folder: Path) -> None:
    """Give a finished folder its name, with all in it on the disk; the one that had it goes."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    for one in (*part.rglob("*"), part):
        if one.is_dir():
            flush_folder(one)
        else:
            _flush(one)
    with suppress(FileNotFoundError):
        folder.rename(old)
    part.rename(folder)
    flush_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
