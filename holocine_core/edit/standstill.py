"""An ffmpeg that stands still is ended: whoever waits for it would wait for ever."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

from holocine_core.errors import MachineError

LIMIT_S = 120.0
"""Seconds without a sign of life; much longer than a slow disk takes to wake up."""


class Watch:
    """Looks after one process, the first of its session.

    It counts only while somebody waits for it: an encoder that waits for our next frame is not at
    a standstill. A sign of life is whatever it, or what it started, computes.

    Args:
        process: What is looked after.
        command: Its words, for the error.
    """

    def __init__(self, process: subprocess.Popen[bytes], command: Sequence[str]) -> None:
        self._process, self._command = process, command
        self._limit_s = LIMIT_S
        self._waits = 0
        """Grows by one when a wait begins and when it ends: odd while somebody waits."""
        self._over = Event()
        self._ended = False
        Thread(target=self._look, daemon=True).start()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While this is open somebody waits for the process."""
        self._waits += 1
        try:
            yield
        finally:
            self._waits += 1

    def end(self) -> None:
        """The process is gone."""
        self._over.set()

    def require_alive(self) -> None:
        """Raises MachineError where the process was ended for standing still."""
        if self._ended:
            raise MachineError(
                f"ffmpeg stood still for {self._limit_s:g} s and was ended: "
                f"{shlex.join(self._command)}",
                where=self._command[0],
                hint="check the disks of its files, then run the same command again",
            )

    def _look(self) -> None:
        every = self._limit_s / 24
        idle, seen = 0.0, (-1, 0)
        before = time.monotonic()
        while not self._over.wait(every):
            now, sight = time.monotonic(), (self._waits, computed(self._process.pid))
            # Where this process was stopped itself, nobody looked: that time does not count.
            passed, before = min(now - before, 2 * every), now
            idle = idle + passed if sight == seen and sight[0] % 2 else 0.0
            seen = sight
            if idle >= self._limit_s:
                self._ended = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                return


def computed(session: int) -> int:
    """What the processes of a session have computed so far, in the system's ticks. Where the system
    does not tell, the time: nothing is known to stand still there."""
    if not Path("/proc/self/stat").exists():
        return time.monotonic_ns()
    ticks = 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            told = (
                Path("/proc", name, "stat").read_text(errors="replace").rpartition(")")[2].split()
            )
            if int(told[3]) == session:
                ticks += int(told[11]) + int(told[12])
    return ticks
