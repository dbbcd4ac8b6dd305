"""A suite of the drawn world's scenes: filmed by a model, and read by the judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.evaluation import Evaluation, column_of
from holocine_core.evaluate.features import Eyes
from holocine_core.evaluate.filming import Filming
from holocine_core.evaluate.observe import Observed, observe
from holocine_core.evaluate.table import Column, Gate, Report
from holocine_core.lab.judge.network import SHIPPED, TrainedJudge, load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.scores import by_chance, score_watched
from holocine_core.lab.suites.suite import Case, Filmed, Suite, parse_suite
from holocine_core.lab.suites.suite_films import (
    drawn_film,
    frames_of,
    plan_case,
    screened,
    size_of,
    through_codec,
)
from holocine_core.lab.suites.watched import Watched, watch
from holocine_core.model.locate import find_model
from holocine_core.plan.values import Plan


def evaluate_suite(
    text: str, filming: Filming, eyes: Eyes, gates: Sequence[Gate] = (), judge: Path | None = None
) -> Evaluation:
    """A suite as the model films it, as its codec gives the drawn films back, as they are drawn,
    and with each screenplay's film exchanged for another's.

    Args:
        text: ``stage:SEED:COUNT``.
        filming: How its films are made.
        eyes: What scenes are compared by.
        gates: What is asked of the first column.
        judge: Another one than ships.

    Raises:
        InputError: There is no such suite, or the judge can not read it.
    """
    request = filming.request
    within = world_of(find_model(request.model or "nano", request.models_dir))
    suite = parse_suite(text, within)
    reader = load_judge(judge or SHIPPED, asked=suite.within)
    cases, plans = _planned(suite, filming)
    plan = plans[0]
    again = through_codec(plan)
    own, through, truth = (_Seen(reader, eyes, again) for _ in range(3))
    for case, made in zip(cases, filming.make(plans), strict=True):
        own.add(Filmed(case, frames_of(made)))
    for case in suite.cases:
        drawn = drawn_film(case, size_of(plan))
        truth.add(drawn)
        through.add(Filmed(case, again(drawn.frames)))
    first, about = _judged(plan.model.spec.name, own)
    columns = [first, _judged("codec", through)[0], _judged("drawn", truth)[0]]
    if len({case.scene.seed for case in suite.cases}) > 1:
        columns.append(Column(title="another", measures=by_chance(truth.watched)))
    about |= {"suite": suite.name, "judge": reader.identity, "model": dict(plan.identity)}
    about["world"] = {name: list(values) for name, values in asdict(suite.within).items()}
    return Evaluation(report=Report(columns=tuple(columns), gates=tuple(gates)), about=about)


def _planned(suite: Suite, filming: Filming) -> tuple[list[Case], list[Plan]]:
    """Every case as often as it is filmed, and its plans."""
    folder = filming.work / suite.name.replace(":", "-")
    cases = [case for case in suite.cases for _ in range(filming.seeds)]
    takes = list(range(filming.seeds)) * len(suite.cases)
    return cases, [
        plan_case(case, folder, filming.request, take)
        for case, take in zip(cases, takes, strict=True)
    ]


class _Seen:
    """What is kept of a suite's films once they were looked at: their frames are not."""

    def __init__(
        self, reader: TrainedJudge, eyes: Eyes, through_codec: Callable[[Frames], Frames]
    ) -> None:
        self.observed: list[Observed] = []
        self.watched: list[Watched] = []
        self._reader = reader
        self._eyes = eyes
        self._through_codec = through_codec

    def add(self, film: Filmed) -> None:
        """Look at a film; one that is told a second time is only judged by its words."""
        if film.case.words == "trained":
            self.observed.append(observe(screened(film), self._eyes, self._through_codec))
        self.watched += watch([film], self._reader, self._reader.trust.reads)


def _judged(title: str, seen: _Seen) -> tuple[Column, dict[str, Any]]:
    column, about = column_of(title, seen.observed)
    scores = score_watched(seen.watched)
    return replace(column, measures={**column.measures, **scores}), about
