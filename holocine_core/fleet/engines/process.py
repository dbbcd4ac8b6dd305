"""A worker as a child process that ends with its parent, and its log."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from holocine_core.request import WORK
from holocine_core.store.processes import in_file_names, this_process

LOGS = "workers"
"""Folder of the workers' logs, beside the folder's record."""
PATIENCE = 120.0
"""Seconds that a worker has to end its step before it is killed."""
ENDS_WITH_STDIN = "HOLOCINE_ENDS_WITH_STDIN"
"""Variable that tells a worker to end when its input does: whoever started it is gone then, however
it ended. (Linux can send a signal then, but for every thread of the parent's, and the second
SIGTERM ends a worker at once.)"""


def logs_of(folder: Path) -> Path:
    """Where the workers of a folder log."""
    return folder / WORK / LOGS


def start_worker(
    words: Sequence[str], at: Path, logs: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker that is told to end when this process ends.

    Args:
        words: Of the command line, from its first word on.
        at: The folder that its paths are relative to.
        logs: Folder of its log, which is named after this process.
        environment: Beside this process's own.
    """
    logs.mkdir(parents=True, exist_ok=True)
    here = this_process()
    path = logs / f"{in_file_names(here.host)}-{here.pid}.log"
    with path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "holocine_cli", *words],
            cwd=at,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # Ctrl-C at a terminal is for who started it: two signals end a worker at once.
            start_new_session=True,
            env={**os.environ, ENDS_WITH_STDIN: "1", **(environment or {})},
        )


def end_worker(worker: subprocess.Popen[bytes], patience: float = PATIENCE) -> int:
    """Ask a worker to end and wait; its exit code."""
    ask_to_end(worker)
    return wait_for_end(worker, patience)


def ask_to_end(worker: subprocess.Popen[bytes]) -> None:
    """To be asked once: a worker that is asked twice ends at once."""
    with contextlib.suppress(ProcessLookupError):
        worker.terminate()


def wait_for_end(worker: subprocess.Popen[bytes], patience: float = PATIENCE) -> int:
    """The exit code of a worker that was asked to end; one that does not is killed."""
    try:
        return worker.wait(patience)
    except subprocess.TimeoutExpired:
        worker.kill()
        return worker.wait()
