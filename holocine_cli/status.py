"""status: how the films of a folder stand."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli.console import Paint, moves, write_product
from holocine_cli.escapes import sequence
from holocine_cli.groups import Told, grouped
from holocine_cli.layout import columns
from holocine_cli.session import Session, begin
from holocine_core.api import clock, counted
from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.api import FilmState, FilmStatus, Overview

EVERY = 2.0
"""Seconds between two looks."""
COLORS = {
    "made": "green",
    "at work": "cyan",
    "died": "yellow",
    "stopped": "yellow",
    "failed": "red",
    "given up": "red",
}
ORDER: tuple[FilmState, ...] = (
    *("at work", "died", "failed", "stopped", "given up", "waiting", "made"),
)
SHOWN = 40
"""Films of a table on a screen; the page without --watch has all."""
_HOME = f"{sequence('H')}{sequence('J')}"


@grouped
def status(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="That the films go to.", show_default=False)
    ] = Path(),
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            metavar="",
            help="Look again every two seconds, until all films are made or given up.",
            show_default=False,
        ),
    ] = False,
    told: Told = Told(),
) -> None:
    """Say how the films of a folder stand: made, at work and where, waiting, failed.

    holocine status films
    holocine status films --watch

    Read from the films' journals alone, from any machine that sees the folder;
    it asks no worker and keeps none from its work.
    """
    session = begin(ctx, told)
    from holocine_core import api

    if watch and told.as_json:
        raise InputError("--watch never ends, --json is one document", hint="leave one out")
    if watch:
        _watch(session, folder)
        return
    found = api.overview(folder)
    session.fields = _record(folder, found)
    for line in page(found, session.console.out):
        session.console.product(line)


def _watch(session: Session, folder: Path) -> None:
    """On a terminal the page is drawn over; elsewhere a line is told whenever something changed."""
    from holocine_core import api

    on_screen, said = moves(sys.stdout), ""
    seen: dict[Path, Any] = {}
    try:
        while True:
            found = api.overview(folder, seen)
            if on_screen:
                shown = "\n".join(page(found, session.console.out, shown=SHOWN))
                write_product(f"{_HOME}{shown}\n")
            elif (line := summary(found)) != said:
                said = line
                session.console.product(f"{time.strftime('%H:%M:%S')}  {line}")
            if found.over:
                return
            time.sleep(EVERY)
    except KeyboardInterrupt:
        session.console.note("no longer watching")


def page(found: Overview, paint: Paint, *, shown: int | None = None) -> list[str]:
    films = sorted(found.films, key=lambda one: ORDER.index(one.state))
    head = [paint(word, dim=True) for word in ("film", "", "takes", "step", "worker", "")]
    rows = [head, *(_cells(one, paint) for one in films[:shown])]
    lines = columns(rows, right=frozenset({2, 3}))
    if shown is not None and len(films) > shown:
        lines.append(f"  and {len(films) - shown} more")
    return [*lines, "", f"  {summary(found)}"]


def _cells(one: FilmStatus, paint: Paint) -> list[str]:
    done, takes = one.takes
    at_work = one.state == "at work"
    silent = f", silent for {clock(one.silent)}" if at_work and one.silent > 60 else ""
    film, here = one.film.absolute(), Path.cwd()
    return [
        str(film.relative_to(here) if film.is_relative_to(here) else film),
        paint(one.state, COLORS.get(one.state, ""), bold=at_work) + silent,
        f"{done}/{takes}" if takes and one.state != "made" else "",
        f"{one.step}/{one.steps}" if one.steps else "",
        one.worker if one.state != "made" else "",
        one.reason,
    ]


def summary(found: Overview) -> str:
    told = [f"{count} {state}" for state in reversed(ORDER) if (count := found.count(state))]
    left = found.seconds_left
    about = f"; about {clock(left)} left" if left else ""
    return f"{counted(len(found.films), 'film')}: {', '.join(told)}{about}"


def _record(folder: Path, found: Overview) -> dict[str, Any]:
    films = [
        {**asdict(one), "film": str(one.film), "takes": list(one.takes)} for one in found.films
    ]
    left = found.seconds_left
    return {
        "folder": str(folder),
        "over": found.over,
        "seconds_left": None if left is None else round(left, 1),
        "films": films,
    }
