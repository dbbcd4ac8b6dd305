"""What pydantic finds wrong with a screenplay, in our words and with a remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from holocine_core.errors import Problem
from holocine_core.sampling import PIXELS_WORDS, SIZE_WORDS
from holocine_core.script.camera_words import WORDS, camera_word
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.other_words import key_meant, meant_by, value_meant
from holocine_core.script.screenplay import (
    SCENE_KEYS,
    Adjusted,
    Card,
    Cards,
    Deliver,
    Lora,
    Music,
    Profiles,
    Scene,
    Screenplay,
    Shot,
    Sound,
    TransitionTo,
    Video,
)
from holocine_core.script.yaml_source import Key

# What pydantic calls a wrong type -> what it should be, and the remedy.
_TYPES = {
    "string_type": ("text", "put it between quotes"),
    "int_type": ("a whole number", "write digits without quotes: 7"),
    "int_from_float": ("a whole number", "drop the decimals"),
    "float_type": ("a number", "write digits without quotes: 2.5"),
    "bool_type": ("true or false", "write true or false without quotes"),
    "tuple_type": ("a list", "begin each item's line with -"),
    "dict_type": ("a mapping", "write `key: value` lines"),
    "model_type": ("a mapping", "write `key: value` lines"),
    "model_attributes_type": ("a mapping", "write `key: value` lines"),
}
_TIMES = frozenset({"seconds", "offset", "fade_in", "fade_out"})
"""Keys that take a number of seconds with its unit."""
_NAMED_LOOKS = "write a line for each: olga: an old woman"
_IN_SECONDS = "write it without quotes or with its unit: 2.5 or 2.5s"
_MODELS: Mapping[str, type[BaseModel]] = {
    "transition": TransitionTo,
    "sound": Sound,
    "music": Music,
    "profiles": Profiles,
    "cards": Cards,
    "opening": Card,
    "closing": Card,
    "deliver": Deliver,
    "video": Video,
    "draft": Adjusted,
    "standard": Adjusted,
    "final": Adjusted,
}


def _model_at(key: Key) -> type[BaseModel]:
    """The model whose keys stand at a place of the data."""
    if not key:
        return Screenplay
    if isinstance(key[-1], int) and len(key) > 1:
        lists: Mapping[str, type[BaseModel]] = {"shots": Shot, "scenes": Scene, "lora": Lora}
        return lists.get(str(key[-2]), Screenplay)
    return _MODELS.get(str(key[-1]), Screenplay)


def told_once(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """What pydantic found, without keys that lack only because they stand there by another name."""
    unknown = [one["loc"] for one in details if one["type"] == "extra_forbidden"]
    meant = {(*loc[:-1], key_meant(str(loc[-1]), _model_at(loc[:-1]))) for loc in unknown}
    return [one for one in details if not (one["type"] == "missing" and one["loc"] in meant)]


def shape_problem(manuscript: Manuscript, detail: ErrorDetails, data: Mapping[str, Any]) -> Problem:
    key: Key = tuple(part for part in detail["loc"])
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(manuscript, key, data)
    if key and key[-1] in ("int", "str"):
        key = key[:-1]
        return manuscript.problem(
            key,
            f"{_shown(value)} is no cut point",
            'a cut is a frame (37), seconds ("5.0s") or a timecode ("00:00:08.20")',
        )
    if kind == "int_type" and isinstance(value, float):
        kind = "int_from_float"  # Strict pydantic does not tell them apart.
    name = _dotted(_as_written(manuscript, key))
    if kind == "missing":
        return manuscript.problem(key[:-1], f"`{key[-1]}` is missing", f"add `{key[-1]}:`")
    if kind in _TYPES:
        if value is None:
            return manuscript.problem(key, f"`{name}` has no value", "fill it in or drop the key")
        wanted, told = _TYPES[kind][0], _remedy(kind, key, name, value)
        return manuscript.problem(key, f"`{name}` must be {wanted}, not {_shown(value)}", told)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = difflib.get_close_matches(str(value), allowed, n=1)
        allowed = [word for word in allowed if word.startswith(f"{value} ")] or allowed
        others = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(allowed)}"
        hint = value_meant(str(key[-1]), str(value)) or _camera_hint(name, str(value)) or others
        return manuscript.problem(key, f"`{name}` can't be {_shown(value)}", hint)
    if kind == "value_error":
        message, _, remedy = str(context.get("error", detail["msg"])).partition("; ")
        return manuscript.problem(key, message, remedy)
    if kind == "string_pattern_mismatch":
        return manuscript.problem(key, *_pattern_words(name, key, value))
    if kind == "too_short" or kind == "string_too_short":
        return manuscript.problem(key, f"`{name}` is empty", "write something or drop it")
    limit = detail["msg"].removeprefix("Input should be ").lower()
    return manuscript.problem(key, f"`{name}` can't be {_shown(value)}", f"it must be {limit}")


def _remedy(kind: str, key: Key, name: str, value: Any) -> str:
    """What to do about a value of a wrong type."""
    if name in _TIMES and isinstance(value, str):
        return _IN_SECONDS
    if kind == "string_type" and isinstance(value, list | dict):
        return "write one text"
    if key == ("characters",) and kind == "dict_type":
        return _NAMED_LOOKS
    return _TYPES[kind][1]


def _pattern_words(name: str, key: Key, value: Any) -> tuple[str, str]:
    if key[-1] == "size" and re.fullmatch(r"[1-9]\d*x[1-9]\d*", str(value)):
        return f"`{name}` is {_shown(value)}", PIXELS_WORDS
    if key[-1] == "size":
        return f"`{name}` is {_shown(value)}", SIZE_WORDS
    if key == ("profile",):
        return f"`{name}` is {_shown(value)}", "draft, standard, final, or a name of your own"
    if key[-1] == "id":
        return f"`{name}` is {_shown(value)}", "letters, digits, - and _ only, 64 at most"
    return f"`{name}` has no text", "write something or drop it"


def _unknown_key(manuscript: Manuscript, key: Key, data: Mapping[str, Any]) -> Problem:
    model = _model_at(key[:-1])
    known = [field.alias or name for name, field in model.model_fields.items()]
    models = [model]
    if model is Screenplay and manuscript.flat:
        known += SCENE_KEYS
        models.append(Scene)
    word = str(key[-1])
    hint = meant_by(word, models) or _near_key(word, known)
    characters = data.get("characters")
    if model is Shot and isinstance(characters, dict) and word in characters:
        hint = f'a text that begins with {{{word}}} needs quotes: "{{{word}}} smiles."'
    return Problem(f"unknown key `{word}`", manuscript.where(key, name=True), hint)


def _near_key(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(set(known)))}"


def _camera_hint(key: str, value: str) -> str:
    """The camera's word that a value of a key means, or another key's; empty where it is none."""
    for other in (key, *(name for name in WORDS if name != key)) if key in WORDS else ():
        if word := camera_word(other, value):
            return f"did you mean '{word}'?" if other == key else f"write `{other}: {word}`"
    return ""


def _as_written(manuscript: Manuscript, key: Key) -> Key:
    """A key that stands in the file: a value may be written in place of a mapping of one."""
    while len(key) > 1 and manuscript.key(key) not in manuscript.source.places:
        key = key[:-1]
    return key


def _dotted(key: Key) -> str:
    parts = [str(part) for part in key if not isinstance(part, int)]
    return parts[-1] if parts else "screenplay"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "empty"
    text = str(value)
    return f"'{text[:40]}...'" if len(text) > 40 else f"'{text}'"
