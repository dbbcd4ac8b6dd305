"""Finished films, changed and changed back: reshoot, extend, versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from holocine_core.api.films import render
from holocine_core.errors import InputError
from holocine_core.events import Emit, Stop, Warned, ignore, never
from holocine_core.film.editing import Edit, Edited
from holocine_core.request import Request

if TYPE_CHECKING:
    from holocine_core.film.values import Film
    from holocine_core.film.version_store import Version
    from holocine_core.plan.values import Plan
    from holocine_core.sample.studio import Studio
    from holocine_core.script.edits import Extend, Reshoot
    from holocine_core.script.shot_change import ShotChange


def plan_reshoot(
    film: str | Path,
    shot: int | str,
    *,
    seed: int | None = None,
    request: Request = Request(),
    call: str | None = None,
    **change: Unpack[ShotChange],
) -> Edit | Edited:
    """One shot anew, as it would be made; what this very call has made already, where a kill came
    right after.

    Args:
        film: Made by holocine.
        shot: Its name: ``SCENE:NUMBER``, its number in the scene being from 1; in a film of one
            scene the number alone. Any other number is taken where it can mean one shot only.
        seed: Of what is made anew; the scene's next one where None.
        request: Where the film goes (over the one that is edited where ``out`` is None), by which
            machine, and the LoRAs of the film's own call.
        call: Tells calls apart; made of the other arguments where None.
        change: What of the shot is another now, as a screenplay writes it: ``prompt``, ``size``,
            ``angle``, ``movement`` ("none" takes one of these three away), and its length in
            ``seconds`` or ``frames``; what is left out or None stays as it was.

    Raises:
        InputError: There is no such shot, a number could be several, the shot can not be as asked,
            or the film is not what it says.
    """
    from holocine_core.film import editing

    said = call or f"reshoot {film} {shot} {change.get('prompt')!r} {seed}{_told(change)}"
    return editing.plan_reshoot(Path(film), str(shot), change, seed, request, said)


def _told(change: ShotChange) -> str:
    """What of a shot changes beside its text, in the order of its names."""
    given = {name: value for name, value in change.items() if value is not None}
    return "".join(f" {name} {given[name]}" for name in sorted(given) if name != "prompt")


def plan_extend(
    film: str | Path,
    add: str | Path,
    *,
    scene: str | None = None,
    seed: int | None = None,
    request: Request = Request(),
    call: str | None = None,
) -> Edit | Edited:
    """Shots at the end of a scene, as they would be made.

    Args:
        film: Made by holocine.
        add: A YAML file with ``shots:``.
        scene: That goes on; the last one where None.
        seed: As of :func:`plan_reshoot`, like all that follow.
        request: Likewise.
        call: Likewise.

    Raises:
        InputError: The shots are wrong, or have no place in the film.
    """
    from holocine_core.film import editing

    said = call or f"extend {film} {add} {scene} {seed}"
    return editing.plan_extend(Path(film), Path(add), scene, seed, request, said)


def make_edit(
    edit: Edit,
    *,
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = never,
    studio: Studio | None = None,
) -> Edited:
    """Film what was planned; both versions are noted, and a kill at any moment loses neither. Until
    :func:`settle_edit` the same call again finds this one's work done.

    Args:
        edit: Of :func:`plan_reshoot` or :func:`plan_extend`.
        force: Replace another film at a place of its own.
        emit: Told of everything that happens.
        should_stop: Asked after every step.
        studio: Networks that stay open.

    Raises:
        InputError, MachineError, RenderError, Interrupted: As ``render``.
    """
    from holocine_core.film import editing

    def make(plan: Plan) -> Film:
        over = force or edit.replaces
        return render(plan, force=over, emit=emit, should_stop=should_stop, studio=studio)

    return editing.make_edit(edit, make)


def settle_edit(edit: Edit) -> None:
    """End an edit whose outcome has been told: the same call again is another one."""
    from holocine_core.film import editing

    editing.settle(edit)


def reshoot(
    film: str | Path,
    shot: int | str,
    *,
    seed: int | None = None,
    request: Request = Request(),
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = never,
    **change: Unpack[ShotChange],
) -> Edited:
    """Make one shot of a finished film anew; all others stay.

    Arguments and errors as of :func:`plan_reshoot` and :func:`make_edit`.
    """
    planned = plan_reshoot(film, shot, seed=seed, request=request, **change)
    return _made(planned, force=force, emit=emit, should_stop=should_stop)


def extend(
    film: str | Path,
    add: str | Path,
    *,
    scene: str | None = None,
    seed: int | None = None,
    request: Request = Request(),
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = never,
) -> Edited:
    """Add shots to the end of a scene; those before stay as they are.

    Arguments and errors as of :func:`plan_extend` and :func:`make_edit`.
    """
    planned = plan_extend(film, add, scene=scene, seed=seed, request=request)
    return _made(planned, force=force, emit=emit, should_stop=should_stop)


def _made(planned: Edit | Edited, *, force: bool, emit: Emit, should_stop: Stop) -> Edited:
    if isinstance(planned, Edited):
        return planned
    edited = make_edit(planned, force=force, emit=emit, should_stop=should_stop)
    settle_edit(planned)
    return edited


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmVersion:
    """A state of a film that its work folder can make again at once."""

    number: int
    told: str
    """Its edits in words."""
    edits: tuple[Reshoot | Extend, ...]
    profile: str | None
    """That made it; None where an older list does not tell."""
    steps: int | None
    """Sampling steps, of the take with most; likewise."""
    size: str | None
    """Of its picture, as ``480x288``; likewise."""
    changed: str
    """The latest of its edits in words; where it has none, what differs from the one before."""
    filmed: datetime | None
    """When the last of its takes was; None where the work folder has none of them."""
    scenes: int
    """How many the film has, which decides its shots' names."""
    bytes: int
    """What its takes take up."""
    current: bool
    """Whether the film is this one."""
    film: Path | None
    """Where it lies as a film."""


def versions(
    film: str | Path, request: Request = Request(), emit: Emit = ignore
) -> tuple[FilmVersion, ...]:
    """The versions of a film, the first one as it was rendered; also of one that is gone, where its
    work folder knows it.

    Args:
        film: Made by holocine.
        request: Its work folder, models and LoRAs, where they are others than it says.
        emit: Told of versions whose records were lost.

    Raises:
        InputError: It is no film of holocine's, or would not be made again as it is.
    """
    from holocine_core.film.ownership import film_key
    from holocine_core.film.recall import lost_list, mend_versions, recalled
    from holocine_core.film.reopen import open_film
    from holocine_core.film.version_store import accept_losses
    from holocine_core.film.versions import remember_version

    path = Path(film)
    if not path.exists():
        work, _ = recalled(path, request)
        lost, key = lost_list(path, work), ""
    else:
        found, plan = open_film(path, request)
        lost, work, key = mend_versions(found, plan, request), plan.work, film_key(plan)
    for problem in lost:
        emit(Warned(message=problem.message, where=problem.where, hint=problem.hint))
    accept_losses(work)  # Who sees the list has been told.
    if key:
        remember_version(plan)
    return _listed(work, key)


def _listed(work: Path, current: str) -> tuple[FilmVersion, ...]:
    from holocine_core.film.version_words import changed, filmed_at
    from holocine_core.film.versions import bytes_of, lying
    from holocine_core.film.versions import versions as versions_in
    from holocine_core.script.edits import told
    from holocine_core.store.vault import Vault

    known, vault = versions_in(work), Vault(work)
    films = lying(work, known)
    return tuple(
        FilmVersion(
            number=one.number,
            told=told(one.edits, _scenes(one)),
            edits=one.edits,
            **_made_by(one),
            changed=changed(one, known, _scenes(one)),
            filmed=filmed_at(one, vault),
            scenes=_scenes(one),
            bytes=bytes_of(one, vault),
            current=one.key == current,
            film=films.get(one.key),
        )
        for one in known
    )


def _made_by(version: Version) -> dict[str, Any]:
    made = version.made or {}
    takes = made.get("takes", ())
    samplings = [take.get("sampling", {}) for take in takes]
    steps = [one["steps"] for one in samplings if "steps" in one]
    sizes = [f"{one['width']}x{one['height']}" for one in samplings if one.keys() >= _SIDES]
    size = sizes[0] if sizes else None
    return {"profile": made.get("profile"), "steps": max(steps, default=None), "size": size}


_SIDES = {"width", "height"}


def _scenes(version: Version) -> int:
    """How many scenes the film of a version has; several where an older list does not tell."""
    takes = (version.made or {}).get("takes")
    return len(takes) if isinstance(takes, list) else 2


def plan_version(film: str | Path, number: int, request: Request = Request()) -> Plan:
    """The plan that makes a film one of its versions again; ``render`` it with ``force``.

    Args:
        film: There, or gone: then its work folder tells of it.
        number: Of the version.
        request: As of :func:`versions`.

    Raises:
        InputError: There is no such version of this film; or records of versions were lost, and
            numbers may stand for others than they did.
    """
    from holocine_core.film import recall
    from holocine_core.film.reopen import open_film
    from holocine_core.film.versions import pick_version, remember_version, root_of
    from holocine_core.film.versions import versions as versions_in

    path = Path(film)
    if not path.exists():
        work, known = recall.recalled(path, request)
        recall.require_exact(recall.lost_list(path, work))
        return recall.plan_version(path, pick_version(known, number), request, work)
    found, plan = open_film(path, request)
    recall.require_exact(recall.mend_versions(found, plan, request))
    remember_version(plan)
    version = pick_version(versions_in(plan.work), number)
    recall.require_same_film(plan, root_of(plan), version)
    return recall.plan_version(path, version, request, plan.work)


def drop_versions(
    film: str | Path,
    numbers: Sequence[int] = (),
    *,
    keep: int | None = None,
    request: Request = Request(),
) -> int:
    """Remove versions and what only they need.

    Args:
        film: Made by holocine.
        numbers: Which.
        keep: Instead of numbers: how many of the newest stay, at least 1.
        request: As of :func:`versions`.

    Returns:
        Bytes that were freed.

    Raises:
        InputError: There is no such version, it lies there as a film, or neither or both of
            ``numbers`` and ``keep`` are given.
        MachineError: The work folder is in use.
    """
    from holocine_core.film import versions as store
    from holocine_core.film.ownership import film_key
    from holocine_core.film.recall import mend_versions, require_exact
    from holocine_core.film.reopen import open_film
    from holocine_core.store.vault import Vault

    if bool(numbers) == (keep is not None) or (keep is not None and keep < 1):
        raise InputError(
            "say which versions to drop, or how many of the newest to keep", hint="one of the two"
        )
    found, plan = open_film(Path(film), request)
    require_exact(mend_versions(found, plan, request))
    store.remember_version(plan)
    chosen = list(numbers) if keep is None else store.older_versions(plan.work, keep, plan)
    vault = Vault(plan.work)
    with vault.locked("versions"):
        return store.drop_versions(vault, chosen, film_key(plan))
