"""YAML -> a recipe, or every problem of the file with its place."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from holocine_core.errors import InputError, Problem
from holocine_core.script.manuscript import in_file_order
from holocine_core.script.yaml_source import Key, Source, parse_source

RecipeModel = TypeVar("RecipeModel", bound=BaseModel)


def read_recipe(path: Path, model: type[RecipeModel], *, what: str = "recipe") -> RecipeModel:
    """Read a file as ``model``.

    Args:
        path: YAML, or JSON, which is YAML too.
        model: A frozen tree.
        what: What people call such a file.

    Raises:
        InputError: With every problem of the file, in file order.
    """
    source = _source(path, what)
    if not isinstance(source.data, dict):
        known = list(model.model_fields)
        raise InputError(
            f"a {what} is a mapping of keys like {known[0]}: and {known[-1]}:", where=str(path)
        )
    problems = list(source.problems)
    try:
        recipe = model.model_validate_json(json.dumps(source.data))
    except ValidationError as error:
        problems += [
            _problem(source, model, detail)
            for detail in error.errors()
            # A list whose items all failed counts as too short too; the items say why.
            if not (detail["type"] == "too_short" and detail["input"])
        ]
    if problems:
        raise InputError.of(in_file_order(problems))
    return recipe


def _source(path: Path, what: str) -> Source:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"no {what} at {path}", where=str(path), hint="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} can't be read: {error}", where=str(path)) from error
    if not text.strip():
        raise InputError(
            f"the {what} is empty",
            where=f"{path}:1:1",
            hint="`holocine train --list` names some to copy" if what == "recipe" else "",
        )
    return parse_source(text, path)


def _problem(source: Source, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    key: Key = tuple(detail["loc"])
    kind, value = detail["type"], detail["input"]
    name = ".".join(str(part) for part in key) or "recipe"
    if kind == "extra_forbidden":
        known = _keys_at(model, key[:-1])
        near = difflib.get_close_matches(str(key[-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return Problem(f"unknown key `{key[-1]}`", source.where(key, name=True), hint)
    if kind == "missing":
        return Problem(f"`{name}` is missing", source.where(key[:-1]), f"add `{key[-1]}:`")
    if kind == "value_error":
        words = str(detail.get("ctx", {}).get("error", detail["msg"]))
        message, _, hint = words.partition("; ")
        return Problem(message, _where_said(source, key, message), hint)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(allowed)}"
        return Problem(f"`{name}` can't be {_shown(value)}", source.where(key), hint)
    limit = detail["msg"].removeprefix("Input ").lower().replace("should", "it must", 1)
    return Problem(f"`{name}` can't be {_shown(value)}", source.where(key), limit)


def _where_said(source: Source, key: Key, message: str) -> str:
    """Where the first key stands that a message names, if the file has it once below the place that
    the message is of; else that place: what a whole is wrong in has a line of its own."""
    named = _NAMED.search(message)
    parts: Key = tuple(named[1].split(".")) if named else ()
    inside = [
        one
        for one in source.key_places
        if parts and len(one) > len(key) and one[: len(key)] == key and one[-len(parts) :] == parts
    ]
    return source.where(inside[0], name=True) if len(inside) == 1 else source.where(key)


_NAMED = re.compile(r"`(\w+(?:\.\w+)*)[:`]")
"""A key in a message: ``schedule.warm_up``, ``train: lora``."""


def _keys_at(model: type[BaseModel], key: Key) -> list[str]:
    """The keys that a recipe knows at a place."""
    at: type[BaseModel] | None = model
    named = False
    for part in key:
        if isinstance(part, int) or at is None:
            continue
        if named:  # A name that the file gives, not one of ours.
            named = False
            continue
        field = next((f for n, f in at.model_fields.items() if part in (n, f.alias)), None)
        named = field is not None and get_origin(field.annotation) is dict
        at = _model_of(field.annotation) if field is not None else None
    return list(at.model_fields) if at is not None else []


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model inside an annotation such as ``tuple[Phase, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_of(part) for part in getattr(annotation, "__args__", ()))
    return next((part for part in found if part is not None), None)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "this list"
    return "empty" if value is None else f"'{value}'"
