"""Where a setting sends something of each screenplay; and the one rule for a project's paths."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.config.files import OUTSIDE_HINT, Setting, at_home
from holocine_core.errors import InputError
from holocine_core.film.naming import dated, film_named, is_template
from holocine_core.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where something of each screenplay goes."""

    text: str
    """A folder, or a template."""
    setting: Setting
    """That said so."""

    def of(self, name: str, screenplay: Path, request: Request) -> Path:
        """That of one screenplay.

        Args:
            name: It has in a folder.
            screenplay: Its file.
            request: What is asked for beside it.

        Raises:
            InputError: The template says nothing of this one, or leads out of a project's folder.
        """
        text = os.path.join(self.text, name)  # noqa: PTH118 - a text, as it was written
        if is_template(Path(self.text)):
            try:
                text = str(film_named(self.text, screenplay, request))
            except InputError as wrong:
                raise self.setting.refused(wrong.message, wrong.hint) from None
        return path_of(self.setting, text)

    def record(self) -> dict[str, str | None]:
        """For other processes: of this day, and by absolute paths."""
        folder, text = self.setting.folder, str(dated(Path(self.text)))
        if folder is None:
            text = os.path.abspath(at_home(text, self.setting.told_by))  # noqa: PTH100
        return {
            "text": text,
            "folder": None if folder is None else os.path.abspath(folder),  # noqa: PTH100
        }


def recorded_places(key: str, told: Mapping[str, Any], told_by: str) -> Places:
    """What :meth:`Places.record` told."""
    folder = None if told["folder"] is None else Path(told["folder"])
    setting = Setting(key=key, text=told["text"], told_by=told_by, folder=folder)
    return Places(text=told["text"], setting=setting)


def path_of(setting: Setting, text: str) -> Path:
    """A path as a call would name it from the current folder.

    Raises:
        InputError: A project's leads out of its folder, by a link or by what fills a template.
    """
    if setting.folder is None:
        return at_home(text, setting.told_by)
    # Not Path's own: it raises where links lead round.
    path = setting.folder / text
    there, home = (Path(os.path.realpath(one)) for one in (path, setting.folder))
    if not there.is_relative_to(home):
        raise setting.refused(
            f"`{setting.key}` leads to {there}, outside the file's folder", OUTSIDE_HINT
        )
    return path
