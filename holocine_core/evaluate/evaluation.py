"""Films -> a report and its record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from holocine_core.evaluate.observe import Observed, measure_observed
from holocine_core.evaluate.table import Column, Gate, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured, and on what."""

    report: Report
    about: dict[str, Any]
    """Scenes with their cuts; of a suite also its name, judge and model."""

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.about, **self.report.record()}


def evaluation(observed: Sequence[Observed], gates: Iterable[Gate]) -> Evaluation:
    """Of scenes that were looked at."""
    count = len(observed)
    title = "1 scene" if count == 1 else f"{count} scenes"
    column, about = column_of(title, observed)
    return Evaluation(report=Report(columns=(column,), gates=tuple(gates)), about=about)


def column_of(title: str, observed: Sequence[Observed]) -> tuple[Column, dict[str, Any]]:
    """Measures that any film has, and the scenes that they are of."""
    measures, found = measure_observed(observed)
    scenes = [
        {
            "name": one.name,
            "shots": list(one.shots),
            "frames": len(one.small),
            "cuts": list(one.cuts),
            "found": list(cuts),
        }
        for one, cuts in zip(observed, found, strict=True)
    ]
    return Column(title=title, measures=measures), {"scenes": scenes}
