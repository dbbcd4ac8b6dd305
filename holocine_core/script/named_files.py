"""The files that a screenplay names, whatever else is right or wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.script.yaml_source import read_source

_ONE = ("file", "image")
_SEVERAL = ("keyframes", "lora")
"""Keys whose values are files, or hold some under keys of any name."""


def named_files(screenplay: Path) -> tuple[Path, ...] | None:
    """Pictures, sounds, music and LoRAs of a screenplay, there or not; None where it is no YAML.

    Args:
        screenplay: Its file; what it names is relative to it.
    """
    try:
        data = read_source(screenplay).data
    except InputError:
        return None
    found = (name for name in _named(data) if name and "\0" not in name)
    return tuple(dict.fromkeys(screenplay.parent / name for name in found))


def _named(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for item in data:
            yield from _named(item)
    elif isinstance(data, dict):
        for key, value in data.items():
            if key in _ONE and isinstance(value, str):
                yield value
            elif key in _SEVERAL:
                yield from _texts(value)
            yield from _named(value)


def _texts(value: Any) -> Iterator[str]:
    """A text, or those directly in a list or mapping."""
    inside = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    )
    yield from (one for one in inside if isinstance(one, str))
