"""The live log for machines: ``run.jsonl`` in the work folder, one event per line."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

from holocine_core.events import Emit, Event
from holocine_core.store.vault import disk_errors

NAME = "run.jsonl"


@contextlib.contextmanager
def journal(folder: Path, emit: Emit) -> Iterator[Emit]:
    """An emitter that also appends every event to the folder's log, with the time and its name."""
    path = folder / NAME
    with disk_errors("write the log", path):
        log = path.open("a", encoding="utf-8", buffering=1)
        if _torn(path):
            log.write("\n")

    def write(event: Event) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
        line = {"time": stamp, "event": type(event).__name__, **dataclasses.asdict(event)}
        with disk_errors("write the log", path):
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
        emit(event)

    try:
        yield write
    finally:
        # Lines that could not be written were told then; closing tries, and fails, once more.
        with contextlib.suppress(OSError):
            log.close()


def _torn(path: Path) -> bool:
    """Whether a killed render left the log's last line without its end."""
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
