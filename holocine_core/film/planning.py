"""A screenplay's file -> the plan of its film, as it stands today or as it was begun.

May import: plan, script, film.begun, model.kernels. No torch, but for a moment's measure.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from holocine_core.errors import InputError, Problem
from holocine_core.film.begun import keep_begun
from holocine_core.model import kernels
from holocine_core.plan.make import make_plan
from holocine_core.plan.upscale import make_upscaled_plan, require_drafts
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.script.file_kinds import require_screenplay_file
from holocine_core.script.reader import read

Source = tuple[Path, Path]
"""A screenplay and its film."""


def plan_film(screenplay: str | Path, request: Request = Request()) -> Plan:
    """Read a screenplay and plan its film.

    Args:
        screenplay: A YAML file.
        request: What is asked for beside it.

    Raises:
        InputError: With every problem of the file.
        MachineError: The model isn't there or fits no placement.
    """
    path = Path(screenplay)
    _refuse_names(path, request)
    make = make_plan if request.from_draft is None else make_upscaled_plan
    manuscript = read(path, request.given)
    plan = make(manuscript, request)
    return require_drafts(keep_begun(plan, manuscript, request, make))


def plan_to_render(screenplay: str | Path, request: Request = Request()) -> Plan:
    """As :func:`plan_film`, for a film that is made at once: where this machine does not know yet
    which of its ways to compute is fastest, it is measured first (model/kernels.py).

    Raises:
        InputError, MachineError: As :func:`plan_film`; the device is one to plan for only.
    """
    plan = plan_film(screenplay, request)
    plan.placement.require_device()
    if plan.placement.bf16 and plan.to_shoot and not plan.obstacles and kernels.is_open():
        kernels.settle()
        plan = plan_film(screenplay, request)
    return plan


def _refuse_names(screenplay: Path, request: Request) -> None:
    film, work = request.film(screenplay), request.work_folder(screenplay)
    if not film.name:
        raise InputError(f"'{film}' is no name of a film", hint="name a file, such as film.mp4")
    named = {"screenplay": screenplay, "film": film, "work folder": work}
    for what, path in named.items():
        try:
            str(path.absolute()).encode()
        except UnicodeEncodeError:
            raise InputError(
                f"the {what}'s path is not in UTF-8, as the film's log and tags are",
                where=os.fsencode(path).decode(errors="backslashreplace"),
                hint="rename it, or the folders that it is in",
            ) from None


def refuse_collisions(films: Sequence[Source]) -> None:
    """Raises InputError where a film is named for a screenplay, where of several films two would
    have one name, or one would be written over a screenplay."""
    for screenplay, _ in films:
        require_screenplay_file(screenplay)
    screenplays = {screenplay.resolve() for screenplay, _ in films}
    taken: dict[Path, Path] = {}
    problems = []
    for screenplay, out in films:
        film = out.resolve()
        if film in screenplays:
            words = "the film would be written over a screenplay"
            problems.append(Problem(words, str(out), "name another file"))
        if film in taken:
            problems.append(
                Problem(
                    f"{taken[film]} and {screenplay} would both become {out}",
                    str(screenplay),
                    "rename one, or render them into different folders",
                )
            )
        taken.setdefault(film, screenplay)
    if problems:
        raise InputError.of(problems)
