"""plan --fleet: what a folder of films asks of so many machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from holocine_cli.batch import Batch, Job
from holocine_cli.contract import MEND
from holocine_cli.layout import columns
from holocine_cli.session import Session
from holocine_core.api import clock, counted, file_size, memory, scaled
from holocine_core.errors import HolocineError

if TYPE_CHECKING:
    from holocine_core.api.fleet import FleetFilm, Forecast

SHOWN = 40
"""Films with a line of their own; --json has all."""


def show_forecast(session: Session, jobs: Sequence[Job], asked: str) -> None:
    """Plan every film and tell what all ask for; a plan is let go before the next is made.

    Raises:
        InputError: ``asked`` is no fleet.
        SomeFailed: Films can not be planned.
    """
    from holocine_core.api import fleet

    wanted, batch = fleet.read_fleet(asked), Batch(session, jobs, MEND)
    session.fields = {"films": [job.record for job in jobs]}
    lines: list[list[str]] = []

    def films() -> Iterator[FleetFilm]:
        sources = [(job.screenplay, job.request) for job in jobs]
        for job, one in zip(jobs, fleet.asks_of_all(sources, wanted), strict=True):
            with batch.trying(job):
                if isinstance(one, HolocineError):
                    raise one
                job.record.update(_record(one))
                if len(lines) < SHOWN:
                    lines.append(_cells(one))
                yield one

    found = fleet.forecast(films(), wanted)
    session.fields["fleet"] = asdict(found)
    if not session.console.as_json:
        session.console.product("\n".join(_page(found, lines, session)))
    batch.finish()


def _record(one: FleetFilm) -> dict[str, Any]:
    return {**asdict(one), "film": str(one.film), "takes": None}


def _cells(one: FleetFilm) -> list[str]:
    return [
        str(one.film),
        "not measured" if one.seconds is None else clock(one.seconds),
        scaled(one.flops, "FLOP"),
        memory(one.peak_bytes),
        file_size(one.take_bytes),
        file_size(one.film_bytes),
    ]


def _page(found: Forecast, lines: list[list[str]], session: Session) -> list[str]:
    paint = session.console.out
    head = [paint(word, dim=True) for word in ("film", "time", "work", "memory", "takes", "film")]
    page = columns([head, *lines], right=frozenset({1, 2, 3, 4, 5}))
    if found.films > len(lines):
        page.append(f"  and {found.films - len(lines)} more")
    where = found.machine or "machines like this one"
    told = f"{counted(found.films, 'film')} by {counted(found.workers, 'worker')} on {where}: "
    if found.seconds is None or found.work_seconds is None or found.longest is None:
        told += f"not measured there; {scaled(found.flops, 'FLOP')} in all"
    else:
        told += (
            f"{clock(found.seconds)}, {clock(found.work_seconds)} of work, the longest film "
            f"{clock(found.longest)}"
        )
    disk = (
        f"each needs {memory(found.peak_bytes)} of memory at most; takes "
        f"{file_size(found.take_bytes)}, films {file_size(found.film_bytes)} of disk"
    )
    return [*page, "", f"  {told}", f"  {disk}"]
