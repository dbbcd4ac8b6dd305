"""One file of the hub, to the last byte: a download that was cut off goes on inside the file.

What has arrived lies beside the file's place as ``NAME.1a2b3c4d5e6f.incomplete``, named by the hash
that the hub lists: bytes of another version of the file are never gone on with. It gets the file's
name once its own hash is right. No torch here.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from holocine_core.errors import REMEDIES, MachineError
from holocine_core.events import Emit, FileFetching, Warned
from holocine_core.model.headers import whole_hash
from holocine_core.model.hub import Arriving, Hub, HubFile
from holocine_core.model.hub_errors import AGAIN, Passing
from holocine_core.model.patience import Patience
from holocine_core.store.files import flush_folder, make_folder
from holocine_core.units import file_size

SUFFIX = ".incomplete"
_TOLD_S = 0.2
"""Seconds between two words on how far a file is."""
_ORPHAN = re.compile(r".+\.[0-9a-f]{8}\.incomplete")
"""What huggingface_hub leaves of a download that was killed: it never goes on with it."""
_SILENT_S = 600.0
"""Seconds without a byte after which one of those is nobody's any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One file of the hub and where it belongs."""

    repo: str
    revision: str
    folder: Path
    name: str
    """Its path below ``folder``."""
    file: HubFile

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def part(self) -> Path:
        """Where its bytes gather."""
        version = self.file.sha256 or self.file.git_sha1 or self.revision
        return self.path.with_name(f"{self.path.name}.{version[:12]}{SUFFIX}")

    @property
    def here(self) -> int:
        """How many of its bytes are here."""
        try:
            return self.part.stat().st_size
        except OSError:
            return 0


def download(wanted: Wanted, hub: Hub, emit: Emit, require: Callable[[], None]) -> str:
    """Bring what lacks of a file, and give it its name; its SHA-256.

    Args:
        wanted: Not there yet.
        hub: Where it comes from.
        emit: Told how far it is, and of every wait.
        require: Called while bytes arrive; raises where they are another's to bring by now.

    Raises:
        MachineError: The hub can not be reached, the disk is full, or what arrives is not what the
            hub lists. What is here stays for the next call, but for what is wrong.
    """
    began = wanted.here
    with _writing(wanted):
        make_folder(wanted.path.parent)
    _gather(wanted, hub, emit, require)
    try:
        sha256 = published_hash(wanted, wanted.part)
    except NotPublished as wrong:
        wanted.part.unlink()
        if not began:
            raise
        emit(
            Warned(
                message=f"{wrong.message}: {file_size(began)} of it were here before",
                where=str(wanted.path),
                hint="nothing is to be done: it is fetched anew from its first byte",
            )
        )
        return download(wanted, hub, emit, require)
    require()
    with _writing(wanted):
        _flush(wanted.part)
        wanted.part.replace(wanted.path)
        flush_folder(wanted.path.parent)
    return sha256


def _gather(wanted: Wanted, hub: Hub, emit: Emit, require: Callable[[], None]) -> None:
    """Fetch until all bytes are here, through lost lines and busy hubs."""
    if wanted.here > wanted.file.size:
        wanted.part.unlink()
    patience = Patience(emit)
    if not wanted.file.size:
        with _writing(wanted):
            wanted.part.touch()
    while (here := wanted.here) < wanted.file.size:
        try:
            with hub.open(wanted.repo, wanted.revision, wanted.file, here) as arriving:
                _append(wanted, arriving, emit, require)
            if wanted.here == here:
                raise _nothing_came(wanted)
        except Passing as failed:
            if wanted.here > here:
                patience.renew()
            told = _still_here(wanted) if wanted.here else ""
            failed.hint = "; ".join(filter(None, (failed.hint, told)))
            patience.wait(failed, told)


def _append(wanted: Wanted, arriving: Arriving, emit: Emit, require: Callable[[], None]) -> None:
    """Write bytes behind those that are here, each as it comes."""
    name, size, at = wanted.name, wanted.file.size, wanted.here
    again = at - arriving.start
    if again:
        emit(
            Warned(
                message=f"the hub does not go on inside files: {_still_here(wanted)}",
                where=str(wanted.path),
                hint="nothing is to be done: those are sent once more, and passed over",
            )
        )
    told = 0.0
    with contextlib.ExitStack() as stack:
        with _writing(wanted):
            flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
            handle = os.open(wanted.part, flags, 0o666)
            stack.callback(os.close, handle)
            os.lseek(handle, at, os.SEEK_SET)
        stack.callback(
            lambda: emit(FileFetching(file=name, bytes=os.fstat(handle).st_size, of=size))
        )
        emit(FileFetching(file=name, bytes=at, of=size))
        for chunk in arriving.chunks:
            if at + len(chunk) - again > size:
                raise MachineError(
                    f"more bytes of {name} came than the hub lists",
                    where=str(wanted.path),
                    hint="a proxy or a mirror sends another file: try without it",
                )
            rest = memoryview(chunk)[again:]
            again = max(again - len(chunk), 0)
            while rest:
                with _writing(wanted):
                    written = os.write(handle, rest)
                rest, at = rest[written:], at + written
            if time.monotonic() - told > _TOLD_S:
                told = time.monotonic()
                require()
                emit(FileFetching(file=name, bytes=at, of=size))


def _still_here(wanted: Wanted) -> str:
    return f"{file_size(wanted.here)} of {file_size(wanted.file.size)} of {wanted.name} are here"


def _nothing_came(wanted: Wanted) -> Passing:
    return Passing(
        f"no more bytes of {wanted.name} came",
        where=str(wanted.path),
        hint=f"check the connection and {AGAIN}",
    )


@contextlib.contextmanager
def _writing(wanted: Wanted) -> Iterator[None]:
    """The disk's refusals, each with what is here already."""
    try:
        yield
    except OSError as failed:
        full = failed.errno in (errno.ENOSPC, errno.EDQUOT)
        left = file_size(wanted.file.size - wanted.here)
        hint = REMEDIES.get(failed.errno or 0, "choose another folder with --models-dir")
        raise MachineError(
            f"the disk {'is full' if full else f'refuses ({failed.strerror or failed})'}: "
            f"{_still_here(wanted)}",
            where=str(wanted.path.parent),
            hint=f"free {left} there and run the same command again: it goes on inside the file"
            if full
            else hint,
        ) from failed


class NotPublished(MachineError):
    """A file is not the one that the hub lists."""


def published_hash(wanted: Wanted, path: Path) -> str:
    """SHA-256 of a file that is the published one.

    Raises:
        NotPublished: It is another.
    """
    sha256, file = whole_hash(path), wanted.file
    published = file.sha256 in (None, sha256) and file.size == path.stat().st_size
    if file.git_sha1 is not None:
        published = published and _git_sha1(path) == file.git_sha1
    if published:
        return sha256
    raise NotPublished(
        f"{wanted.path.name} is not the file that {wanted.repo} publishes"
        f" at commit {wanted.revision[:12]}",
        where=str(wanted.path),
        hint="move it away and pull again"
        if path == wanted.path
        else "it arrived damaged, and was removed: pull again; if it comes so again, try without "
        "proxy and mirror (HF_ENDPOINT)",
    )


def _git_sha1(path: Path) -> str:
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    digest.update(path.read_bytes())
    return digest.hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_others(wanted: Wanted, emit: Emit) -> None:
    """Remove what is here of other versions of a file, and of one that is here whole."""
    for part in wanted.path.parent.glob(f"*{SUFFIX}"):
        begun = re.fullmatch(rf"{re.escape(wanted.path.name)}\.[0-9a-f]{{12}}{SUFFIX}", part.name)
        if begun and (part != wanted.part or wanted.path.exists()):
            _remove(part, f"bytes of another version of {wanted.name} were here", emit)


def sweep_orphans(folder: Path, emit: Emit) -> None:
    """Remove what killed downloads of huggingface_hub, which earlier versions used, left here."""
    for path in sorted((folder / ".cache" / "huggingface" / "download").rglob(f"*{SUFFIX}")):
        with contextlib.suppress(OSError):
            silent = time.time() - path.stat().st_mtime > _SILENT_S
            if _ORPHAN.fullmatch(path.name) and silent:
                _remove(path, "nothing goes on with what a killed download left", emit)


def _remove(path: Path, told: str, emit: Emit) -> None:
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        path.unlink()
        emit(
            Warned(
                message=f"{told}: {file_size(size)}, removed",
                where=str(path),
                hint="nothing is to be done",
            )
        )
