"""Each setting, its value, and who said it: for people who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.config.files import ConfigFile
from holocine_core.config.keys import KEYS
from holocine_core.config.resolve import configured_for, configured_in, files_for, settings_of
from holocine_core.model.home import models_folder
from holocine_core.request import WORK, Request
from holocine_core.sampling import OwnProfile
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.yaml_source import read_source

DEFAULT = "default"
"""Who said what nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """A key as it holds."""

    key: str
    value: str
    told_by: str
    """A file's line, a variable, or :data:`DEFAULT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownConfig:
    """All keys, for a screenplay or for the current folder."""

    settings: tuple[ShownSetting, ...]
    profiles: Mapping[str, tuple[OwnProfile, str]]
    """Own profiles by name, with the place."""
    files: tuple[ConfigFile, ...]
    """That were looked for, the project's first."""


def shown_config(screenplay: Path | None = None) -> ShownConfig:
    """What holds, and who said it.

    Args:
        screenplay: For which; the current folder where None.

    Raises:
        InputError: A file or variable is wrong, or the screenplay is no YAML.
        MachineError: A file can't be read.
    """
    folder = Path() if screenplay is None else screenplay.parent
    files = files_for(folder)
    if screenplay is None:
        configured = configured_in(folder)
        texts = {key: one.text for key, one in settings_of(files).items()}
        told_by = {key: one.told_by for key, one in settings_of(files).items()}
    else:
        configured = configured_for(screenplay)
        placed = configured.below(Request(), screenplay)
        said = {
            **{key: getattr(configured, key) for key in KEYS},
            "out": placed.out,
            "work": placed.work,
        }
        texts = {key: str(value) for key, value in said.items() if value is not None}
        told_by = dict(configured.told_by)
        for key, (value, place) in _written(screenplay).items():
            texts[key], told_by[key] = value, place
    usual = _usual(screenplay, texts)
    return ShownConfig(
        settings=tuple(
            ShownSetting(
                key=key, value=texts.get(key, usual[key]), told_by=told_by.get(key, DEFAULT)
            )
            for key in KEYS
        ),
        profiles={
            name: (one, configured.told_by[f"profiles.{name}"])
            for name, one in configured.profiles.items()
        },
        files=files,
    )


def _usual(screenplay: Path | None, texts: Mapping[str, str]) -> dict[str, str]:
    """What holds where nobody says anything."""
    told: dict[str, Any] = {
        key: Screenplay.model_fields[key].default for key in ("profile", "model")
    }
    usual = Request()
    told |= {"device": usual.device, "memory": usual.memory, "models_dir": str(models_folder())}
    if screenplay is None:
        return {**told, "out": "{stem}.mp4", "work": f"{WORK}/{{stem}} beside the film"}
    film = Request(out=Path(texts["out"]) if "out" in texts else None)
    return {
        **told,
        "out": str(film.film(screenplay)),
        "work": str(film.work_folder(screenplay)),
    }


def _written(screenplay: Path) -> dict[str, tuple[str, str]]:
    """What the screenplay itself says, with the place."""
    source = read_source(screenplay)
    data = source.data if isinstance(source.data, dict) else {}
    return {
        key: (str(data[key]), f"{screenplay}:{source.place((key,), name=True)[0]}")
        for key in ("profile", "model")
        if data.get(key) is not None
    }
