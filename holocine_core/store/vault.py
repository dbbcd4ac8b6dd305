"""The work folder: fingerprint -> stored latents, clip or progress, each with its sidecar.

A file is written under a temporary name, flushed and renamed; its sidecar is written last and is
the proof that it exists. A file without a sidecar is debris. One render holds the folder at a time.
The vault knows files and hashes, no scenes and no tensors.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import REMEDIES, InUse, MachineError, TakenOver
from holocine_core.events import Emit, Warned, ignore
from holocine_core.store.files import atomic, make_folder, sweep
from holocine_core.store.holders import Holder
from holocine_core.store.leases import Held, Lease, Lost
from holocine_core.store.processes import answers
from holocine_core.store.records import intact_record, write_record

FORMAT = 1
"""Version of the folder; part of every fingerprint."""

Kind = Literal["latents", "clips", "progress"]
SUFFIX: Mapping[Kind, str] = {
    "latents": ".safetensors",
    "clips": ".mp4",
    "progress": ".safetensors",
}
_FOLDER: Mapping[Kind, str] = {"latents": "negatives"}
"""Kinds that are called otherwise on disk: work folders keep their words for ever."""


_PART = re.compile(r"\..*\.(\d{1,10})\.part(?:\.\w+)*")
"""A half-written file of an earlier version, with its process's number."""


def folder_of(kind: Kind) -> str:
    """A kind's folder in a work folder, which lists of versions name it by as well."""
    return _FOLDER.get(kind, kind)


def kind_of(folder: str) -> Kind:
    """The other way: KeyError where no kind has that folder."""
    return {folder_of(kind): kind for kind in SUFFIX}[folder]


def fingerprint(value: Any) -> str:
    """16 hex digits that change when the value does.

    Args:
        value: Anything JSON can hold; the order of keys does not matter.
    """
    text = json.dumps({"format": FORMAT, "value": value}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def disk_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a MachineError that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        unknown = "check that the folder exists and may be written, or give another one"
        hint = REMEDIES.get(error.errno or 0, unknown)
        why = "the disk is full" if full else (error.strerror or str(error))
        raise MachineError(f"could not {doing}: {why}", where=str(path), hint=hint) from error


@dataclass(frozen=True, slots=True)
class Entry:
    """Something the vault holds."""

    key: str
    path: Path
    sidecar: Mapping[str, Any]


class Vault:
    """A work folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: Holder | None = None
        """Who held the folder before and did not give it back, while it is held."""
        self._lease: Lease | None = None
        self._place: Lease | None = None

    def path(self, kind: Kind, key: str) -> Path:
        return self.folder / folder_of(kind) / f"{key}{SUFFIX[kind]}"

    def find(self, kind: Kind, key: str) -> Entry | None:
        """The entry, if its file is as long as its sidecar says; cheap, for planning."""
        path = self.path(kind, key)
        sidecar = intact_record(path.with_suffix(".json"))
        if not sidecar or not path.is_file() or _size(path) != sidecar.get("bytes"):
            return None
        return Entry(key, path, sidecar)

    def whole(self, kind: Kind, key: str) -> Entry | None:
        """The entry, if its file is the very one that was kept; nothing is told or dropped.

        Raises:
            MachineError: The file can't be read.
        """
        entry = self.find(kind, key)
        if entry is None:
            return None
        with disk_errors("read", entry.path):
            return entry if file_hash(entry.path) == entry.sidecar.get("sha256") else None

    def intact(self, kind: Kind, key: str, emit: Emit = ignore) -> Entry | None:
        """As :meth:`whole`; what was kept and is damaged or gone is dropped, and told.

        Raises:
            MachineError: The file can't be read.
        """
        if (entry := self.whole(kind, key)) is not None:
            return entry
        path = self.path(kind, key)
        if os.path.lexists(path.with_suffix(".json")):  # It is the proof that it was kept.
            what = "damaged" if os.path.lexists(path) else "gone"
            emit(
                Warned(
                    message=f"a file of the work folder is {what} and will be made again: {key}",
                    where=str(path),
                    hint="if it happens again, check the disk",
                )
            )
            self.drop(kind, key)
        return None

    def keep(
        self,
        kind: Kind,
        key: str,
        write: Callable[[Path], None],
        sidecar: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    ) -> Entry:
        """Store a file and then its sidecar, which may depend on what was written.

        ``write`` answers for its own errors; what fails around it is told here.

        Raises:
            MachineError: Disk full, folder not writable.
            TakenOver: Another process has the folder by now: nothing is kept.
        """
        self.require_held()
        path = self.path(kind, key)
        doing = f"keep {kind} {key}"
        with contextlib.ExitStack() as stack:
            with disk_errors(doing, path):
                make_folder(path.parent)
                made = stack.enter_context(atomic(path))
            write(made)
            self.require_held()  # Writing a clip takes minutes.
            with disk_errors(doing, path):
                told = sidecar() if callable(sidecar) else sidecar
                whole = {**told, "bytes": made.stat().st_size, "sha256": file_hash(made)}
                path.with_suffix(".json").unlink(missing_ok=True)  # Of a file that it replaces.
                stack.close()  # The file gets its name.
                write_record(path.with_suffix(".json"), whole)
        return Entry(key, path, whole)

    def drop(self, kind: Kind, key: str) -> None:
        """Remove an entry, its sidecar first.

        Raises:
            TakenOver: Another process has the folder by now.
        """
        self.require_held()
        path = self.path(kind, key)
        with disk_errors("remove", path):
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)

    def entries(self, kind: Kind) -> list[Entry]:
        """Everything of a kind, oldest first."""
        sidecars = sorted((self.folder / folder_of(kind)).glob("[!.]*.json"), key=_written)
        found = (self.find(kind, path.stem) for path in sidecars)
        return [entry for entry in found if entry is not None]

    def is_empty(self) -> bool:
        """Whether it holds nothing of any kind."""
        folders = (self.folder / folder_of(kind) for kind in SUFFIX)
        return not any(any(folder.glob("[!.]*.json")) for folder in folders)

    def stopped(self, progress_key: str, high_key: str = "") -> list[Entry]:
        """Kept progress of a take, the furthest first.

        Every step has a file of its own, so that a kill while one is written leaves the one before.

        Args:
            progress_key: The take's.
            high_key: The take's; what the first expert's steps made goes on under it, whatever the
                second one was then.
        """
        mine = [
            entry
            for entry in self.entries("progress")
            if entry.sidecar.get("take") == progress_key
            or (high_key and entry.sidecar.get("high") == high_key)
        ]
        return sorted(
            mine,
            key=lambda one: (_step(one), one.sidecar.get("take") == progress_key),
            reverse=True,
        )

    @contextlib.contextmanager
    def locked(self, doing: str, lease: Lease | None = None) -> Iterator[None]:
        """Hold the folder; one that is held already stays so.

        Args:
            doing: What for, as others are told.
            lease: The folder's, where one remembers what it saw of others; without one, a holder of
                another host is watched until it gives a sign of life or its lease has run out.

        Raises:
            InUse: Another process holds it (says which).
            MachineError: The folder can't be written.
        """
        if self._lease is not None:
            yield
            return
        known, lease = lease is not None, lease or Lease(self.folder, doing)
        with disk_errors("claim the work folder", self.folder):
            make_folder(self.folder)
            try:
                if known:
                    lease.claim()
                else:
                    lease.claim_at_last()
            except Held as held:
                raise _in_use(held.holder, self.folder) from None
        self._lease, self.before = lease, lease.before
        try:
            with disk_errors("look through the work folder", self.folder):
                self._sweep()
            yield
        finally:
            self._lease = self.before = None
            lease.release()

    @contextlib.contextmanager
    def holding(self, film: Path, folder: Path, doing: str) -> Iterator[None]:
        """Hold a film's place as well, against renders from whatever work folder.

        Args:
            film: The place; nothing need be there.
            folder: Hidden, beside the film: the claim lies there while it lasts.
            doing: What for, as others are told.

        Raises:
            InUse: Another process makes that film.
            MachineError: The folder can't be written.
        """
        made = not folder.is_dir()
        lease = _place_lease(film, folder, doing)
        with disk_errors("claim the film's place", film):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lease.claim_at_last(None if self.before is None else self.before.process)
            except Held as held:
                raise _being_made(held.holder, film) from None
        self._place = lease
        try:
            yield
        finally:
            self._place = None
            lease.release(leaving_nothing=True)
            if made:
                with contextlib.suppress(OSError):  # Another's claim may lie there by now.
                    folder.rmdir()

    def require_free(self, film: Path, folder: Path) -> None:
        """Raises InUse where another process has the folder or the film's place, by one look: one
        of another host that gave no sign of life may be gone. Arguments as of :meth:`holding`."""
        with disk_errors("look at the work folder", self.folder):
            for lease, refusal in (
                (Lease(self.folder), _in_use),
                (_place_lease(film, folder, ""), _being_made),
            ):
                # A folder that is not there yet is nobody's.
                free = not lease.folder.exists() or lease.is_over()
                holder = None if free else lease.holder()
                if holder is not None:
                    raise refusal(holder, self.folder if refusal is _in_use else film)

    def require_held(self) -> None:
        """Before anything is kept: whether a folder that was held still is, and a film's place.

        Raises:
            TakenOver: Another process has it by now.
            MachineError: The folder can't be read or written.
        """
        for lease in (self._lease, self._place):
            if lease is None:
                continue
            with disk_errors("renew the claim of the work folder", lease.folder):
                try:
                    lease.require()
                except Lost as lost:
                    raise _taken_over(lost, lease.folder) from None

    def _sweep(self) -> None:
        """Remove what a killed render left half written; earlier ones wrote ``.part`` files."""
        # A lease's own are its next holder's to remove, who knows whether someone writes there.
        sweep(self.folder, *(one for one in self.folder.glob("[!.]*") if one.is_dir()))
        for part in [*self.folder.glob("*/.*.part*"), *self.folder.glob(".*.part*")]:
            made_by = _PART.fullmatch(part.name)
            if made_by is not None and not answers(int(made_by[1])):
                part.unlink(missing_ok=True)
        for path in (self.folder / folder_of("progress")).glob("[!.]*"):
            both = path.with_suffix(".json"), path.with_suffix(SUFFIX["progress"])
            if not all(one.exists() for one in both):
                path.unlink(missing_ok=True)
        for progress in self.entries("progress"):
            done = progress.sidecar.get("negative")
            if isinstance(done, str) and self.find("latents", done) is not None:
                self.drop("progress", progress.key)


def _step(entry: Entry) -> int:
    return int(entry.sidecar.get("step", 0))


def _size(path: Path) -> int | None:
    """A file's length; None where a render that goes on beside us has just removed it."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return None


def _written(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 where it was removed since it was listed."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0


def free_place(film: Path, folder: Path) -> None:
    """Remove the claim of a film's place, if whoever made it is gone; as :meth:`Vault.holding`."""
    lease = _place_lease(film, folder, "sweep")
    with contextlib.suppress(OSError, Held):
        if not lease.is_unused():
            lease.claim()
            lease.release(leaving_nothing=True)


def _place_lease(film: Path, folder: Path, doing: str) -> Lease:
    name = f"film-{hashlib.sha256(film.name.encode()).hexdigest()[:16]}"
    return Lease(folder, doing, name=name)


def _in_use(holder: Holder, folder: Path) -> InUse:
    return InUse(
        f"another render is using this work folder: {holder}",
        where=str(folder),
        hint="wait for it, or give this render its own folder with --work",
    )


def _being_made(holder: Holder, film: Path) -> InUse:
    return InUse(
        f"another render is making this film: {holder}",
        where=str(film),
        hint="wait for it, or name another file with -o",
    )


def _taken_over(lost: Lost, folder: Path) -> TakenOver:
    if lost.holder is None:
        return TakenOver(
            "the work folder was removed while it was in use",
            where=str(folder),
            hint="run the same command again",
        )
    return TakenOver(
        f"the film was taken over by {lost.holder}: nothing was heard of this process for more "
        f"than {lost.seconds:g} s",
        where=str(folder),
        hint="nothing is lost: the film goes on there",
    )
