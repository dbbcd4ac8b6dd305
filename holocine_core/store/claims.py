"""A folder that one process works in: a training run's, or one that footage is read into."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from holocine_core.errors import InUse, TakenOver
from holocine_core.store.leases import Held, Lease, Lost
from holocine_core.store.vault import disk_errors


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

    def require() -> None:
        with disk_errors("renew the claim of the folder", folder):
            try:
                lease.require()
            except Lost as lost:
                raise TakenOver(
                    f"the folder was taken over by {lost.holder or 'nobody: it is gone'}; "
                    f"nothing was heard of this process for more than {lost.seconds:g} s",
                    where=str(folder),
                    hint="what was kept last is whole, and the work goes on there",
                ) from None

    with disk_errors("open the folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lease.claim()
        except Held as held:
            raise InUse(
                f"{what} already, by {held}", where=str(folder), hint=f"wait for it, or {instead}"
            ) from None
    try:
        yield require
    finally:
        lease.release()
