"""What may go from the work folders of a folder: takes that no film needs any more.

It errs towards what stays. A take goes only where the journal tells that it was made for a state of
a film which a later one has taken the place of, or where film and screenplay are gone. May import:
film, request, store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from holocine_core.errors import HolocineError, InputError
from holocine_core.film.found import FoundFilm, Needed, found_film, is_film, needed_of
from holocine_core.film.runs import Key, Runs, read_runs
from holocine_core.film.shelf import (
    Stored,
    bytes_of,
    damage,
    is_work_folder,
    left_in,
    others_in,
    stored_in,
    told_versions,
)
from holocine_core.film.version_store import FOLDER as VERSIONS
from holocine_core.request import WORK
from holocine_core.script.file_kinds import SCREENPLAYS
from holocine_core.store.files import is_left_room
from holocine_core.store.leases import Lease
from holocine_core.store.records import read_record, sidecar_path
from holocine_core.store.vault import SUFFIX, folder_of

WasteKind = Literal["gone", "earlier", "unfinished", "left over"]
WASTE_WORDS: dict[WasteKind, str] = {
    "gone": "its film and its screenplay are gone",
    "earlier": "made before a change, and in no film",
    "unfinished": "for films that are half made, or not there",
    "left over": "left by calls that were killed",
}
_OURS = frozenset([*(folder_of(kind) for kind in SUFFIX), VERSIONS])
"""Folders of a work folder in which no films lie."""
Announced = Callable[[Path], Sequence[tuple[Path, Path, Path]]]
"""A folder -> films, screenplays and work folders that workers noted there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """What may go from one place, for one reason.

    Attributes:
        kind: The reason; ``unfinished`` goes only where it is asked for.
        path: The work folder, or a single hidden folder elsewhere.
        bytes: How much, by ``latents``, ``clips``, ``progress`` and ``other``.
        files: How many.
        stored: The takes.
        others: Other files and hidden folders.
    """

    kind: WasteKind
    path: Path
    bytes: dict[str, int]
    files: int
    stored: tuple[Stored, ...] = ()
    others: tuple[Path, ...] = ()

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self.bytes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A work folder that is left as it is, and why."""

    path: Path
    reason: str


@dataclass(slots=True, kw_only=True)
class Ground:
    """What lies below a folder, as far as it matters to its work folders."""

    works: list[Path] = field(default_factory=list)
    told: list[Path] = field(default_factory=list)
    """Work folders that its films name, wherever they are."""
    films: list[Path] = field(default_factory=list)
    stems: set[str] = field(default_factory=set)
    """Names of the screenplays, without their suffixes."""
    rooms: list[Path] = field(default_factory=list)
    """Hidden folders that killed calls left."""
    left: list[Left] = field(default_factory=list)


def look_over(root: Path) -> Ground:
    """All below a folder. Films are looked for behind links to folders too, work folders are not.
    Around a work folder films are looked for where they usually are: beside the folder that it is
    in.

    Args:
        root: Resolved.

    Raises:
        OSError: A folder can not be read: films may lie in it.
    """
    ground, base = Ground(), root
    if root.name == WORK or root.parent.name == WORK:
        base = root.parent if root.name == WORK else root.parent.parent
    elif is_work_folder(root):
        base = root.parent
    for here, files in _walked(base, ground):
        ground.films += [here / name for name in files if is_film(Path(name))]
        ground.stems |= {one.stem for one in map(Path, files) if one.suffix.lower() in SCREENPLAYS}
    # Named with --work: as their films tell.
    told = {work for film in ground.films if (work := _told_work(film)) and is_work_folder(work)}
    ground.told = sorted(told)
    inside = {one for one in {*ground.works, *told} if one.is_relative_to(root)}
    ground.works = sorted(one for one in inside if one.resolve() == one)
    rooms = (one for one in ground.rooms if one.is_relative_to(root))
    ground.rooms = [one for one in rooms if one.resolve() == one]
    return ground


def _walked(base: Path, ground: Ground) -> Iterator[tuple[Path, list[str]]]:
    """Folders below one in which films may lie, each once, with the names of their files."""
    roads, seen = [base], set[Path]()
    while roads:  # What is a folder of its own first, then what lies behind links.
        for place, folders, files in os.walk(roads.pop(0), onerror=_refused):
            here = Path(place)
            if (real := here.resolve()) in seen:
                folders.clear()
                continue
            seen.add(real)
            ours = _OURS if is_work_folder(real) else frozenset()
            below = [here / name for name in folders if name not in ours]
            entered = [path for path in below if _enters(path, ground)]
            roads += [path for path in entered if path.is_symlink()]
            folders[:] = [path.name for path in entered if not path.is_symlink()]
            yield here, files


def _refused(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # It was removed since it was listed.
        raise error


def _enters(path: Path, ground: Ground) -> bool:
    """Whether films may lie in a folder; ours are noted."""
    if path.is_symlink() and WORK in (path.name, path.parent.name):
        ground.left.append(Left(path=path, reason="it is a link"))
        return False
    if path.name.startswith(".holocine-"):
        ground.rooms += [path] if is_left_room(path) else []
        return False
    if is_work_folder(path):
        ground.works.append(path)
    return path.name == WORK or not path.name.startswith(".")


def _told_work(film: Path) -> Path | None:
    try:
        said = (read_record(sidecar_path(film)) or {}).get("work")
    except HolocineError:
        return None
    return (film.parent / said).resolve() if isinstance(said, str) and said else None


def waste_in(
    work: Path, ground: Ground, films: Sequence[FoundFilm], announced: Announced
) -> list[Waste] | Left:
    """What may go from a work folder, or why it is left as it is.

    Args:
        work: The folder, resolved.
        ground: What lies around it.
        films: Those that lie there.
        announced: What workers noted.

    Raises:
        MachineError: Something can not be read.
    """
    if (why := damage(work)) != "":
        return Left(path=work, reason=why)
    runs, versions, stored = read_runs(work), told_versions(work), stored_in(work)
    there = frozenset(one.key for one in stored)
    known = {*runs.films, *versions["films"]}
    sources = {*runs.sources, *versions["sources"]}
    for film, screenplay, shelf in announced(work.parent.parent):
        if shelf.resolve() == work:
            known.add(film)
            sources.add(screenplay)
    seen = {one.path.resolve() for one in films}
    elsewhere = (one for one in known if one.resolve() not in seen and one.is_file())
    more = [one for path in elsewhere if (one := found_film(path)) is not None]
    needed = needed_of([*films, *more], work, there)
    if needed.unknown:
        return Left(path=work, reason=needed.unknown)
    written = work.name in ground.stems or any(one.is_file() for one in sources)
    if work.parent.name != WORK and not (known or needed.films or written):
        return Left(path=work, reason="nothing tells what film it was made for")
    # Of a folder that is not there nobody knows whether it was removed, moved or is a disk.
    sure = runs.is_whole and all(one.parent.is_dir() for one in {*known, *sources})
    if not (needed.films or written) and (sure or not stored):
        others = [*others_in(work), *left_in(work)]
        return [_waste("gone", work, stored, others)]
    return list(_of_living(work, stored, needed, versions["keys"], runs))


def _of_living(
    work: Path, stored: Sequence[Stored], needed: Needed, kept: set[Key], runs: Runs
) -> Iterator[Waste]:
    """What may go where the film or its screenplay is there."""
    by_kind: dict[WasteKind, list[Stored]] = {"earlier": [], "unfinished": [], "left over": []}
    for one in stored:
        if not one.is_whole:
            by_kind["left over"].append(one)
        elif one.need not in needed.keys and one.need not in kept:
            by_kind["earlier" if one.need in runs.earlier else "unfinished"].append(one)
    for kind, found in by_kind.items():
        others = left_in(work) if kind == "left over" else []
        if found or others:
            yield _waste(kind, work, found, others)


def _waste(kind: WasteKind, path: Path, stored: Sequence[Stored], others: Sequence[Path]) -> Waste:
    sizes: dict[str, int] = {}
    for one in stored:
        sizes[one.key[0]] = sizes.get(one.key[0], 0) + one.bytes
    if others:
        sizes["other"] = bytes_of(list(others))
    return Waste(
        kind=kind,
        path=path,
        bytes=sizes,
        files=len(stored) + len(others),
        stored=tuple(stored),
        others=tuple(others),
    )


def rooms_waste(rooms: Sequence[Path]) -> list[Waste]:
    """Hidden folders that killed calls left beside films."""
    return [_waste("left over", room, (), [room]) for room in rooms]


def part_of(waste: Waste, stored: Sequence[Stored], others: Sequence[Path]) -> Waste | None:
    """Some of it; None where that is nothing."""
    return _waste(waste.kind, waste.path, stored, others) if stored or others else None


def newest(stored: Sequence[Stored], others: Sequence[Path]) -> float:
    """When the youngest was written, in seconds since 1970; now where nobody knows."""
    times = [one.written for one in stored]
    for path in others:
        try:
            times.append(path.lstat().st_mtime)
        except OSError:
            return time.time()
    return max(times, default=0.0)


def in_use(work: Path) -> str:
    """Who has a work folder, as far as one look tells; empty where nobody does."""
    try:
        holder = Lease(work).holder()
    except OSError as refused:
        return f"it can not be read: {refused.strerror or refused}"
    except InputError as error:
        return error.message
    if holder is None or holder.released:
        return ""
    if holder.process is not None and holder.process.is_gone():
        return ""
    return f"it is in use by {holder}"
