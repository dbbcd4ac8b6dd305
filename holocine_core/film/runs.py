"""What a work folder's journal tells of its films: which were begun, which were finished, and what
each needs of the folder.

May import: plan, film, store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.events import FilmStarted
from holocine_core.film.ownership import is_preview
from holocine_core.film.versions import held_by
from holocine_core.plan.values import Plan
from holocine_core.store.journal import lines_of
from holocine_core.store.vault import Kind, fingerprint, folder_of, kind_of

PIPED = "-"
"""In place of the screenplay's file, where it came from no file."""
Key = tuple[Kind, str]
"""A file of a work folder, by its kind."""


def film_started(plan: Plan) -> FilmStarted:
    """What is told when a film is begun: enough for the journal to say whose each take is."""
    work = plan.work.resolve()
    return FilmStarted(
        film=str(plan.out),
        takes=len(plan.takes),
        to_shoot=plan.to_shoot,
        place=os.path.relpath(plan.out.resolve(), work),
        source=os.path.relpath(plan.screenplay_path.resolve(), work)
        if plan.screenplay_path.is_file()
        else PIPED,
        holds=tuple(f"{folder_of(kind)}/{key}" for kind, key in held_by(plan)),
        # Drafts replace each other, whatever was asked for.
        asked="" if is_preview(plan.out) else fingerprint([plan.profile, dict(plan.options)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What the journal of a work folder tells.

    Attributes:
        films: Where its films were to go.
        sources: Their screenplays' files.
        is_whole: Whether it tells of all of them; not where one came from no file, which may be
            gone or not, where an earlier version began one, or where there is no journal.
        open: What films need that were begun and not finished since, or that were finished and may
            lie anywhere by now.
        earlier: What was begun only for states of films that a later state has taken the place of.
    """

    films: frozenset[Path]
    sources: frozenset[Path]
    is_whole: bool
    open: frozenset[Key]
    earlier: frozenset[Key]


def read_runs(work: Path) -> Runs:
    """By the journal of a work folder; nothing where there is none, or one of an earlier version,
    which does not tell what films need."""
    films, sources = set[Path](), set[str]()
    states: dict[tuple[str, str], list[frozenset[Key]]] = {}
    """By film and what was asked for: what it needs as it was finished last, and begun since."""
    finished, begun = set[Key](), set[Key]()
    now: dict[str, Any] = {}
    for line in lines_of(work, "FilmStarted", "FilmDone"):
        if line["event"] == "FilmStarted":
            now = line
            keys = frozenset(_keys(line.get("holds")))
            states.setdefault(_which(line), []).append(keys)
            begun |= keys
            films.update(_places(line, work))
            sources.add(str(line.get("source", "")))
        elif line.get("film") == now.get("film") and now:
            made = states[_which(now)][-1]
            states[_which(now)] = [made]
            if not is_preview(Path(str(now["film"]))):
                finished |= made
    still = finished.union(*(one for found in states.values() for one in found))
    return Runs(
        films=frozenset(films),
        sources=frozenset(work / one for one in sources - {"", PIPED}),
        is_whole=bool(sources) and not sources & {"", PIPED},
        open=frozenset(still),
        earlier=frozenset(begun - still),
    )


def _which(line: Mapping[str, Any]) -> tuple[str, str]:
    return str(line.get("place", "")), str(line.get("asked", ""))


def _places(line: Mapping[str, Any], work: Path) -> list[Path]:
    """Where a film may be; of one of an earlier version only what its call named is known."""
    if place := line.get("place"):
        return [work / str(place)]
    return [base / str(line.get("film")) for base in (Path(), work.parent.parent)]


def _keys(holds: Any) -> Iterator[Key]:
    for one in holds if isinstance(holds, list) else ():
        folder, _, key = str(one).partition("/")
        try:
            yield kind_of(folder), key
        except KeyError:
            continue
