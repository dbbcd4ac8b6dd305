"""A file of another kind than the one that is asked for, told by its name, and what it is for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from holocine_core.errors import InputError

FILMS = (".mp4", ".mov", ".mkv")
SCREENPLAYS = (".yaml", ".yml")
SCRIPTS = (".fountain", ".spmd", ".fdx", ".csv", ".tsv")


def require_film_file(path: Path) -> None:
    """Raises InputError where a screenplay or a script is given for a film; the hint names the film
    that was made of it, where one lies there."""
    if not path.is_file():
        return
    if _is(path, SCREENPLAYS):
        film = next(_films_of(path), None)
        hint = f"render it first: holocine render {_typed(path)}"
        hint = hint if film is None else f"name its film: {_typed(film)}"
        raise InputError("this is a screenplay, not a film", where=str(path), hint=hint)
    if _is(path, SCRIPTS):
        hint = f"make a screenplay of it: holocine import {_typed(path)}"
        raise InputError("this is a script, not a film", where=str(path), hint=hint)


def require_screenplay_file(path: Path) -> None:
    """Raises InputError where a film or a script is given for a screenplay."""
    if not path.is_file():
        return
    if _is(path, FILMS):
        hint = f"holocine inspect {_typed(path)} --extract {_typed(path.with_suffix('.yaml'))}"
        raise InputError(
            "this is a film, not a screenplay", where=str(path), hint=f"its screenplay: {hint}"
        )
    if _is(path, SCRIPTS):
        raise InputError(
            "this is a script, not a screenplay",
            where=str(path),
            hint=f"make one of it: holocine import {_typed(path)}",
        )


def require_script_file(path: Path) -> None:
    """Raises InputError where a film or a screenplay is given for a script."""
    if path.is_file() and _is(path, FILMS):
        require_screenplay_file(path)
    if path.is_file() and _is(path, SCREENPLAYS):
        hint = f"it needs no import: holocine render {_typed(path)}"
        raise InputError("this is a screenplay already", where=str(path), hint=hint)


def _films_of(screenplay: Path) -> Iterator[Path]:
    """Where its film lies if nobody said otherwise: beside it, here, or among many."""
    name = f"{screenplay.stem}.mp4"
    for film in (screenplay.with_name(name), Path(name), Path("films", name)):
        if film.is_file():
            yield film


def _is(path: Path, endings: tuple[str, ...]) -> bool:
    return path.suffix.lower() in endings


def _typed(path: Path) -> str:
    return shlex.quote(str(path))
