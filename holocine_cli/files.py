"""The small files a command writes by itself: whole, and never over another without a word."""

from __future__ import annotations

from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.store.files import replacing


def save(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file.

    Raises:
        InputError: Another file is in the way and may not be replaced.
        MachineError: The folder or disk cannot take it.
    """
    refuse_to_replace(path, replace=replace)
    with replacing(path) as made:
        made.write_bytes(content)


def refuse_to_replace(path: Path, *, replace: bool) -> None:
    """Raises InputError where another file is in the way and may not be replaced."""
    if path.exists() and not path.is_dir() and not replace:
        raise InputError(
            f"{path} is there already",
            where=str(path),
            hint="choose another name, or replace it with --force",
        )


def refuse_to_be(path: Path, source: Path, what: str) -> None:
    """Raises InputError where a product would be written over what it is made of."""
    if path.exists() and source.exists() and path.samefile(source):
        raise InputError(
            f"it would be written over the {what}", where=str(path), hint="name another file"
        )
