"""Records: small JSON files of our own that show when they were damaged.

What is written carries a sum of itself. Records of earlier versions have none, and count as they
are.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.store.files import read_json, write_json

CHECK = "check"
"""The key of the sum."""


class DamagedRecord(InputError):
    """A record is there and is not what was written."""


def sidecar_path(film: Path) -> Path:
    """``scene.mp4`` -> ``scene.mp4.json``: what is told of a file that people name."""
    return film.with_name(film.name + ".json")


def write_record(path: Path, value: Mapping[str, Any]) -> None:
    """Write a record whole; the system's errors pass.

    Args:
        path: In a folder that is there.
        value: What JSON can hold, without :data:`CHECK`.
    """
    write_json(path, {**value, CHECK: _sum(value)})


def read_record(path: Path) -> dict[str, Any] | None:
    """What was written, without its sum; None where there is no such file.

    Raises:
        DamagedRecord: Something else is there by now.
        InputError: What has its name is no file, or far too large: nothing of ours.
        MachineError: It is there and can't be read now.
    """
    value = read_json(path)
    if value is None:
        if not os.path.lexists(path):
            return None
        raise _damaged(path)
    if CHECK in value and value.pop(CHECK) != _sum(value):
        raise _damaged(path)
    return value


def intact_record(path: Path) -> dict[str, Any]:
    """As :func:`read_record`; empty where there is none, or a damaged one.

    Raises:
        InputError: What has its name is no file, or far too large: nothing of ours.
        MachineError: It is there and can't be read now.
    """
    try:
        return read_record(path) or {}
    except DamagedRecord:
        return {}


def _sum(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _damaged(path: Path) -> DamagedRecord:
    return DamagedRecord(
        f"{path.name} is damaged", where=str(path), hint="check the disk, and remove this file"
    )
