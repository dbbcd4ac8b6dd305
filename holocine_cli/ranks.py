"""One film on several GPUs: `--gpus N` starts a process for each, or meets those of torchrun's."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from holocine_cli.batch import Job
from holocine_cli.session import Session
from holocine_core.errors import HolocineError, InputError, MachineError

if TYPE_CHECKING:
    from holocine_core.api import Plan, Studio

LOST = "another rank ended"
"""How an error begins that only says that another rank had one."""
PATIENCE = 20.0
"""Seconds that a rank which does not lead lives on after a signal: for the leader's last step."""


@contextlib.contextmanager
def ranked(
    session: Session, jobs: Sequence[Job], gpus: int
) -> Iterator[Callable[[Sequence[Plan]], Studio] | None]:
    """Yields what makes the studio of this call's films; None in a rank that does not lead, which
    has nothing more to do.

    Raises:
        InputError: A film can not be made by so many.
        MachineError: There are not so many devices, or a rank died.
        SystemExit: Of the process that started the ranks: with the leader's exit code.
    """
    from holocine_core import api
    from holocine_core.api import fleet

    started, device = fleet.asked_ranks(), jobs[0].request.device
    if gpus == 1:
        yield api.Studio
        return
    if started not in (1, gpus):
        raise InputError(
            f"{started} ranks were started, and --gpus asks for {gpus}",
            where="--gpus",
            hint=f"--gpus {started}",
        )
    if started == 1:
        fleet.refuse_gpus(gpus, device)
        for job in jobs:
            try:
                plan = api.plan(job.screenplay, job.request)
            except InputError:
                if len(jobs) == 1:
                    raise
                continue  # The leader tells what is wrong with it, and makes the others.
            fleet.refuse_ranks(plan, gpus)
        if "-" in session.argv:
            raise InputError(
                "each GPU's process would read stdin", where="--files", hint="name a file instead"
            )
        code = fleet.launch_ranks(gpus, session.argv)
        session.documented = True  # By the leader.
        raise SystemExit(code)
    kind = "cpu" if device == "cpu" else "cuda"
    if fleet.this_rank() > 0:
        session.documented = True  # By the leader, who hears the signals as well and ends its step.
        with session.stop.awaited(_end_later):
            fleet.follow(kind)
        yield None
        return
    with fleet.leading(kind) as studio_of:
        yield studio_of


@contextlib.contextmanager
def ranked_training(session: Session, gpus: int, device: str) -> Iterator[bool]:
    """Yields whether this process tells what it does: one that leads, or is alone.

    Ranks that torchrun started are met, on however many machines; ``--gpus`` starts them here.

    Raises:
        InputError: Another number was started.
        MachineError: There are not so many devices, or a rank died.
        SystemExit: Of the process that started the ranks, with the leader's exit code; and of those
            that do not lead, in the end.
    """
    from holocine_core.api import fleet

    started = fleet.asked_ranks()
    if started > 1 and gpus not in (1, started):
        raise InputError(
            f"{started} ranks were started, and --gpus asks for {gpus}",
            where="--gpus",
            hint=f"--gpus {started}, or leave it out",
        )
    if started == 1 and gpus > 1:
        fleet.refuse_gpus(gpus, device)
        code = fleet.launch_ranks(gpus, session.argv)
        session.documented = True  # By the leader.
        raise SystemExit(code)
    if fleet.this_rank() == 0:
        yield True
        return
    session.documented = True
    with session.stop.awaited(_end_later):
        try:
            yield False
        except HolocineError as error:
            # What all ranks meet is the leader's to tell; what only this one does is not.
            if isinstance(error, MachineError) and not error.message.startswith(LOST):
                session.console.fail(error)
                raise SystemExit(3) from None
    raise SystemExit(0)


def _end_later(number: int) -> None:
    """Where the leader is gone, a rank may wait in an exchange that nothing ends."""
    timer = threading.Timer(PATIENCE, os._exit, (128 + number,))
    timer.daemon = True
    timer.start()
