"""Names that a user gave to model folders, kept in a small file of the models folder. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.model.spec import MODELS
from holocine_core.store.files import read_json, write_json

LIST_NAME = "holocine.models.json"
"""The file, in the models folder."""
_SCHEMA = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A folder that has a name, and files that were said outright with it."""

    name: str
    folder: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    """By part."""


def added_models(models_dir: Path) -> dict[str, Added]:
    """Every name that was given.

    Raises:
        InputError: The list is damaged.
    """
    path = models_dir / LIST_NAME
    told = read_json(path)
    if told is None:
        if path.is_file():
            raise _damaged(path)
        return {}
    listed = told.get("models")
    if told.get("schema") != _SCHEMA or not isinstance(listed, dict):
        raise _damaged(path)
    return {name: _added(name, one, path) for name, one in listed.items()}


def added_model(name: str, models_dir: Path) -> Added | None:
    """The folder of a name; None where none was given it."""
    if not _NAME.fullmatch(name):
        return None
    return added_models(models_dir).get(name)


def add_model(added: Added, models_dir: Path, *, replace: bool = False) -> None:
    """Give a folder a name.

    Args:
        added: The name, the folder and files said outright; paths are kept whole.
        models_dir: The models folder.
        replace: Whether a name that was given may go to another folder.

    Raises:
        InputError: The name is one of the table's, is no name, or was given already.
    """
    if added.name in MODELS:
        raise InputError(
            f"{added.name} is a model of holocine's own", hint="give the folder another name"
        )
    if not _NAME.fullmatch(added.name):
        raise InputError(
            f"{added.name!r} is no name for a model",
            hint="letters, digits, points, dashes and underscores; a letter or digit first",
        )
    known = added_models(models_dir)
    if added.name in known and known[added.name] != added and not replace:
        raise InputError(
            f"{added.name} is the name of {known[added.name].folder} already",
            where=str(models_dir / LIST_NAME),
            hint="give another name, or --force to take this one",
        )
    _write({**known, added.name: added}, models_dir)


def forget_model(name: str, models_dir: Path) -> Added:
    """Take a name back; the folder and its files stay as they are.

    Raises:
        InputError: It was never given.
    """
    known = added_models(models_dir)
    if name not in known:
        names = ", ".join(known) or "none"
        raise InputError(
            f"no folder was added as {name!r}",
            where=str(models_dir / LIST_NAME),
            hint=f"names that were given: {names}",
        )
    gone = known.pop(name)
    _write(known, models_dir)
    return gone


def _write(known: Mapping[str, Added], models_dir: Path) -> None:
    models_dir.mkdir(parents=True, exist_ok=True)
    listed = {
        one.name: {
            "folder": str(one.folder),
            **(
                {"files": {part: str(path) for part, path in one.files.items()}}
                if one.files
                else {}
            ),
        }
        for one in known.values()
    }
    write_json(models_dir / LIST_NAME, {"schema": _SCHEMA, "models": listed})


def _added(name: str, told: Any, path: Path) -> Added:
    files = told.get("files", {}) if isinstance(told, dict) else None
    if not isinstance(files, dict) or not isinstance(told.get("folder"), str):
        raise _damaged(path)
    if not all(isinstance(file, str) for file in files.values()):
        raise _damaged(path)
    return Added(
        name=name,
        folder=Path(told["folder"]),
        files={part: Path(file) for part, file in files.items()},
    )


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path.name} is no list of models",
        where=str(path),
        hint="move it away and add the folders again: holocine models add NAME FOLDER",
    )
