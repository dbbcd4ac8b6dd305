"""holocine.json: what a model folder says beyond the configs of its networks. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from holocine_core.errors import InputError, Problem
from holocine_core.model.spec import Earlier, ModelSpec
from holocine_core.sampling import PROFILE_NAMES, Attention, Profile
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
    "files": dict,
}
FILES: Mapping[str, str] = {
    "expert_high": "transformer",
    "expert_low": "transformer_2",
    "text_encoder": "text_encoder",
    "vae": "vae",
    "tokenizer": "tokenizer",
}
"""What a card calls the files it names -> the part."""
_NESTED = {"profiles", "earlier", "files"}
_EARLIER = ("profiles", "files")
_PROFILE = tuple(Profile.model_fields)
_USUAL = {name for name, field in Profile.model_fields.items() if not field.is_required()}
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


def profiles_record(profiles: Mapping[str, Profile]) -> dict[str, dict[str, Any]]:
    """Profiles as cards and work folders hold them."""
    return {name: profile.record() for name, profile in profiles.items()}


def read_profiles(record: object, path: Path) -> dict[str, Profile]:
    """Back from :func:`profiles_record`.

    Raises:
        InputError: It is none; ``path`` is where it stands.
    """
    problems = list(_profiles_problems(record, path))
    if problems or not isinstance(record, dict):
        raise InputError.of(problems or [Problem("profiles must be an object", str(path))])
    return {name: _profile(profile) for name, profile in record.items()}


def _profile(record: Mapping[str, Any]) -> Profile:
    eta = record.get("eta")
    return Profile(**{**record, "eta": None if eta is None else float(eta)})


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
    # What the table's model was once holds where the card gives no settings of its own.
    kept = () if profiles or "earlier" in card else spec.earlier
    before = card.pop("earlier", [])
    problems += _files_problems(card.pop("files", {}), path)
    problems += _earlier_problems(before, path)
    if problems:
        raise InputError.of(problems)
    if profiles:
        card["profiles"] = {**spec.profiles, **read_profiles(profiles, path)}
    earlier = tuple(
        Earlier(profiles=read_profiles(one["profiles"], path), files=one.get("files", {}))
        for one in before
    )
    return replace(spec, **card, earlier=earlier or kept)


def read_card_files(path: Path) -> dict[str, Path]:
    """The files that a card names, by part, relative to the card.

    Raises:
        InputError: It names something else than files of parts.
    """
    files = load_json(path).get("files", {})
    problems = list(_files_problems(files, path))
    if problems:
        raise InputError.of(problems)
    return {FILES[name]: path.parent / Path(file).expanduser() for name, file in files.items()}


def _files_problems(files: object, path: Path) -> Iterator[Problem]:
    if not isinstance(files, dict):
        yield Problem("files must be an object", str(path))
        return
    for name, file in files.items():
        if name not in FILES or not isinstance(file, str) or not file:
            known = ", ".join(FILES)
            yield Problem(f"files.{name} must name a file: known are {known}", str(path))


def _profiles_problems(profiles: object, path: Path, prefix: str = "") -> Iterator[Problem]:
    for name, profile in profiles.items() if isinstance(profiles, dict) else ():
        if name not in PROFILE_NAMES:
            yield Problem(f"there is no profile {prefix}{name!r}", str(path))
        else:
            yield from _profile_problems(f"{prefix}{name}", profile, path)


def _earlier_problems(before: object, path: Path) -> Iterator[Problem]:
    for number, one in enumerate(before if isinstance(before, list) else ()):
        where = f"earlier[{number}]"
        files = one.get("files", {}) if isinstance(one, dict) else None
        hashes = isinstance(files, dict) and all(isinstance(each, str) for each in files.values())
        if not hashes or not isinstance(one.get("profiles"), dict) or set(one) - {*_EARLIER}:
            yield Problem(f"{where} must give profiles, may give files, no more", str(path))
        else:
            yield from _profiles_problems(one["profiles"], path, f"{where}.")


def _profile_problems(name: str, profile: object, path: Path) -> list[Problem]:
    where = str(path)
    if not isinstance(profile, dict) or set(profile) | _USUAL != set(_PROFILE):
        wanted = ", ".join(field for field in _PROFILE if field not in _USUAL)
        known = ", ".join(field for field in _PROFILE if field in _USUAL)
        return [Problem(f"profile {name} must give {wanted}, may give {known}, no more", where)]
    try:
        Profile.model_validate(profile)
    except ValidationError as error:
        return [Problem(_told(name, detail), where) for detail in error.errors()]
    return []


def _told(profile: str, detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return f"{profile}: {detail['msg'].removeprefix('Value error, ')}"
    must = detail["msg"].replace("Input should be", "it must be")
    return f"{profile}.{detail['loc'][0]} can't be {detail['input']!r}: {must}"


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
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def _is(value: object, kind: type) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, kind)
