"""Films that have to be rendered before they can be measured."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from holocine_core.errors import Interrupted
from holocine_core.events import Emit, Stop, ignore, never
from holocine_core.film.planning import plan_film, refuse_collisions
from holocine_core.film.provenance import inspect
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.studio import Studio

Watch = Callable[[Plan, int, int], AbstractContextManager[Emit]]
"""A film to be rendered, its number from 1 and how many there are -> who is told of it."""
_SCREENPLAYS = (".yaml", ".yml")


@contextlib.contextmanager
def nobody(plan: Plan, number: int, of: int) -> Iterator[Emit]:
    yield ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class Filming:
    """How films are made that are there to be measured.

    Attributes:
        request: What is asked for beside their screenplays.
        requests: By screenplay, where it is something else.
        work: Folder for them; it is the evaluation's own, and an older film in it gives way.
        seeds: Films per screenplay, each of other noise.
        watch: Who is told of each.
        should_stop: Asked after every step; True keeps everything and raises Interrupted.
    """

    request: Request
    work: Path
    requests: Mapping[Path, Request] = field(default_factory=dict)
    seeds: int = 1
    watch: Watch = nobody
    should_stop: Stop = never

    def make(self, plans: Sequence[Plan]) -> Iterator[Plan]:
        """Render every plan; yields it when it is a film."""
        with Studio(plans) as studio:
            for number, plan in enumerate(plans, 1):
                with self.watch(plan, number, len(plans)) as emit:
                    render(plan, emit, force=True, should_stop=self.should_stop, studio=studio)
                if self.should_stop():
                    raise Interrupted("everything finished so far is kept")
                yield plan

    def films(self, paths: Sequence[Path]) -> Iterator[Path]:
        """Every film of these; screenplays are planned at once and rendered first."""
        screenplays = [path for path in paths if path.suffix.lower() in _SCREENPLAYS]
        refuse_collisions([(path, self._film(path)) for path in screenplays])
        plans = {path: list(self._plans(path)) for path in screenplays}
        # A file that is no film is told of before hours of rendering.
        for path in paths:
            if path not in plans:
                inspect(path)
        made = self.make([plan for each in plans.values() for plan in each])
        for path in paths:
            if path not in plans:
                yield path
            for _ in plans.get(path, ()):
                yield next(made).out

    def _plans(self, screenplay: Path) -> Iterator[Plan]:
        request = self.requests.get(screenplay, self.request)
        first = plan_film(screenplay, replace(request, out=self._film(screenplay)))
        begin = first.screenplay.seed
        for seed in range(begin, begin + self.seeds):
            out = self.work / f"{screenplay.stem}.seed-{seed}.mp4"
            yield plan_film(screenplay, replace(request, seed=seed, out=out))

    def _film(self, screenplay: Path) -> Path:
        return self.work / f"{screenplay.stem}.mp4"
