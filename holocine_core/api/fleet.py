"""Many films by many workers: gather them, join the others, take turns, look how they stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError
from holocine_core.film.extras import Extras, lacks_extras
from holocine_core.film.naming import dated, film_named, is_template, kept_aside, require_file_name
from holocine_core.film.ownership import film_key, is_finished
from holocine_core.film.planning import plan_film, plan_to_render
from holocine_core.fleet.drive import drive, list_for_workers, open_engine
from holocine_core.fleet.engines.process import ENDS_WITH_STDIN
from holocine_core.fleet.engines.slurm import submit
from holocine_core.fleet.forecast import (
    FleetFilm,
    Forecast,
    asks_of_all,
    forecast,
    read_fleet,
)
from holocine_core.fleet.launch import (
    RESULT,
    asked_ranks,
    launch_ranks,
    leave_result,
    refuse_gpus,
    this_rank,
)
from holocine_core.fleet.queue import TRIES, Queued
from holocine_core.fleet.shared import Listed, agree_on_kernel, announce, common_folder
from holocine_core.fleet.sources import (
    refuse_repeated,
    sources,
    until,
)
from holocine_core.fleet.tries import forget_tries, read_tries
from holocine_core.model.kernels import VARIABLE
from holocine_core.plan.pace import estimate
from holocine_core.plan.values import Plan
from holocine_core.request import Request

if TYPE_CHECKING:
    from holocine_core.sample.studio import Studio

__all__ = [
    "ENDS_WITH_STDIN",
    "RESULT",
    "TRIES",
    "FleetFilm",
    "Forecast",
    "asked_ranks",
    "asks_of_all",
    "dated",
    "drive",
    "film_named",
    "follow",
    "forecast",
    "forget_given_up",
    "is_template",
    "join_fleet",
    "kept_aside",
    "launch_ranks",
    "leading",
    "leave_result",
    "list_for_workers",
    "open_engine",
    "queued",
    "read_fleet",
    "refuse_gpus",
    "refuse_ranks",
    "refuse_repeated",
    "require_file_name",
    "sources",
    "submit",
    "this_rank",
    "until",
]


def queued(
    screenplay: str | Path,
    request: Request = Request(),
    plan: Plan | None = None,
    extras: Extras | None = None,
) -> Queued:
    """A film for a :class:`Queue`.

    Args:
        screenplay: A YAML file.
        request: What is asked for beside it.
        plan: Of both; made where None.
        extras: What is to lie beside the film: one that lacks it is not finished.

    Raises:
        InputError, MachineError: As :func:`holocine_core.api.plan`.
    """
    path = Path(screenplay)
    plan = plan or plan_film(path, request)
    plan.placement.require_device()
    expected, beside = estimate([plan]), extras or Extras()
    return Queued(
        screenplay=path,
        film=plan.out,
        work=plan.work,
        seconds=0.0 if expected is None else expected.seconds,
        flops=sum(take.cost.flops for take in plan.takes),
        finished=is_finished(plan) and not lacks_extras(plan, beside),
        bf16=plan.placement.bf16,
        key=film_key(plan),
        replan=lambda: plan_to_render(path, request),
        lacks=lambda planned: lacks_extras(planned, beside),
    )


def join_fleet(films: Sequence[Queued]) -> Path:
    """Tell of films that this process helps to make, and compute as the others of their folder do.

    A processor has several ways to compute, whose last bits differ: the first worker's is kept for
    all, by the environment of this process.

    Returns:
        The folder that all films lie below: :func:`overview` tells how they stand.

    Raises:
        InputError: Two films have one work folder, or this process was told to compute otherwise
            than the others do.
        MachineError: The folder can not be written.
    """
    refuse_repeated([(one.film, one.work) for one in films])
    folder = common_folder([one.film for one in films])
    announce(
        [
            Listed(
                film=one.film,
                screenplay=one.screenplay,
                work=one.work,
                seconds=one.seconds,
                key=one.key,
            )
            for one in films
        ]
    )
    if any(one.bf16 and not one.finished for one in films):
        agreed, otherwise = agree_on_kernel(folder)
        if otherwise:
            raise InputError(
                f"the films of this folder are computed with the kernel '{agreed}', and "
                f"{VARIABLE} names another one",
                where=str(folder),
                hint=f"leave {VARIABLE} out, or let the films go to another folder",
            )
        os.environ[VARIABLE] = agreed
    return folder


def refuse_ranks(plan: Plan, size: int) -> None:
    """Raises InputError where a film can not be made by so many ranks."""
    from holocine_core.sample.crew import refuse

    refuse(plan, size)


def leading(device: str) -> AbstractContextManager[Callable[[Sequence[Plan]], Studio]]:
    """Lead the ranks of one film while this is open; yields what makes a studio of all.

    Raises:
        MachineError: The others do not come.
    """
    from holocine_core.sample.crew import leading as lead

    return lead(device)


def follow(device: str) -> None:
    """Be one of the other ranks, until the leader lets go.

    Raises:
        MachineError: The leader is gone, or memory ran out.
    """
    from holocine_core.sample.crew import follow as obey

    obey(device)


def forget_given_up(films: Sequence[Queued]) -> None:
    """Have films tried again that were given up.

    Raises:
        MachineError: A work folder can not be written.
    """
    for film in films:
        if read_tries(film.work, film.key).given_up:
            forget_tries(film.work)
