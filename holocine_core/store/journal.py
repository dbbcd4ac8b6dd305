"""The live log for machines: ``run.jsonl`` in the work folder, one event per line."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from holocine_core.events import Emit, Event
from holocine_core.store.files import open_file, open_log
from holocine_core.store.vault import disk_errors

NAME = "run.jsonl"
_TAIL = 1 << 20
"""Bytes of a log that tell how things stand."""


@contextlib.contextmanager
def journal(folder: Path, emit: Emit) -> Iterator[Emit]:
    """An emitter that also appends every event to the folder's log, with the time and its name."""
    path = folder / NAME
    with disk_errors("write the log", path):
        if path.exists():
            open_file(path).close()  # Else a pipe is waited for.
        log = open_log(path)
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
    with open_file(path) as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def lines_of(folder: Path, *names: str) -> Iterator[dict[str, Any]]:
    """All lines of a folder's log that tell of events of these names, those that are whole."""
    wanted = [json.dumps(name).encode() for name in names]
    try:
        with open_file(folder / NAME) as file:
            for line in file:
                if not any(name in line for name in wanted):
                    continue
                with contextlib.suppress(ValueError):
                    told = json.loads(line)
                    if isinstance(told, dict) and told.get("event") in names:
                        yield told
    except OSError:
        return


def last_line(folder: Path) -> dict[str, Any] | None:
    """The last whole line of a folder's log."""
    lines = last_lines(folder)
    return lines[-1] if lines else None


def last_lines(folder: Path) -> list[dict[str, Any]]:
    """The last lines of a folder's log, those that are whole; none where there is no log."""
    path = folder / NAME
    try:
        with open_file(path) as file:
            length = file.seek(0, 2)
            file.seek(max(0, length - _TAIL))
            tail = file.read()
    except OSError:
        return []
    lines: Iterable[bytes] = tail.split(b"\n")[1 if length > _TAIL else 0 :]
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict):
                found.append(told)
    return found
