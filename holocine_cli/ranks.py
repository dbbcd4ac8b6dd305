"""One film on several GPUs: `--gpus N` starts a process for each, or meets those of torchrun's."""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_cli.batch import Job
from holocine_cli.contract import code_of
from holocine_cli.session import Session
from holocine_core.errors import HolocineError, InputError, Interrupted, MachineError

if TYPE_CHECKING:
    from holocine_core.api import Plan, Studio

LOST = "another rank ended"
"""How an error begins that only says that another rank had one."""
PATIENCE = 20.0
"""Seconds that a rank which does not lead lives on: of a film after a signal, for the leader's last
step; of a training after a signal and the leader's end."""
LAST_STEP = 24 * 3600
"""Seconds that the ranks of a training have after a signal: a large model's step, and its
checkpoint, take minutes."""
AGREEING = 3.0
"""Seconds in which the leader meets an error that all ranks meet."""
ROOM = "HOLOCINE_RANKS"
"""Variable that names the folder in which a training's ranks leave their errors."""
_LEADER = "leader"
"""The file in it that the leader holds as long as it works."""


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
        refuse_ranks(session, jobs)
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


def refuse_ranks(session: Session, jobs: Sequence[Job]) -> None:
    """Raises what keeps films from being made by as many GPUs as are asked for.

    Raises:
        InputError: A film can not be made by so many, or stdin was read.
        MachineError: There are not so many devices.
    """
    from holocine_core import api
    from holocine_core.api import fleet

    asked = jobs[0].request
    if asked.gpus == 1:
        return
    if session.stdin is not None:
        raise InputError(
            "each GPU's process would read stdin", where="-", hint="name a file instead"
        )
    fleet.refuse_gpus(asked.gpus, asked.device)
    for job in jobs:
        try:
            plan = api.plan(job.screenplay, job.request)
        except InputError:
            if len(jobs) == 1:
                raise
            continue  # It is told what is wrong with it when it is planned, and the others go on.
        fleet.refuse_ranks(plan, asked.gpus)


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
        code = _launch_training(gpus, session.argv)
        session.documented = True  # By the leader.
        raise SystemExit(code)
    if fleet.this_rank() == 0:
        with _leading():
            yield True
        return
    session.documented = True
    with session.stop.awaited(_end_after_leader):
        try:
            yield False
        except Interrupted:
            pass  # The leader tells.
        except HolocineError as error:
            if not _says_lost(error):
                _hand_over(session, error)
                raise SystemExit(code_of(error)) from None
    raise SystemExit(0)


def _launch_training(gpus: int, words: Sequence[str]) -> int:
    """Start a training's ranks; the leader's exit code. Raises what a rank met that the leader did
    not live to tell."""
    from holocine_core.api import fleet

    with tempfile.TemporaryDirectory(prefix="holocine-errors-") as room:
        os.environ[ROOM] = room
        try:
            return fleet.launch_ranks(gpus, words, LAST_STEP)
        except (MachineError, Interrupted):
            if (met := _handed_over()) is not None:
                raise met from None
            raise
        finally:
            del os.environ[ROOM]


@contextlib.contextmanager
def _leading() -> Iterator[None]:
    """Raises another rank's error in place of one that only says that it ended."""
    with _at_work():
        try:
            yield
        except MachineError as error:
            if _says_lost(error) and (met := _handed_over()) is not None:
                raise met from error
            raise


@contextlib.contextmanager
def _at_work() -> Iterator[None]:
    """While this is open, the others see that the leader lives: its lock ends with it."""
    if (room := os.environ.get(ROOM)) is None:
        yield
        return
    import fcntl

    with (Path(room) / _LEADER).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _says_lost(error: HolocineError) -> bool:
    return isinstance(error, MachineError) and error.message.startswith(LOST)


def _hand_over(session: Session, error: HolocineError) -> None:
    """Have an error told once: by the leader, who meets it as well or sees this rank end, or else
    by the process that started the ranks; by this rank, where torchrun started them."""
    asked = session.stop.number
    left = _leave(error)
    until = time.monotonic() + AGREEING
    while session.stop.number == asked and time.monotonic() < until:
        time.sleep(0.1)
    # Where a rank failed, the launcher asks the others to end: that one has told.
    if not left and session.stop.number == asked:
        session.console.fail(error)


def _leave(error: HolocineError) -> bool:
    """Leave an error where the others find it; whether there is such a place."""
    if (room := os.environ.get(ROOM)) is None:
        return False
    try:
        made = Path(room) / f"{os.getpid()}.part"
        made.write_bytes(pickle.dumps(error))
        made.replace(made.with_suffix(".error"))
    except OSError:
        return False
    return True


def _handed_over() -> HolocineError | None:
    """The first error that a rank left."""
    if (room := os.environ.get(ROOM)) is None:
        return None
    left = sorted(Path(room).glob("*.error"), key=lambda path: path.stat().st_mtime_ns)
    return pickle.loads(left[0].read_bytes()) if left else None


def _end_after_leader(number: int) -> None:
    """Where the leader is gone, a rank may wait in an exchange that nothing ends: a while after."""
    if (room := os.environ.get(ROOM)) is None:
        return  # Torchrun ends it, when the time is over that it was given.

    def wait() -> None:
        import fcntl

        # A leader that holds nothing yet was ended by the signal as it began.
        with (Path(room) / _LEADER).open("a") as held:
            fcntl.flock(held, fcntl.LOCK_SH)
        _end_later(number)

    threading.Thread(target=wait, daemon=True).start()


def _end_later(number: int) -> None:
    """Where the leader is gone, a rank may wait in an exchange that nothing ends."""
    timer = threading.Timer(PATIENCE, os._exit, (128 + number,))
    timer.daemon = True
    timer.start()
