"""What a call names -> screenplays, and the time until which it works."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from holocine_core.errors import InputError, Problem

SUFFIXES = (".yaml", ".yml")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
T = TypeVar("T")


def screenplays_in(named: Sequence[Path]) -> list[Path]:
    """The files that are named, and of folders the YAML files that lie in them, by name.

    Raises:
        InputError: A folder holds none.
    """
    found: list[Path] = []
    for path in named:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            one
            for one in path.iterdir()
            if one.suffix in SUFFIXES and one.is_file() and not one.name.startswith(".")
        )
        if not inside:
            raise InputError(
                "there is no screenplay in that folder",
                where=str(path),
                hint="screenplays end in .yaml; name the folder that they lie in",
            )
        found += inside
    return list(dict.fromkeys(found))


def listed(listing: str, place: str = "--files", *, there: bool = True) -> list[Path]:
    """The files of a list, which are looked for in the current folder: one a line, or between NULs
    as `find -print0` writes them. Lines that begin with ``#`` are comments, and spaces at their
    ends no part of a name; between NULs a name is what stands there.

    Args:
        listing: What the list holds.
        place: Its name.
        there: Whether all of them have to be.

    Raises:
        InputError: It names none, or files that are not there, each with its line.
    """
    if "\0" in listing:
        found = [(place, name) for name in listing.split("\0") if name.strip()]
    else:
        lines = [line.rstrip() for line in listing.removeprefix("\ufeff").splitlines()]
        told = ((f"{place}:{number}", line) for number, line in enumerate(lines, 1))
        found = [(where, line) for where, line in told if line and not line.startswith("#")]
    if not found:
        raise InputError(
            "the list names no file",
            where=place,
            hint="one screenplay a line; # begins a comment, and ./# a name",
        )
    problems = [
        Problem(
            f"there is no file {name}",
            where,
            "a list's names are looked for in the current folder",
        )
        for where, name in found
        if there and name != "-" and not os.path.lexists(name)
    ]
    if problems:
        raise InputError.of(problems)
    return [Path(name) for _, name in found]


def sources(
    named: Sequence[Path],
    listing: str | None = None,
    shard: str | None = None,
    place: str = "--files",
    *,
    there: bool = True,
) -> list[Path]:
    """The screenplays of a call, each once.

    Args:
        named: Files and folders.
        listing: More of them, as :func:`listed` reads it.
        shard: Which of so many shares of them; all where None.
        place: Name of the list.
        there: Whether all that it names has to be.

    Raises:
        InputError: There are none, one that is listed is not there, or there is no such shard.
    """
    more = [] if listing is None else listed(listing, place, there=there)
    found = screenplays_in([*named, *more])
    if not found:
        raise InputError(
            "there is nothing to film", hint="name a screenplay, a folder of them, or --files LIST"
        )
    if shard is None:
        return found
    part = shard_of(shard, found)
    if not part:
        raise InputError(
            f"there is nothing to film for shard {shard}: there are {len(found)} films",
            where="--shard",
            hint="make fewer shards, or use --worker, which needs none",
        )
    return part


def shard_of(asked: str, films: Sequence[T]) -> list[T]:
    """The films of one of so many shards: ``2/3`` is every third one, from the second on.

    Raises:
        InputError: There is no such shard.
    """
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", asked)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of:
        raise InputError(
            f"there is no shard '{asked}'", where="--shard", hint="such as 1/3, 2/3 and 3/3"
        )
    return list(films[number - 1 :: of])


def until(asked: str, now: datetime) -> datetime:
    """A time of day, the next one that is; a date and time; or how long from now: ``90m``.

    Args:
        asked: One of them.
        now: Local time, as the answer is.

    Raises:
        InputError: It is none of them, or over already.
    """
    text = asked.strip()
    if found := re.fullmatch(r"\+?(\d+(?:\.\d+)?)([smhd])", text):
        with suppress(OverflowError):
            return now + timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    if re.fullmatch(r"\d{1,2}:\d{2}", text):
        hour, minute = (int(part) for part in text.split(":"))
        if hour < 24 and minute < 60:
            today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return today if today > now else today + timedelta(days=1)
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"'{asked}' is no time",
            where="--until",
            hint="such as 07:00, 2026-12-24T07:00 or 90m from now",
        ) from None
    then = told if told.tzinfo is None else told.astimezone().replace(tzinfo=None)
    if then <= now:
        raise InputError(
            f"{asked} is over already", where="--until", hint=f"it is {now:%Y-%m-%d %H:%M}"
        )
    return then


def refuse_repeated(films: Sequence[tuple[Path, Path]]) -> None:
    """Raises InputError where two films would have one work folder: it knows one film at a time."""
    taken: dict[Path, Path] = {}
    problems = []
    for film, work in films:
        other = taken.setdefault(work.resolve(), film)
        if other != film:
            problems.append(
                Problem(
                    f"{other} and {film} would share one work folder",
                    str(work),
                    "rename one screenplay, or give each film a folder: "
                    "-o 'films/{folder}/{stem}.mp4'",
                )
            )
    if problems:
        raise InputError.of(problems)
