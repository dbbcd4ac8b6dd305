"""The former name of ``holocine_core.api``: it goes on for one release.

from holocine_core.production import render_film
film = render_film("scene.yaml", out="scene.mp4")
print(film.path, film.seconds)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.events import Emit, Stop, ignore
from holocine_core.film.planning import plan_film as _plan_film
from holocine_core.plan.values import Plan
from holocine_core.request import Request

if TYPE_CHECKING:
    from holocine_core.film.values import Film

Options = Request


def plan_film(
    screenplay: str | Path, out: str | Path | None = None, options: Request = Request()
) -> Plan:
    """Read a screenplay and plan its film; now ``api.plan``."""
    return _plan_film(screenplay, _with(out, options))


def render_film(
    screenplay: str | Path,
    out: str | Path | None = None,
    options: Request = Request(),
    *,
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = lambda: False,
) -> Film:
    """Plan and render a film; now ``api.render``."""
    from holocine_core.render import render

    plan = plan_film(screenplay, out, replace(options, anew=options.anew or force))
    return render(plan, emit, force=force, should_stop=should_stop)


def _with(out: str | Path | None, options: Request) -> Request:
    return options if out is None else replace(options, out=Path(out))
