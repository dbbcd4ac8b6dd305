"""holocine.json: what a model folder says beyond the configs of its networks. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from holocine_core.errors import InputError, Problem
from holocine_core.model.spec import (
    PROFILE_NAMES,
    Attention,
    Earlier,
    ModelSpec,
    Quality,
    Sampler,
)
from holocine_core.store.files import load_json

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
    "earlier": list,
}
_NESTED = {"profiles", "earlier"}
_QUALITY: Mapping[str, type] = {
    "width": int,
    "height": int,
    "steps": int,
    "guidance": float,
    "shift": float,
    "guidance_stop": float,
    "sampler": str,
    "eta": float,
}
_EARLIER = ("profiles", "files")
_USUAL = {"guidance_stop", "sampler", "eta"}
"""What a profile need not say."""


def card_of(spec: ModelSpec) -> dict[str, Any]:
    """The card that describes ``spec``, ready for JSON."""
    card = {field: getattr(spec, field) for field in _FIELDS if field not in _NESTED}
    card["profiles"] = profiles_record(spec.profiles)
    if spec.earlier:
        card["earlier"] = [
            {
                "profiles": profiles_record(one.profiles),
                **({"files": one.files} if one.files else {}),
            }
            for one in spec.earlier
        ]
    return card


def profiles_record(profiles: Mapping[str, Quality]) -> dict[str, dict[str, Any]]:
    """Profiles as cards and work folders hold them; ``eta`` only where there is one."""
    return {
        name: {key: value for key, value in asdict(quality).items() if value is not None}
        for name, quality in profiles.items()
    }


def read_profiles(record: object, path: Path) -> dict[str, Quality]:
    """Back from :func:`profiles_record`.

    Raises:
        InputError: It is none; ``path`` is where it stands.
    """
    problems = list(_profiles_problems(record, path))
    if problems or not isinstance(record, dict):
        raise InputError.of(problems or [Problem("profiles must be an object", str(path))])
    return {name: _quality(quality) for name, quality in record.items()}


def _quality(record: Mapping[str, Any]) -> Quality:
    eta = record.get("eta")
    return Quality(**{**record, "eta": None if eta is None else float(eta)})


def write_card(folder: Path, spec: ModelSpec) -> None:
    """Write ``folder/holocine.json``."""
    text = json.dumps(card_of(spec), indent=2) + "\n"
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def apply_card(spec: ModelSpec, path: Path) -> ModelSpec:
    """``spec`` with what the card at ``path`` says in its place.

    Raises:
        InputError: One problem per field that is unknown, of the wrong type or out of range.
    """
    card = load_json(path)
    problems = list(_field_problems(card, _FIELDS, path, prefix=""))
    if card.get("attention", "full") not in get_args(Attention):
        problems.append(
            Problem(f"attention is 'full' or 'sparse', not {card['attention']!r}", str(path))
        )
    profiles = card.get("profiles", {})
    problems += _profiles_problems(profiles, path)
    before = card.pop("earlier", [])
    problems += _earlier_problems(before, path)
    if problems:
        raise InputError.of(problems)
    if profiles:
        card["profiles"] = {**spec.profiles, **read_profiles(profiles, path)}
    earlier = tuple(
        Earlier(profiles=read_profiles(one["profiles"], path), files=one.get("files", {}))
        for one in before
    )
    return replace(spec, **card, earlier=earlier)


def _profiles_problems(profiles: object, path: Path, prefix: str = "") -> Iterator[Problem]:
    for name, quality in profiles.items() if isinstance(profiles, dict) else ():
        if name not in PROFILE_NAMES:
            yield Problem(f"there is no profile {prefix}{name!r}", str(path))
        else:
            yield from _quality_problems(f"{prefix}{name}", quality, path)


def _earlier_problems(before: object, path: Path) -> Iterator[Problem]:
    for number, one in enumerate(before if isinstance(before, list) else ()):
        where = f"earlier[{number}]"
        files = one.get("files", {}) if isinstance(one, dict) else None
        hashes = isinstance(files, dict) and all(isinstance(each, str) for each in files.values())
        if not hashes or not isinstance(one.get("profiles"), dict) or set(one) - {*_EARLIER}:
            yield Problem(f"{where} must give profiles, may give files, no more", str(path))
        else:
            yield from _profiles_problems(one["profiles"], path, f"{where}.")


def _quality_problems(name: str, quality: object, path: Path) -> list[Problem]:
    where = str(path)
    if not isinstance(quality, dict) or set(quality) | _USUAL != set(_QUALITY):
        wanted = ", ".join(field for field in _QUALITY if field not in _USUAL)
        known = " and ".join(sorted(_USUAL))
        return [Problem(f"profile {name} must give {wanted}, may give {known}, no more", where)]
    others = {key: value for key, value in quality.items() if key != "eta"}
    problems = _field_problems(others, _QUALITY, path, prefix=f"{name}.")
    sampler, stop = quality.get("sampler", "euler"), quality.get("guidance_stop", 1)
    eta = quality.get("eta")
    if not problems and sampler not in get_args(Sampler):
        known = " or ".join(map(repr, get_args(Sampler)))
        problems.append(Problem(f"{name}.sampler is {known}, not {sampler!r}", where))
    elif not problems and eta is not None and sampler != "sde":
        problems.append(
            Problem(f"{name}.eta belongs to the sampler 'sde', not to {sampler!r}", where)
        )
    if "eta" in quality and not _is_share(eta):
        problems.append(Problem(f"{name}.eta is a number from 0 to 1, not {eta!r}", where))
    if not problems and stop > 1:
        problems.append(Problem(f"{name}.guidance_stop is at most 1, not {stop!r}", where))
    return problems


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
    list: "a list",
}


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is(value: object, kind: type) -> bool:
    if kind in (int, float):
        numbers = (int,) if kind is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool) and value > 0
    return isinstance(value, kind)
