"""What films are called in the names of their samples: the same in every call."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holocine_core.ingest.opening import require_file, unreadable
from holocine_core.store.hashes import remembered
from holocine_core.store.vault import file_hash

LONGEST = 40
"""Letters of a name."""


class FilmNames:
    """Names of films, by their content.

    Args:
        recorded: Films that a folder knows: name -> what is written down of it, its ``sha256``
            among it.
    """

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        known = {name: str(one.get("sha256", "")) for name, one in recorded.items()}
        self._by_content = {sha256: name for name, sha256 in known.items()}
        self._taken = set(known)
        self._given: set[str] = set()

    def of(self, path: Path, sha256: str) -> str | None:
        """A film's name; None for one that was named in this call already.

        Another film of a name that is taken gets a part of its content's hash with it.
        """
        if sha256 in self._given:
            return None
        self._given.add(sha256)
        if sha256 in self._by_content:
            return self._by_content[sha256]
        name = plain(path)
        if name in self._taken:
            name = f"{name}-{sha256[:6]}"
        self._taken.add(name)
        self._by_content[sha256] = name
        return name


def plain(path: Path) -> str:
    """A file's name as samples' names have it: letters of any script, digits, - and _."""
    stem = unicodedata.normalize("NFC", path.stem.encode(errors="replace").decode())
    return re.sub(r"[^\w-]+", "-", stem).strip("-")[:LONGEST].rstrip("-") or "film"


def content_of(path: Path) -> str:
    """Hash of a film's file.

    Raises:
        InputError: It is no file, or can't be read.
    """
    require_file(path)
    try:
        return remembered(path, file_hash)
    except OSError as error:
        raise unreadable(path, error) from None
