"""What pydantic finds wrong with a screenplay, in our words and with a remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from holocine_core.errors import Problem
from holocine_core.sampling import PIXELS_WORDS
from holocine_core.script.manuscript import Manuscript
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
    name = _dotted(key)
    if kind == "missing":
        return manuscript.problem(key[:-1], f"`{key[-1]}` is missing", f"add `{key[-1]}:`")
    if kind in _TYPES:
        if value is None:
            return manuscript.problem(key, f"`{name}` has no value", "fill it in or drop the key")
        wanted, remedy = _TYPES[kind]
        return manuscript.problem(key, f"`{name}` must be {wanted}, not {_shown(value)}", remedy)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(allowed)}"
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


def _pattern_words(name: str, key: Key, value: Any) -> tuple[str, str]:
    if key[-1] == "size" and re.fullmatch(r"[1-9]\d*x[1-9]\d*", str(value)):
        return f"`{name}` is {_shown(value)}", PIXELS_WORDS
    if key[-1] == "size":
        return f"`{name}` is {_shown(value)}", "write width x height in pixels: 832x480"
    if key == ("profile",):
        return f"`{name}` is {_shown(value)}", "draft, standard, final, or a name of your own"
    if key[-1] == "id":
        return f"`{name}` is {_shown(value)}", "letters, digits, - and _ only, 64 at most"
    return f"`{name}` has no text", "write something or drop it"


def _unknown_key(manuscript: Manuscript, key: Key, data: Mapping[str, Any]) -> Problem:
    model = _model_at(key[:-1])
    known = [field.alias or name for name, field in model.model_fields.items()]
    if model is Screenplay and manuscript.flat:
        known += SCENE_KEYS
    word = str(key[-1])
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(set(known)))}"
    characters = data.get("characters")
    if model is Shot and isinstance(characters, dict) and word in characters:
        hint = f'a text that begins with {{{word}}} needs quotes: "{{{word}}} smiles."'
    return Problem(f"unknown key `{word}`", manuscript.where(key, name=True), hint)


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
