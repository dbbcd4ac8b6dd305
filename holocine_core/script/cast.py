"""Which characters a screenplay's data declares and names, as far as it can be read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from holocine_core.errors import MOST_TOLD
from holocine_core.script import prompt as prompts


def declared_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """The film's characters; none where they are no mapping, which is told elsewhere."""
    declared = data.get("characters")
    return declared if isinstance(declared, dict) else {}


def is_readable(data: Mapping[str, Any]) -> bool:
    """Whether it is known which characters there are; else nobody can be said to be unknown."""
    return isinstance(data.get("characters", {}), dict)


def named_anywhere(value: Any) -> set[str]:
    """Every name that stands in braces anywhere in the data, as a text or as YAML takes it."""
    waiting, found = [value], set()
    while waiting:
        at = waiting.pop()
        if isinstance(at, str):
            found |= {mention.name or "" for mention in prompts.mentions(at)}
        elif isinstance(at, dict):
            found |= {name for name, one in at.items() if one is None}
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at
    return found


def listed_in(data: Mapping[str, Any]) -> set[str]:
    scenes = data.get("scenes")
    return {
        name
        for scene in (scenes if isinstance(scenes, list) else ())
        if isinstance(scene, dict) and isinstance(scene.get("characters"), list)
        for name in scene["characters"]
        if isinstance(name, str)
    }


class Nearest:
    """The declared name that an unknown one is most like; empty where none is.

    Comparing takes its time: the first hundred unknown names are compared with the first thousand.
    """

    def __init__(self, declared: Iterable[str]) -> None:
        self._declared = tuple(islice(declared, 1000))
        self._found: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._found and len(self._found) < MOST_TOLD:
            near = difflib.get_close_matches(name, self._declared, n=1)
            self._found[name] = near[0] if near else ""
        return self._found.get(name, "")
