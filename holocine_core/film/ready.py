"""Whether a render would begin: all that it finds out before its first step.

May import: film, plan, store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from holocine_core.errors import together
from holocine_core.events import Emit, ignore
from holocine_core.film.extras import Extras, check_extras, may_replace
from holocine_core.film.ownership import film_place, sidecar_is_ours
from holocine_core.film.planning import Source
from holocine_core.film.preflight import fault_of, faults_of
from holocine_core.film.proof import proven_film
from holocine_core.film.replaced import refuse_to_overwrite
from holocine_core.film.values import Film
from holocine_core.plan.values import Plan
from holocine_core.store.vault import Vault


def finished_or_ready(plan: Plan, emit: Emit = ignore, *, force: bool = False) -> Film | None:
    """The film, where this very plan has made it; else nothing is in the way of making it.

    Args:
        plan: Of the film.
        emit: Told of a film that is damaged.
        force: Replace a film at ``plan.out`` that this plan did not make.

    Raises:
        InputError: Another film is in the way, the device is one to plan for only, or a file of the
            film's is not what it should be.
        MachineError: The machine lacks something.
    """
    plan.placement.require_device()
    refused = fault_of(lambda: refuse_to_overwrite(plan, force=force))
    there = None if refused else proven_film(plan, emit)
    if there is None and (found := [*refused, *faults_of(plan)]):
        raise together(found)
    return there


def require_place(
    plan: Plan,
    extras: Extras | None = None,
    films: Sequence[Source] = (),
    *,
    force: bool = False,
    here: bool = False,
) -> None:
    """Raises InputError where a film, or what is to lie beside it, would replace another's.

    Args:
        plan: Of the film.
        extras: What is to lie beside it.
        films: All screenplays and films of the call, whose files nothing replaces.
        force: Replace what is in the way.
        here: Whether this machine is to make it: all else that keeps it from that is told too,
            where the film or what is to lie beside it would replace another's.
    """
    extras = extras or Extras()
    may = may_replace(plan, extras, force=force)
    found = fault_of(lambda: check_extras(plan, extras, films, force=force))
    found += fault_of(lambda: refuse_to_overwrite(plan, force=may))
    if found and here:
        with _leaving_no_folder(plan.work, plan.out.parent):
            found += faults_of(plan)
    if found:
        raise together(found)


def require_ready(
    plan: Plan,
    extras: Extras | None = None,
    films: Sequence[Source] = (),
    *,
    force: bool = False,
) -> None:
    """Raises what a render of this plan would end with before its first step; nothing is made, and
    folders that were not there are not there afterwards.

    Args:
        plan: Of the film.
        extras: What is to lie beside it.
        films: All screenplays and films of the call, whose files nothing replaces.
        force: Replace what is in the way.

    Raises:
        InputError, MachineError: As :func:`finished_or_ready`.
        InUse: Another process makes this film.
    """
    extras = extras or Extras()
    require_place(plan, extras, films, force=force, here=True)
    with _leaving_no_folder(plan.work, plan.out.parent):
        film = finished_or_ready(plan, force=may_replace(plan, extras, force=force))
        if film is None or not sidecar_is_ours(plan):
            Vault(plan.work).require_free(*film_place(plan))


@contextlib.contextmanager
def _leaving_no_folder(*folders: Path) -> Iterator[None]:
    """Remove what folders are made meanwhile, where they are empty."""
    ways = [one for folder in folders for one in (folder.absolute(), *folder.absolute().parents)]
    absent = [one for one in dict.fromkeys(ways) if not one.exists()]
    try:
        yield
    finally:
        for folder in sorted(absent, key=lambda one: len(one.parts), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
