"""Which process on which host: what a lease or a half-written file says of who made it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_PIDS = Path("/proc/self/ns/pid")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process, told apart from all others of all hosts that share a folder.

    Attributes:
        host: The host's name.
        pid: Its number there.
        pids: Among which numbers: two containers may share a host's name, and not its processes.
        start: When it was started, as its host counts; empty where that is not known. A number is
            given again, a number with its start is not.
    """

    host: str
    pid: int
    pids: str = ""
    start: str = ""

    @property
    def boot(self) -> str:
        """Of its host, where that is known."""
        return self.start.partition(" ")[0]

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def is_gone(self) -> bool:
        """Whether it has certainly ended. Of another host's nothing is certain, nor of one that was
        started in another boot: that may be another host of the same name."""
        here = this_process()
        if (self.host, self.pids, self.boot) != (here.host, here.pids, here.boot):
            return False
        told = _stat(self.pid)
        if told is None:
            return not answers(self.pid)
        began = self.start.partition(" ")[2]
        return told.state in "ZX" or bool(began and self.start != told.start)


def this_process() -> Process:
    """The one that asks."""
    pids = ""
    with contextlib.suppress(OSError):
        pids = str(_PIDS.stat().st_ino)
    told = _stat(os.getpid())
    return Process(
        host=socket.gethostname(),
        pid=os.getpid(),
        pids=pids,
        start="" if told is None else told.start,
    )


def in_file_names(host: str) -> str:
    """A host's name, fit for the name of a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", host) or "host"


def read_process(told: Mapping[str, Any]) -> Process | None:
    """The process that a record tells of; None where it tells of none."""
    host, pid = told.get("host"), told.get("pid")
    if not isinstance(host, str) or not isinstance(pid, int) or pid < 1:
        return None
    return Process(
        host=host, pid=pid, pids=str(told.get("pids", "")), start=str(told.get("start", ""))
    )


class _Stat(NamedTuple):
    state: str
    start: str


def _stat(pid: int) -> _Stat | None:
    """A process of this host: its state, and its boot with a count of ticks since; None where the
    system does not say, or there is none."""
    try:
        # Behind the name, which may hold anything, the state is first, the start the twentieth.
        told = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return _Stat(told[0], f"{_BOOT.read_text().strip()} {told[19]}")
    except (OSError, IndexError):
        return None


def answers(pid: int) -> bool:
    """Whether a process of this host has a number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
