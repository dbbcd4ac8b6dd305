"""holocine.json: what a model folder says beyond the configs of its networks. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from holocine_core.errors import InputError, Problem
from holocine_core.model.spec import PROFILE_NAMES, Attention, ModelSpec, Quality, Sampler

CARD_NAME = "holocine.json"
_FIELDS: Mapping[str, type] = {
    "name": str,
    "summary": str,
    "attention": str,
    "text_tokens": int,
    "text_padding": bool,
    "fps": int,
    "max_frames": int,
    "low_precision_timestep": bool,
    "clean_shots": bool,
    "guide_summaries": bool,
    "profiles": dict,
    "licence": str,
    "note": str,
}
_QUALITY: Mapping[str, type] = {
    "width": int,
    "height": int,
    "steps": int,
    "guidance": float,
    "shift": float,
    "guidance_stop": float,
    "sampler": str,
}
_USUAL = {"guidance_stop", "sampler"}
"""What a profile need not say."""


def card_of(spec: ModelSpec) -> dict[str, Any]:
    """The card that describes ``spec``, ready for JSON."""
    card = {field: getattr(spec, field) for field in _FIELDS if field != "profiles"}
    return {**card, "profiles": {name: asdict(q) for name, q in spec.profiles.items()}}


def write_card(folder: Path, spec: ModelSpec) -> None:
    """Write ``folder/holocine.json``."""
    text = json.dumps(card_of(spec), indent=2) + "\n"
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def apply_card(spec: ModelSpec, path: Path) -> ModelSpec:
    """``spec`` with what the card at ``path`` says in its place.

    Raises:
        InputError: One problem per field that is unknown, of the wrong type or out of range.
    """
    card = read_json(path)
    problems = list(_field_problems(card, _FIELDS, path, prefix=""))
    if card.get("attention", "full") not in get_args(Attention):
        problems.append(
            Problem(f"attention is 'full' or 'sparse', not {card['attention']!r}", str(path))
        )
    profiles = card.get("profiles", {})
    for name, quality in profiles.items() if isinstance(profiles, dict) else ():
        if name not in PROFILE_NAMES:
            problems.append(Problem(f"there is no profile {name!r}", str(path)))
        else:
            problems += _quality_problems(name, quality, path)
    if problems:
        raise InputError.of(problems)
    if profiles:
        read = {name: Quality(**quality) for name, quality in profiles.items()}
        card["profiles"] = {**spec.profiles, **read}
    return replace(spec, **card)


def _quality_problems(name: str, quality: object, path: Path) -> list[Problem]:
    where = str(path)
    if not isinstance(quality, dict) or set(quality) | _USUAL != set(_QUALITY):
        wanted = ", ".join(field for field in _QUALITY if field not in _USUAL)
        known = " and ".join(sorted(_USUAL))
        return [Problem(f"profile {name} must give {wanted}, may give {known}, no more", where)]
    problems = _field_problems(quality, _QUALITY, path, prefix=f"{name}.")
    sampler, stop = quality.get("sampler", "euler"), quality.get("guidance_stop", 1)
    if not problems and sampler not in get_args(Sampler):
        problems.append(Problem(f"{name}.sampler is 'euler' or 'unipc', not {sampler!r}", where))
    if not problems and stop > 1:
        problems.append(Problem(f"{name}.guidance_stop is at most 1, not {stop!r}", where))
    return problems


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; InputError where it is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as gone:
        raise InputError(f"{path.name} can not be read: {gone.strerror}", where=str(path)) from gone
    except ValueError as broken:
        raise InputError(f"{path.name} is no JSON: {broken}", where=str(path)) from broken
    if not isinstance(value, dict):
        raise InputError(f"{path.name} must hold a JSON object", where=str(path))
    return value


def _field_problems(
    values: Mapping[str, Any], fields: Mapping[str, type], path: Path, *, prefix: str
) -> list[Problem]:
    problems = []
    for name, value in values.items():
        kind = fields.get(name)
        if kind is None:
            known = ", ".join(fields)
            problems.append(
                Problem(f"unknown field {prefix}{name}", str(path), f"known are: {known}")
            )
        elif not _is(value, kind):
            problems.append(
                Problem(f"{prefix}{name} must be {_WORDS[kind]}, not {value!r}", str(path))
            )
    return problems


_WORDS = {
    str: "a text",
    int: "a whole number above 0",
    float: "a number above 0",
    bool: "true or false",
    dict: "an object",
}


def _is(value: object, kind: type) -> bool:
    if kind in (int, float):
        numbers = (int,) if kind is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool) and value > 0
    return isinstance(value, kind)
