"""A folder that one process works in: a training run's, or one that footage is read into; and what
killed processes left of their claims."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from holocine_core.errors import InUse, TakenOver
from holocine_core.store.files import read_small
from holocine_core.store.holders import PART, Holder, read_holder
from holocine_core.store.leases import Held, Lease, Lost
from holocine_core.store.vault import disk_errors

_LOOK_S = 0.2
"""Seconds between two looks whether a folder is free."""


@contextlib.contextmanager
def claimed(folder: Path, doing: str, *, what: str, instead: str) -> Iterator[Callable[[], None]]:
    """Hold a folder, which is made where it is missing; yields what to call before anything is
    kept in it.

    Args:
        folder: To be worked in.
        doing: A word, as others are told.
        what: What others see: ``this run is being trained``.
        instead: What who comes in vain can do but wait.

    Raises:
        InUse: Another process works there.
        TakenOver: When called: another process works there by now.
        MachineError: The folder can't be read or written.
    """
    lease = Lease(folder, doing)
    with disk_errors("open the folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lease.claim()
        except Held as held:
            raise InUse(
                f"{what} already, by {held}", where=str(folder), hint=f"wait for it, or {instead}"
            ) from None
    try:
        yield lambda: _require(lease)
    finally:
        lease.release()


@contextlib.contextmanager
def in_turn(
    folder: Path, doing: str, *, name: str, waiting: Callable[[Holder], None]
) -> Iterator[Callable[[], None]]:
    """As :func:`claimed`, and wait where another process is at work; no claim stays behind.

    Args:
        folder: To be worked in.
        doing: A word, as others are told.
        name: Of the claim's files: others of that name wait, and no others.
        waiting: Told once who is waited for.

    Raises:
        TakenOver: When called: another process works there by now.
        MachineError: The folder can't be read or written.
    """
    lease, told = Lease(folder, doing, name=name), False
    with disk_errors("open the folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                lease.claim()
                break
            except Held as held:
                if not told:
                    waiting(held.holder)
                told = True
            time.sleep(_LOOK_S)
    try:
        yield lambda: _require(lease)
    finally:
        lease.release(leaving_nothing=True)


def _require(lease: Lease) -> None:
    """Raises TakenOver where a lease is another's by now."""
    with disk_errors("renew the claim of the folder", lease.folder):
        try:
            lease.require()
        except Lost as lost:
            raise TakenOver(
                f"the folder was taken over by {lost.holder or 'nobody: it is gone'}; "
                f"nothing was heard of this process for more than {lost.seconds:g} s",
                where=str(lease.folder),
                hint="what was kept last is whole, and the work goes on there",
            ) from None


def sweep_claims(folder: Path) -> None:
    """Remove what processes of this host were writing into claims of a folder when they were
    killed; the claims themselves are for the next holder to see."""
    for part in folder.glob(".*.part"):
        if (named := PART.fullmatch(part.name)) is None:
            continue
        with contextlib.suppress(OSError):  # It has got its name, or another has removed it.
            claim = folder / f"{named['claim']}.json"
            holders = [read_holder(read_small(one)) for one in (part, claim) if one.exists()]
            mine = [one for one in holders if one.process and one.token == named["token"]]
            if not (mine and mine[0].process and mine[0].process.is_gone()):
                continue
            if claim.exists() and len(mine) == 1 and holders[-1].process is None:
                part.replace(claim)  # It is not whole, and without this nobody knows whose it is.
            else:
                part.unlink(missing_ok=True)
