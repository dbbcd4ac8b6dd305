"""An edit of a finished film: planned, filmed, noted as a version, and never made twice.

``pending.json`` in the work folder holds the edit that replaces a film until its version is noted:
a call that was killed in between finds its work done. May import: film, plan, script, store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Problem
from holocine_core.film.aside import is_as_made
from holocine_core.film.finish import write_sidecar
from holocine_core.film.ownership import film_key, sidecar_is_ours
from holocine_core.film.provenance import Inspection
from holocine_core.film.recall import mend_versions
from holocine_core.film.reopen import changed_frames, open_film, read_shots, replan, shot_place
from holocine_core.film.tidy import tidy
from holocine_core.film.values import Film
from holocine_core.film.versions import remember_version
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.script.edits import Extend, Reshoot, edit_record, told
from holocine_core.script.screenplay import Shot
from holocine_core.script.shot_change import ShotChange, new_reshoot
from holocine_core.script.timeline import FrameSpan, Moved
from holocine_core.script.yaml_source import Source
from holocine_core.store.records import DamagedRecord, read_record, write_record
from holocine_core.store.vault import Vault, disk_errors, fingerprint

PENDING = "pending.json"
"""In the work folder: the edit that replaces a film, until all is said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """An edit that is planned and not yet filmed."""

    change: Reshoot | Extend
    before: Plan
    """The film as it is."""
    plan: Plan
    """The film with the edit."""
    call: str
    """Tells calls apart: the same one again does not edit a film twice."""
    replaces: bool
    """Whether the film takes the place of the one that is edited."""

    @property
    def told(self) -> str:
        """The edit in words."""
        return told([self.change], len(self.plan.takes))

    @property
    def length(self) -> tuple[int, Moved] | None:
        """Frames that the shot had, and those it has now; None where it keeps its length."""
        if not isinstance(self.change, Reshoot):
            return None
        timeline = self.before.takes[self._at].timeline
        now = self.change.length(timeline)
        return None if now is None else (len(timeline.shot_spans[self.change.shot - 1]), now)

    @property
    def is_last(self) -> bool:
        """Whether what changes ends the film."""
        last = self.plan.takes[-1]
        whole = isinstance(self.change, Extend) or self.change.shot == last.timeline.shots
        return whole and last.scene == self.change.scene

    @property
    def shots_seen(self) -> str | None:
        """Names of the shots that its pass sees, where the scene is longer than one."""
        take = self.plan.takes[self._at]
        known = take.known
        if known is None or known.shots is None:
            return None
        return self.plan.shots_named(take, known.shots)

    def record(self) -> dict[str, Any]:
        """The edit as JSON shows it."""
        return edit_record(self.change, len(self.plan.takes))

    @property
    def _at(self) -> int:
        takes = self.plan.takes
        return next(i for i, take in enumerate(takes) if take.scene == self.change.scene)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An edit that was made."""

    path: Path
    version: int
    film: Film | None
    """None where an earlier call, cut short right after, had made it."""
    changed: tuple[FrameSpan, ...] | None = None
    """Frames of the scene as it is now that differ from those before, every shot compared with
    itself; None where those are gone."""


def plan_reshoot(
    film: Path, shot: str, change: ShotChange, seed: int | None, request: Request, call: str
) -> Edit | Edited:
    """One shot anew: planned, or made already by this very call.

    Raises:
        InputError: There is no such shot, it can not be as asked, or the film is not what it says.
    """
    found, before = open_film(film, request)
    before = replace(before, warnings=(*before.warnings, *mend_versions(found, before, request)))
    if (made := made_already(found, before, request, call)) is not None:
        return made
    take, number = shot_place(before, shot)
    edit = new_reshoot(take.scene, number, _seed(take.seed, seed), change)
    return _planned(found, before, edit, request, call)


def plan_extend(
    film: Path, add: Path, scene: str | None, seed: int | None, request: Request, call: str
) -> Edit | Edited:
    """More shots at the end of a scene, the last one where None: planned, or made already.

    What the request holds as ``given`` is the shots' file.

    Raises:
        InputError: The shots are wrong, or have no place in the film.
    """
    given, request = request.given, replace(request, given=None)
    if given is not None:  # The same call is another one with other shots.
        call = f"{call} {fingerprint(given.hex())}"
    found, before = open_film(film, request)
    before = replace(before, warnings=(*before.warnings, *mend_versions(found, before, request)))
    if (made := made_already(found, before, request, call)) is not None:
        return made
    name = scene or before.takes[-1].scene
    last = next((take for take in before.takes if take.scene == name), before.takes[-1])
    shots, source = read_shots(add, before.screenplay, given)
    if not request.outside:
        _require_inside(shots, source, before.screenplay_path.parent)
    change = Extend(scene=name, shots=shots, seed=_seed(last.seed, seed))
    return _planned(found, before, change, request, call, source)


def _seed(before: int, given: int | None) -> int:
    return (before + 1) % 2**63 if given is None else given


def _planned(
    found: Inspection,
    before: Plan,
    change: Reshoot | Extend,
    request: Request,
    call: str,
    told: Source | None = None,
) -> Edit:
    plan = replan(found, (*before.edits, change), request, told)
    plan = replace(plan, warnings=tuple(dict.fromkeys((*before.warnings, *plan.warnings))))
    return Edit(change=change, before=before, plan=plan, call=call, replaces=request.out is None)


def _require_inside(shots: Sequence[Shot], source: Source, folder: Path) -> None:
    """What a file names stays in the folder that it speaks of: the film's own pictures were looked
    at when it was rendered."""
    wrong = [
        Problem(
            f"the picture {folder / shot.image} lies outside the screenplay's folder",
            where=source.where(("shots", number, "image")),
            hint=f"copy it into {folder}",
        )
        for number, shot in enumerate(shots)
        if shot.image is not None
        and not (folder / shot.image).resolve().is_relative_to(folder.resolve())
    ]
    if wrong:
        raise InputError.of(wrong)


def made_already(
    found: Inspection, film: Plan, request: Request, call: str
) -> Edit | Edited | None:
    """What this very call has made, if it replaced the film and was cut short right after; where
    that film was damaged since, how it is made again.

    Raises:
        InputError: The note of it is damaged.
    """
    pending = film.work / PENDING
    try:
        noted = read_record(pending) or {}
    except DamagedRecord:
        raise InputError(
            f"{PENDING} is damaged: whether this edit is made already is no longer known",
            where=str(pending),
            hint=f"holocine versions {film.out} shows what is made; then remove that file, and "
            "call again if the edit is not among it",
        ) from None
    if noted.get("line") != call or noted.get("after") != film_key(film) or not film.edits:
        return None
    with disk_errors("read the film", film.out):
        whole = is_as_made(film.out)
    if not whole:
        before = replan(found, film.edits[:-1], replace(request, out=None))
        return Edit(
            change=film.edits[-1],
            before=before,
            plan=film,
            call=call,
            replaces=True,
        )
    with Vault(film.work).locked(call):  # What the call left half written goes.
        if not sidecar_is_ours(film):  # What lies there tells of the film before.
            write_sidecar(film)
    version = remember_version(film)
    pending.unlink(missing_ok=True)
    tidy(film)
    return Edited(path=film.out, version=version.number, film=None)


def make_edit(edit: Edit, make: Callable[[Plan], Film]) -> Edited:
    """Film an edit; both versions are noted. :func:`settle` ends it.

    Args:
        edit: What to make.
        make: Renders its plan.
    """
    plan, pending = edit.plan, edit.plan.work / PENDING
    remember_version(edit.before)  # First: a call that is cut short must not lose the film.
    if edit.replaces:
        with disk_errors("note what is edited", pending):
            write_record(pending, {"line": edit.call, "after": film_key(plan)})
    film = make(plan)
    version = remember_version(plan)
    at = edit.plan.takes[edit._at].index
    changed = changed_frames(edit.before.takes[at], plan.takes[at], plan.work)
    return Edited(path=film.path, version=version.number, film=film, changed=changed)


def settle(edit: Edit) -> None:
    """All has been said about an edit: the same call again is another one."""
    if edit.replaces:
        (edit.plan.work / PENDING).unlink(missing_ok=True)
