"""One film on several GPUs: `--gpus N` starts a process for each, or meets those of torchrun's."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from holocine_cli.batch import Job
from holocine_cli.session import Session
from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.api import Plan, Studio


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
            fleet.refuse_ranks(api.plan(job.screenplay, job.request), gpus)
        code = fleet.launch_ranks(gpus, session.argv)
        session.documented = True  # By the leader.
        raise SystemExit(code)
    # A rank follows its leader, who hears the signals; the launcher kills who does not end in time.
    kind = "cpu" if device == "cpu" else "cuda"
    if fleet.this_rank() > 0:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        fleet.follow(kind)
        session.documented = True
        yield None
        return
    with fleet.leading(kind) as studio_of:
        yield studio_of
