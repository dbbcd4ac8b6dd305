"""An engine's name and its settings, as they are given to it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holocine_core.errors import InputError, MachineError


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of an engine.

    Attributes:
        read: Makes its value of a text; raises ValueError.
        about: What it says.
    """

    read: Callable[[str], Any]
    about: str


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a whole number from 1 on")
    return int(text)


def minutes(text: str) -> int:
    """``8:00:00``, ``8:00`` hours and minutes, or minutes."""
    parts = text.split(":")
    if not all(part.isdecimal() for part in parts) or len(parts) > 3 or not text:
        raise ValueError("a length such as 8:00:00, or minutes")
    if len(parts) == 1:
        return count(text)
    hours, rest = int(parts[0]), int(parts[1])
    return count(str(60 * hours + rest + (len(parts) == 3 and int(parts[2]) > 0)))


def read_settings(
    engine: str, given: Sequence[str], known: Mapping[str, Setting]
) -> dict[str, Any]:
    """``KEY=VALUE`` words as values.

    Raises:
        InputError: A word is none, its key is unknown or given twice, or its value is none.
    """
    found: dict[str, Any] = {}
    keys = ", ".join(f"{key} ({setting.about})" for key, setting in known.items())
    for word in given:
        key, equals, text = word.partition("=")
        if not equals or key not in known:
            raise InputError(
                f"'{word}' is no setting of the engine {engine}", where="--engine", hint=keys
            )
        if key in found:
            raise InputError(f"'{key}' is given twice", where="--engine", hint="give it once")
        try:
            found[key] = known[key].read(text)
        except ValueError as wrong:
            raise InputError(
                f"'{text}' is no value of {key}: it is {wrong}", where="--engine"
            ) from None
    return found


def require_package(name: str, engine: str, extra: str) -> None:
    """Raises MachineError where an engine's library is not installed."""
    if importlib.util.find_spec(name) is None:
        raise MachineError(
            f"the engine {engine} needs {name}, which is not installed",
            where="--on",
            hint=f"pip install 'holocine[{extra}]'",
        )
