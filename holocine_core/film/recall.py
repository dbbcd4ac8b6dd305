"""The way back: versions of films that are there, changed or gone, and those with lost records.

May import: film, plan, store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from holocine_core.errors import InputError, Problem
from holocine_core.film.ownership import film_key
from holocine_core.film.provenance import Inspection
from holocine_core.film.record import checked_provenance
from holocine_core.film.reopen import open_film, replan
from holocine_core.film.version_store import FOLDER, LIST, Stored, Version, read_versions
from holocine_core.film.versions import remember_version
from holocine_core.plan.values import Plan
from holocine_core.request import WORK, Request
from holocine_core.store.vault import Vault

_LOST = "records of versions were lost"


def mend_versions(found: Inspection, plan: Plan, request: Request) -> list[Problem]:
    """Note again the versions whose records were lost and that the film has gone through.

    Args:
        found: The film.
        plan: Its own.
        request: As it was opened with.

    Returns:
        What was lost, mended or not.

    Raises:
        MachineError: The work folder can not be written.
    """
    stored = read_versions(plan.work)
    if not _lacks(stored, plan):
        return []
    known = {version.key for version in stored.known}
    before = [replan(found, plan.edits[:n], request) for n in range(len(plan.edits))]
    lost = [one for one in (*before, plan) if film_key(one) not in known and _has_takes(one)]
    if not stored.lost and not stored.list_is_damaged and len(lost) < 2:
        return []  # A call that was cut short right before it noted the film.
    # In the order they were made: where all lost ones are the film's, each has its number again.
    exact = not stored.list_is_damaged and len(lost) == len(stored.lost)
    numbers = stored.lost if exact else [None] * len(lost)
    for one, number in zip(lost, numbers, strict=True):
        remember_version(one, number)
    hint = f"holocine versions {found.path} lists what there is"
    place = str(plan.work / (LIST if stored.list_is_damaged else FOLDER))
    if exact:
        return [Problem(f"{_LOST}, and are made anew", place, hint)]
    back = len(lost)
    if stored.list_is_damaged:  # A call before this one may have noted them.
        back += sum(film_key(one) in known for one in (*before, plan))
    what = f"{back} that this film went through are noted again" if back else "none came back"
    return [Problem(f"{_LOST}: {what}, and numbers may differ", place, hint)]


def _lacks(stored: Stored, plan: Plan) -> bool:
    if stored.lost or stored.list_is_damaged:
        return True
    return bool(plan.edits) and film_key(plan) not in {version.key for version in stored.known}


def _has_takes(plan: Plan) -> bool:
    vault = Vault(plan.work)
    return any(vault.find("latents", take.latents_key) is not None for take in plan.takes)


def recalled(film: Path, request: Request) -> tuple[Path, tuple[Version, ...]]:
    """A film that is not there any more: the work folder that can make it again, and its versions.

    Raises:
        InputError: No work folder beside it knows of such a film.
    """
    home = film.resolve().parent
    folders = [request.work] if request.work is not None else sorted((home / WORK).glob("*/"))
    for work in folders:
        known = [
            one
            for one in read_versions(work).known
            if one.film and one.made is not None and (work / one.film).resolve() == film.resolve()
        ]
        if known:
            return work, tuple(known)
    raise InputError(
        f"{film} is not there, and no work folder beside it knows of such a film",
        where=str(film),
        hint="name its work folder with --work, if that is elsewhere",
    )


def lost_list(film: Path, work: Path) -> list[Problem]:
    """What of the versions of a film that is gone was lost with the former list."""
    if not read_versions(work).list_is_damaged:
        return []
    hint = f"holocine versions {film} lists what there is"
    return [Problem(f"{_LOST}, and numbers may differ", str(work / LIST), hint)]


def plan_version(film: Path, version: Version, request: Request, work: Path) -> Plan:
    """The plan that makes a film one of its versions.

    Args:
        film: There, changed or gone.
        version: Of its work folder.
        request: Machine, models and LoRAs.
        work: The work folder.

    Raises:
        InputError: It is a version of another film in the work folder, or can not be made again.
    """
    if version.made is None:
        found, _ = open_film(film, request)
    else:
        beside = {"screenplay_file": version.source} if version.source else {}
        record = work / FOLDER / f"{version.number:04d}.json"
        made = checked_provenance(version.made, record, "pick another version")
        found = Inspection(path=film, provenance=made, chapters=(), beside=beside)
    plan = replan(found, version.edits, replace(request, work=work))
    if film_key(plan) != version.key:
        raise InputError(
            f"version {version.number} would not be made again as it was: its model, its LoRAs or "
            "its sounds are others now, or it is one of another film in this work folder",
            where=str(work),
            hint="call versions with that film: its preview, or the file that -o named; or give "
            "the LoRAs of its call again",
        )
    return plan


def require_same_film(plan: Plan, root: str, version: Version) -> None:
    """Raises InputError where a version is of another film in the work folder."""
    elsewhere = version.film and (plan.work / version.film).resolve() != plan.out.resolve()
    if elsewhere and version.root not in ("", root):
        raise InputError(
            f"version {version.number} is one of another film in this work folder",
            where=str(plan.work),
            hint="call versions with that film: its preview, or the file that -o named",
        )


def require_exact(mended: Sequence[Problem]) -> None:
    """Raises InputError where numbers may stand for other versions than a person has seen."""
    if mended:
        raise InputError(mended[0].message, where=mended[0].where, hint=mended[0].hint)
