"""Sound files that a screenplay names: there, inside its folder, and no playlists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from holocine_core.errors import Problem
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.yaml_source import Key


def sound_problems(manuscript: Manuscript, key: Key, file: str, outside: bool) -> Iterator[Problem]:
    """What is wrong with a sound, as far as it shows at once; rendering decodes it whole.

    Args:
        manuscript: The screenplay.
        key: Where it is named.
        file: Its path as written.
        outside: Whether it may lie outside the screenplay's folder.
    """
    folder = manuscript.source.path.parent
    path = folder / file
    # False, not an error, for impossible names.
    if not os.path.isfile(path):  # noqa: PTH113
        hint = "paths are relative to the screenplay"
        yield manuscript.problem(key, f"no sound file at {path}", hint)
    elif not outside and not path.resolve().is_relative_to(folder.resolve()):
        hint = "copy it there, or allow it with --allow-outside"
        message = f"the sound {path} lies outside the screenplay's folder"
        yield manuscript.problem(key, message, hint)
    elif not os.access(path, os.R_OK):
        hint = "give yourself the right to read it"
        yield manuscript.problem(key, f"the sound file {path} may not be read", hint)
    elif _is_text(path):
        hint = "give the sound itself, in one file: playlists, which name others, are not read"
        yield manuscript.problem(key, f"{path} is text, and no sound", hint)


def _is_text(path: Path) -> bool:
    """Whether a file begins like a text, as playlists do under any name; no sound file does."""
    with path.open("rb") as file:
        begins = file.read(256)
    return bool(begins) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in begins)
