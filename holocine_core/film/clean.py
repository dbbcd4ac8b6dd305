"""Work folders relieved of what no film needs: listed, and removed where it is asked for.

Whoever is killed meanwhile leaves each take whole or gone. May import: film, request, store.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holocine_core.errors import InputError, InUse
from holocine_core.film.found import FoundFilm, found_film, is_film
from holocine_core.film.runs import read_runs
from holocine_core.film.shelf import damage, leases_in, stored_in, told_versions
from holocine_core.film.version_store import FOLDER as VERSIONS
from holocine_core.film.waste import (
    Announced,
    Ground,
    Left,
    Waste,
    in_use,
    look_over,
    newest,
    part_of,
    rooms_waste,
    waste_in,
)
from holocine_core.request import WORK, stem_of
from holocine_core.store.claims import sweep_claims
from holocine_core.store.files import stamp
from holocine_core.store.records import sidecar_path
from holocine_core.store.vault import SUFFIX, Vault, disk_errors, folder_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What may go, or went.

    Attributes:
        items: By place and reason.
        left: Work folders that are left as they are though something may be in them.
        removed: Whether it is gone by now.
        kept: What goes where unfinished films are meant as well.
    """

    items: tuple[Waste, ...]
    left: tuple[Left, ...]
    removed: bool
    kept: tuple[Waste, ...] = ()

    @property
    def bytes(self) -> int:
        """Of all items."""
        return sum(one.total for one in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What of it is meant.

    Attributes:
        unfinished: Also takes of films that are not finished, or were moved or removed.
        older: Seconds since it was written, at least.
    """

    unfinished: bool = False
    older: float = 0.0

    def of(self, waste: Waste) -> Waste | None:
        """What of it is meant; None where nothing is."""
        before = time.time() - self.older
        if waste.kind == "unfinished" and not self.unfinished:
            return None
        if not self.older:
            return waste
        if waste.kind == "gone":
            return waste if newest(waste.stored, waste.others) <= before else None
        return part_of(
            waste,
            [one for one in waste.stored if newest([one], []) <= before],
            [one for one in waste.others if newest([], [one]) <= before],
        )


def clean(
    named: Sequence[Path], announced: Announced, limits: Limits = Limits(), *, remove: bool = False
) -> Cleaning:
    """See :func:`holocine_core.api.clean`."""
    sweep = _Sweep(announced, limits, remove=remove)
    grounds = [_ground(path) for path in named or [Path()]]
    for ground in grounds:  # A film that lies in one may need what lies in another.
        films = list(dict.fromkeys(film for one in grounds for film in one.films))
        stems = {stem for one in grounds for stem in one.stems}
        sweep.ground(replace(ground, films=films, stems=stems))
    return Cleaning(
        items=tuple(sweep.items),
        left=tuple(sweep.left.values()),
        removed=remove,
        kept=tuple(sweep.kept),
    )


class _Sweep:
    """One call: every work folder once, whatever names it."""

    def __init__(self, announced: Announced, limits: Limits, *, remove: bool) -> None:
        self.items: list[Waste] = []
        self.kept: list[Waste] = []
        self.left: dict[Path, Left] = {}
        self._announced = announced
        self._limits = limits
        self._remove = remove
        self._done = set[Path]()
        self._films: dict[Path, tuple[object, FoundFilm | None]] = {}

    def ground(self, ground: Ground) -> None:
        """What lies below one folder."""
        self.left |= {one.path: one for one in ground.left}
        for work in ground.works:
            if work not in self._done:
                self._done.add(work)
                self._work(work, ground)
        for waste in rooms_waste([one for one in ground.rooms if one not in self._done]):
            self._done.add(waste.path)
            if (meant := self._limits.of(waste)) is not None:
                self.items.append(meant)
                if self._remove:
                    _erase(waste.path)

    def _work(self, work: Path, ground: Ground) -> None:
        if holder := in_use(work):
            self.left[work] = Left(path=work, reason=holder)
            return
        found = self._looked(work, ground)
        if self._remove and not isinstance(found, Left) and self._meant(found):
            # Who holds a folder has swept it: what killed calls left is told as it was seen before.
            swept = [one for one in found if one.kind == "left over"]
            found = self._cleared(work, ground)
            if not isinstance(found, Left):
                found = [*(one for one in found if one.kind != "left over"), *swept]
        if self._remove:
            sweep_claims(work)  # Half a claim of a call that was killed as it ended.
        if isinstance(found, Left):
            self.left[work] = found
            return
        self.items += self._meant(found)
        if not self._limits.unfinished:
            asked = replace(self._limits, unfinished=True)
            rest = [one for one in found if one.kind == "unfinished"]
            self.kept += (meant for one in rest if (meant := asked.of(one)) is not None)

    def _looked(self, work: Path, ground: Ground) -> list[Waste] | Left:
        films = [one for path in ground.films if (one := self._film(path)) is not None]
        return waste_in(work, ground, films, self._announced)

    def _film(self, path: Path) -> FoundFilm | None:
        """What a film says; asked once, for a folder of others' films takes a while."""
        try:
            now = _stamps(path)
            if path not in self._films or self._films[path][0] != now:
                self._films[path] = now, found_film(path)
            return self._films[path][1]
        except FileNotFoundError:
            return None  # It was removed since it was listed, or is a link to nothing.

    def _meant(self, found: Sequence[Waste]) -> list[Waste]:
        return [meant for one in found if (meant := self._limits.of(one)) is not None]

    def _cleared(self, work: Path, ground: Ground) -> list[Waste] | Left:
        """Remove what may go from a work folder, looked at anew while it is held; what there was to
        remove, or why it stays."""
        vault = Vault(work)
        try:
            with vault.locked("clean"):
                found = self._looked(work, ground)
                if isinstance(found, Left):
                    return found
                meant = self._meant(found)
                for waste in meant:
                    for one in waste.stored:
                        vault.drop(*one.key)
                    for path in waste.others:
                        vault.require_held()
                        _erase(path)
                claims = leases_in(work)
        except InUse as busy:
            return Left(path=work, reason=busy.message)
        if any(waste.kind == "gone" for waste in meant):
            _take_down(work, claims)
        return found


def _stamps(film: Path) -> object:
    sidecar = sidecar_path(film)
    return stamp(film), stamp(sidecar) if sidecar.is_file() else None


def _erase(path: Path) -> None:
    with disk_errors("remove", path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _take_down(work: Path, claims: Sequence[Path]) -> None:
    """Remove a work folder whose takes are gone, as far as nothing else lies in it: somebody may
    have claimed it since."""
    for path in claims:
        path.unlink(missing_ok=True)
    folders = [work / folder_of(kind) for kind in SUFFIX]
    for folder in (*folders, work / VERSIONS, work, work.parent):
        if folder != work.parent or folder.name == WORK:
            with contextlib.suppress(OSError):  # Something of somebody's is in it.
                folder.rmdir()


def _ground(path: Path) -> Ground:
    """What is looked over where a path is named: a folder with all below, or the work folders of a
    film or a screenplay.

    Raises:
        InputError: There is nothing of that name, and nothing that was made for it.
    """
    if path.is_dir():
        return look_over(path.resolve())
    place = path.resolve()
    ground = look_over(place.parent)
    film = found_film(path) if path.is_file() and is_film(path) else None
    works = {*ground.works, *ground.told}  # Wherever they are: it is the film that was named.
    of_it = [work for work in sorted(works) if _is_of(work, place, film)]
    if not (of_it or path.exists()):
        raise InputError(
            f"there is nothing at {path}, and no work folder of it",
            where=str(path),
            hint="name a folder, a film or a screenplay",
        )
    return replace(ground, works=of_it, rooms=[], left=[])


def _is_of(work: Path, place: Path, film: FoundFilm | None) -> bool:
    """Whether a work folder is that of a film or a screenplay."""
    if film is not None and film.work == work:
        return True
    if damage(work):
        return work.name == stem_of(place)  # It is left as it is, and told.
    if film is not None:
        return bool(film.keys & {one.key for one in stored_in(work)})
    runs, versions = read_runs(work), told_versions(work)
    told = {*runs.films, *runs.sources, *versions["films"], *versions["sources"]}
    return work.name == stem_of(place) or place in {one.resolve() for one in told}
