"""What can be set, by which names, and what is no value of it. One declaration for files, variables
and the page that shows them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from holocine_core.errors import InputError, Problem
from holocine_core.film.naming import is_template, require_template

PREFIX = "HOLOCINE_"
USER_FILE = f"{PREFIX}CONFIG"
"""Variable that names the user's file in place of the usual one; empty for none."""
FILMS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
"""What files of films end in: a folder of films does not."""
OTHERS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "CONFIG", "CPU_ATTENTION", "ENDS_WITH_STDIN", "IMPORTS", "LEASE", "RANKS", "RESULT",
        "BENCHMARK_STARTED",
    )
)  # fmt: skip
"""Variables of ours that are no settings."""


def _anything(text: str) -> None:
    return None


def _folder(text: str) -> None:
    """Raises InputError where a text names neither a folder nor files by a template."""
    path = Path(text)
    if is_template(path):
        require_template(text)
    elif path.suffix.lower() in FILMS:
        raise InputError(
            f"'{text}' names one film, and settings are for many",
            hint="name their folder, or all of them by a template: films/{stem}.mp4",
        )


def _device(text: str) -> None:
    from holocine_core.model.devices import require_device_name

    require_device_name(text)


def _memory(text: str) -> None:
    from holocine_core.model.memory import STRATEGIES

    if text not in ("auto", *STRATEGIES):
        raise InputError(
            f"there is no placement '{text}'", hint=f"one of auto, {', '.join(STRATEGIES)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A setting.

    Attributes:
        name: In files.
        variable: In the environment.
        is_path: Whether its value is one.
        refuse: Raises InputError where a text is none of its values.
    """

    name: str
    variable: str
    is_path: bool = False
    refuse: Callable[[str], None] = _anything


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(name="profile", variable=f"{PREFIX}PROFILE"),
        Key(name="model", variable=f"{PREFIX}MODEL"),
        Key(name="out", variable=f"{PREFIX}OUT", is_path=True, refuse=_folder),
        Key(name="work", variable=f"{PREFIX}WORK", is_path=True, refuse=_folder),
        Key(name="models_dir", variable=f"{PREFIX}MODELS", is_path=True),
        Key(name="device", variable=f"{PREFIX}DEVICE", refuse=_device),
        Key(name="memory", variable=f"{PREFIX}MEMORY", refuse=_memory),
    )
}
PROFILES = "profiles"
"""Table of the user's own profiles."""


def misspelled(environment: Mapping[str, str] = os.environ) -> list[Problem]:
    """Variables that nobody reads and that are called almost as a setting is."""
    meant = {key.upper(): one.variable for key, one in KEYS.items()}
    meant |= {one.removeprefix(PREFIX): one for one in (*meant.values(), USER_FILE)}
    found = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in OTHERS or name in meant.values():
            continue
        near = difflib.get_close_matches(name.removeprefix(PREFIX).upper(), meant, n=1, cutoff=0.65)
        if near:
            found.append(
                Problem(
                    f"nothing is set by the variable {name}", "", f"did you mean {meant[near[0]]}?"
                )
            )
    return found
