"""A screenplay whose keys are called almost as ours: read as it was meant, so that what stands
below such a key is told with it, and nothing that only seems to lack."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from holocine_core.errors import Problem
from holocine_core.script.other_words import key_meant
from holocine_core.script.screenplay import SCENE_KEYS, Scene, Screenplay, Shot
from holocine_core.script.yaml_source import Key, Source

_FORMS: Mapping[str, type] = {
    "scenes": list,
    "shots": list,
    "characters": dict,
    "global": str,
    "prompt": str,
}
"""Keys that others depend on, and what stands under each: only a value of that form is meant so."""
_NEAR = 0.75
"""How alike a key must be to one of ours; what only reminds of it is left unread."""


def as_meant(source: Source) -> tuple[Source, list[Problem]]:
    """A source with such keys under our names, and a problem for each of them.

    Args:
        source: Whose data is a mapping. It stays as it is; places are still those of the file.
    """
    moves: list[tuple[Key, Key]] = []
    problems: list[Problem] = []

    def read(at: Mapping[str, Any], there: Key, level: Level) -> dict[str, Any]:
        renamed = dict(_renamed(at, level))
        for word, key in renamed.items():
            where = source.where(_before((*there, word), moves), name=True)
            moves.append(((*there, word), (*there, key)))
            problems.append(Problem(f"unknown key `{word}`", where, f"did you mean `{key}`?"))
        return {renamed.get(word, word): value for word, value in at.items()}

    def items(data: dict[str, Any], key: str, there: Key, level: Level) -> None:
        """Read what stands in a list of a mapping."""
        if isinstance(listed := data.get(key), list):
            data[key] = [
                read(item, (*there, key, i), level) if isinstance(item, dict) else item
                for i, item in enumerate(listed)
            ]

    data = read(source.data, (), _TOP if "scenes" in source.data else _ANY_TOP)
    items(data, "scenes", (), _SCENE)
    items(data, "shots", (), _SHOT)
    scenes = data.get("scenes")
    for i, scene in enumerate(scenes if isinstance(scenes, list) else ()):
        if isinstance(scene, dict):
            items(scene, "shots", ("scenes", i), _SHOT)
    if not moves:
        return source, []
    return _moved(source, data, moves), problems


Level = Sequence[type[BaseModel]]
"""The models whose keys may stand in a place, the nearest first."""
_TOP: Level = (Screenplay,)
_ANY_TOP: Level = (Screenplay, Scene)
_SCENE: Level = (Scene,)
_SHOT: Level = (Shot,)


def _renamed(at: Mapping[str, Any], level: Level) -> Iterator[tuple[str, str]]:
    """Words of a mapping that are no keys, each with the one that is meant and does not stand
    there."""
    known = [_keys(model) for model in level]
    taken = set(at)
    for word, value in at.items():
        if any(word in keys for keys in known):
            continue
        plain = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
        for model, keys in zip(level, known, strict=True):
            near = difflib.get_close_matches(plain, keys, n=1, cutoff=_NEAR)
            key = key_meant(plain, model) or (near[0] if near else "")
            if key in _FORMS and isinstance(value, _FORMS[key]) and key not in taken:
                taken.add(key)
                yield word, key
            if key:
                break


def _keys(model: type[BaseModel]) -> frozenset[str]:
    """A model's keys, as far as they may stand in its place."""
    if model is Scene:
        return SCENE_KEYS | {"characters"}
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _before(key: Key, moves: Sequence[tuple[Key, Key]]) -> Key:
    """Where a place stood in the file; moves are told from the outside in."""
    for was, now in reversed(moves):
        if key[: len(now)] == now:
            key = (*was, *key[len(now) :])
    return key


def _moved(source: Source, data: Any, moves: Sequence[tuple[Key, Key]]) -> Source:
    """A source with other data, whose places are told by the new keys as well."""

    def now(key: Key) -> Key:
        for was, new in moves:
            if key[: len(was)] == was:
                key = (*new, *key[len(was) :])
        return key

    places, keys = dict(source.places), dict(source.key_places)
    ends = dict(source.ends)
    places.update({now(key): place for key, place in source.places.items()})
    keys.update({now(key): place for key, place in source.key_places.items()})
    ends.update({now(key): line for key, line in source.ends.items()})
    return replace(source, data=data, places=places, key_places=keys, ends=ends)
