"""Where a work folder keeps its versions: ``versions/0002.json``, a record for each.

A dropped version leaves its number, which is not given again. Earlier versions of holocine kept a
list, ``versions.json``, which is taken over when something is noted. May import: script, store.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from holocine_core.errors import InputError
from holocine_core.film.record import Key
from holocine_core.sampling import Frozen
from holocine_core.script.edits import Edit
from holocine_core.store.files import name_for_damaged
from holocine_core.store.leases import leased
from holocine_core.store.records import DamagedRecord, read_record, write_record
from holocine_core.store.vault import Kind, disk_errors, folder_of, kind_of

FOLDER = "versions"
LIST = "versions.json"
"""Of earlier versions of holocine."""

MOST = 100_000
"""The highest number: what tells of a higher one is no version of ours."""


class Version(Frozen):
    """A state of a film that its work folder can make again at once."""

    number: Annotated[int, Field(ge=1, le=MOST)]
    """From 1; a dropped one's is not given again."""
    key: Key
    """The film's fingerprint."""
    edits: tuple[Edit, ...]
    """Since it was rendered."""
    takes: tuple[tuple[Literal["clips", "negatives"], Key], ...]
    """Folders and keys of its takes, those of takes they are based on included."""
    film: str = ""
    """Where it was written, from the work folder; empty in older lists."""
    root: str = ""
    """Tells what was rendered before all edits: a film and its preview share a work folder, and
    versions of the one are none of the other."""
    source: str = ""
    """The screenplay's file, from the film; empty in older lists."""
    made: dict[str, Any] | None = None
    """What the film says of itself, for one that is no longer there; None in older lists."""

    @property
    def kept(self) -> tuple[tuple[Kind, str], ...]:
        """The takes, by kind."""
        return tuple((kind_of(folder), key) for folder, key in self.takes)


def as_stored(takes: Sequence[tuple[Kind, str]]) -> tuple[tuple[Any, str], ...]:
    """Takes by kind -> as a version holds them."""
    return tuple((folder_of(kind), key) for kind, key in takes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """All that a work folder tells of versions."""

    known: tuple[Version, ...]
    """In the order they were made."""
    lost: tuple[int, ...] = ()
    """Numbers that were given and not dropped, of which nothing can be read."""
    dropped: frozenset[int] = frozenset()
    """Numbers that are not given again."""
    following: int = 1
    """The next number."""
    list_is_damaged: bool = False
    """So it stays until :func:`accept_losses`: numbers may be given that others had."""


def read_versions(work: Path) -> Stored:
    """What a work folder tells of versions; nothing where nothing was noted."""
    records, lost, dropped = _records(work)
    former, is_damaged, following = _former(work)
    if not is_damaged and former:
        # What the list lacks was dropped.
        dropped |= set(range(1, following)) - former.keys()
    known = {**{n: one for n, one in former.items() if n not in lost | dropped}, **records}
    top = max([following - 1, *known, *lost, *dropped], default=0)
    gaps = set(range(1, top + 1)) - known.keys() - dropped
    return Stored(
        known=tuple(known[number] for number in sorted(known)),
        lost=tuple(sorted(gaps)),
        dropped=frozenset(dropped),
        following=top + 1,
        list_is_damaged=is_damaged,
    )


def _records(work: Path) -> tuple[dict[int, Version], set[int], set[int]]:
    known: dict[int, Version] = {}
    lost, dropped = set[int](), set[int]()
    for path in sorted((work / FOLDER).glob("[0-9]*.json")):
        number = int(path.stem) if re.fullmatch("[0-9]{1,6}", path.stem) else 0
        if not 1 <= number <= MOST:
            continue  # Not named by us.
        try:
            told = read_record(path) or {}
            if told.get("dropped") is True:
                dropped.add(number)
                continue
            known[number] = Version.model_validate({**told, "number": number}, strict=False)
        except (DamagedRecord, ValidationError):
            lost.add(number)
    return known, lost, dropped


def _former(work: Path) -> tuple[dict[int, Version], bool, int]:
    """The versions of the former list, whether it can not be read, and the number that comes
    next."""
    try:
        told = read_record(work / LIST) or {}
        found = [Version.model_validate(one, strict=False) for one in told.get("versions", [])]
        following = int(told.get("next", 1))
        if following > MOST + 1:
            raise ValueError(following)
    except (DamagedRecord, ValidationError, TypeError, ValueError):
        return {}, True, 1
    following = max([following, *(one.number + 1 for one in found)])
    return {one.number: one for one in found}, False, following


@contextlib.contextmanager
def noting(work: Path) -> Iterator[None]:
    """The versions for oneself; a moment is all that others need them for.

    Raises:
        MachineError: The folder can not be written.
    """
    with contextlib.ExitStack() as stack:
        with disk_errors("note the film's versions", work / FOLDER):
            (work / FOLDER).mkdir(parents=True, exist_ok=True)
            stack.enter_context(leased(work, "versions", name="versions-lease", wait=True))
            _take_over(work)
        yield


def _take_over(work: Path) -> None:
    """Make records of the former list."""
    if not (work / LIST).exists():
        return
    former, is_damaged, following = _former(work)
    if is_damaged:
        return  # Until somebody was told.
    for number in range(1, following):
        if not _path(work, number).exists():
            one = former.get(number)
            _write(work, number, {"dropped": True} if one is None else _stored(one))
    (work / LIST).unlink(missing_ok=True)


def accept_losses(work: Path) -> None:
    """Go on without what can not be read, once a person was told of it: a damaged list and damaged
    records get other names, and the numbers of lost versions are not given again.

    Raises:
        MachineError: The folder can not be written.
    """
    with disk_errors("set damaged records of versions aside", work / FOLDER):
        if (work / LIST).is_file() and _former(work)[1]:
            (work / LIST).replace(name_for_damaged(work / LIST))
    if not read_versions(work).lost:
        return
    with noting(work):
        for number in read_versions(work).lost:
            path = _path(work, number)
            with disk_errors("set damaged records of versions aside", path):
                if path.is_file():
                    path.replace(name_for_damaged(path))
            forget_version(work, number)


def next_number(work: Path, stored: Stored) -> int:
    """The number of a new version. Raises InputError where all were given."""
    if stored.following > MOST:
        raise InputError(
            f"the film has {MOST} versions, and no more numbers",
            where=str(work / FOLDER),
            hint="give the film another work folder with --work",
        )
    return stored.following


def write_version(work: Path, version: Version) -> None:
    """Note a version; within :func:`noting`.

    Raises:
        MachineError: The folder can not be written.
    """
    with disk_errors("note the film's versions", work / FOLDER):
        _write(work, version.number, _stored(version))


def forget_version(work: Path, number: int) -> None:
    """Leave a version's number and nothing else of it; within :func:`noting`.

    Raises:
        MachineError: The folder can not be written.
    """
    with disk_errors("note the film's versions", work / FOLDER):
        _write(work, number, {"dropped": True})


def _stored(version: Version) -> dict[str, Any]:
    return version.model_dump(mode="json", exclude_none=True)


def _write(work: Path, number: int, value: Mapping[str, Any]) -> None:
    write_record(_path(work, number), value)


def _path(work: Path, number: int) -> Path:
    return work / FOLDER / f"{number:04d}.json"
