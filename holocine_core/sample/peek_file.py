"""Where the picture of the take at work may go, and how one of before is known. No torch here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.store.files import hidden_room
from holocine_core.store.records import sidecar_path
from holocine_core.store.vault import disk_errors

SUFFIXES = (".png", ".jpg", ".jpeg")
MARK = "holocine --peek"
"""In the file: it may be replaced by the next one."""


def require_peek(path: Path, films: Sequence[tuple[Path, Path]], *, force: bool = False) -> None:
    """Find out before the work where the picture can not go.

    Args:
        path: Where it is to go.
        films: All screenplays and films of the call.
        force: Replace what is in the way.

    Raises:
        InputError: It is no name of a picture, in no folder, a file of the film itself, or another
            file that would be replaced.
        MachineError: Its folder can not be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"--peek writes a picture, and {path.name} is none by its name",
            where=str(path),
            hint=f"a name that ends in {', '.join(SUFFIXES)}",
        )
    if not path.parent.is_dir():
        raise InputError(
            f"there is no folder {path.parent} for the picture",
            where=str(path),
            hint="make it, or name another one",
        )
    taken = {one.resolve() for source, film in films for one in (source, *_of_film(film))}
    if path.resolve() in taken:
        raise InputError(
            "the picture would be written over a file of the film itself",
            where=str(path),
            hint="name another file",
        )
    if path.is_dir() or (os.path.lexists(path) and not force and not _is_peek(path)):
        raise InputError(
            f"{path} is there already, and is no picture of --peek",
            where=str(path),
            hint="name another file" if path.is_dir() else "name another file, or add --force",
        )
    with disk_errors("write the picture", path.parent), hidden_room(path.parent):
        pass


def _of_film(film: Path) -> Iterator[Path]:
    """A film, and the files that are made beside it."""
    yield from (film, sidecar_path(film))
    # One storyboard shows all drafts that --seeds numbers.
    for stem in (film.stem, re.sub(r"-[0-9]+$", "", film.stem)):
        yield film.with_name(f"{stem}.storyboard.png")
        if stem.endswith(".preview"):
            yield film.with_name(f"{stem}.png")


def _is_peek(path: Path) -> bool:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            told = picture.info.get("Software") or picture.info.get("comment")
    except (OSError, UnidentifiedImageError, ValueError):
        return False
    return told in (MARK, MARK.encode())
