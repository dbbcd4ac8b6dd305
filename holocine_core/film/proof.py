"""Whether the file in a film's place is, to the last byte, the film that a plan makes.

May import: film, plan, edit, store.
"""

from __future__ import annotations

import os
from pathlib import Path

from holocine_core.edit.ffmpeg import probe
from holocine_core.edit.process import Run, source
from holocine_core.edit.seal import is_sealed
from holocine_core.events import Emit, Warned, ignore
from holocine_core.film.finish import film_of
from holocine_core.film.ownership import film_key, is_finished, is_torn
from holocine_core.film.values import Film
from holocine_core.plan.values import Plan
from holocine_core.store.records import DamagedRecord, read_record, sidecar_path
from holocine_core.store.vault import Vault, disk_errors, file_hash


def proven_film(plan: Plan, emit: Emit = ignore) -> Film | None:
    """The film, if this very plan made the file at ``plan.out``, and it is as it was made.

    A film gets its name whole, with its key inside: it counts without its sidecar too, which a
    render that was killed between the two has not written. The sidecar tells whether it is whole,
    else the seal inside. A film of an earlier version that has neither is cut anew from its takes;
    where they are gone too all that can be asked is that it plays to its end.

    Args:
        plan: Of the film.
        emit: Told of a film or sidecar that is damaged, and of a film that could not be proven.

    Raises:
        MachineError: The file can't be read.
    """
    where = str(plan.out)
    damaged = Warned(message="the film is damaged or was changed: it is made anew", where=where)
    if not is_finished(plan):
        if os.path.isfile(plan.out) and is_torn(plan):  # noqa: PTH113 - Impossible names are none.
            emit(damaged)
        return None
    with disk_errors("read the film", plan.out):
        hashed = _told_hash(plan, emit)
        proven = is_sealed(plan.out) if hashed is None else file_hash(plan.out) == hashed
    if proven is None:
        vault = Vault(plan.work)
        if all(vault.whole("clips", take.clip_key) is not None for take in plan.takes):
            emit(Warned(message="the film has no sidecar: it is cut anew", where=where))
            return None
        proven = _plays(plan.out)
        if proven:
            emit(
                Warned(
                    message="the film has no sidecar, and its takes are not here to compare it "
                    "with: it plays to its end, and is taken as it is",
                    where=where,
                    hint="copy films together with their .json",
                )
            )
    if not proven:
        emit(damaged)
        return None
    return film_of(plan, probe(plan.out), up_to_date=True)


def _told_hash(plan: Plan, emit: Emit) -> str | None:
    """The film's hash by its sidecar; None where that is gone, damaged or another film's."""
    path = sidecar_path(plan.out)
    try:
        told = read_record(path) or {}
    except DamagedRecord as broken:
        emit(Warned(message=f"{broken.message}: it is written anew", where=str(path)))
        return None
    return str(told["sha256"]) if told.get("key") == film_key(plan) and "sha256" in told else None


def _plays(film: Path) -> bool:
    """Whether every stream can be decoded to its end without a fault."""
    run = Run(["-xerror", "-err_detect", "explode", *source(film), "-f", "null", "-"])
    try:
        with run.waited():
            run.stdout.read()
        return not run.wait_reading(film)
    finally:
        run.kill()
