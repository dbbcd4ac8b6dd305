"""Measured values with their uncertainty: what was counted, out of how many, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Better = Literal["higher", "lower", "neither"]
_Z = 1.959964
_RESAMPLES = 1000
_FEWEST = 5
"""Films that can tell how much films differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a report.

    Attributes:
        value: What was measured.
        low: Lower end of the 95 % interval; None where there are too few films to say.
        high: Upper end.
        n: Of how many observations.
        hits: How many of them were right, for shares.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int
    hits: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Observations of one film: their sum (of ones, for shares) and their number."""

    sum: float = 0.0
    n: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.sum + other.sum, self.n + other.n)


def tally(values: Iterable[float | bool]) -> Tally:
    """Observations summed up."""
    seen = [float(value) for value in values]
    return Tally(math.fsum(seen), len(seen))


def wilson(hits: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    p, z2 = hits / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(films: Sequence[Tally]) -> Measure | None:
    """How many observations of all films were hits; None where there is none.

    Observations of one film are not independent, so the interval is the wider of Wilson's and a
    bootstrap over films on either side.
    """
    total = sum(films, Tally())
    if not total.n:
        return None
    found = Measure(value=total.sum / total.n, n=total.n, hits=total.sum)
    spread = _bootstrap(films)
    if spread is None:
        return found
    low, high = wilson(total.sum, total.n)
    return replace(found, low=min(low, spread[0]), high=max(high, spread[1]))


def mean(films: Sequence[Tally]) -> Measure | None:
    """The mean of all films' observations, with a bootstrap over films."""
    total = sum(films, Tally())
    if not total.n:
        return None
    low, high = _bootstrap(films) or (None, None)
    return Measure(value=total.sum / total.n, low=low, high=high, n=total.n)


def _bootstrap(films: Sequence[Tally]) -> tuple[float, float] | None:
    """The 95 % interval of the mean over resampled films.

    None with too few films that hold observations.
    """
    table = np.array([(one.sum, one.n) for one in films if one.n])
    if len(table) < _FEWEST:
        return None
    # A fixed seed: the same films give the same report.
    chosen = np.random.default_rng(0).integers(len(table), size=(_RESAMPLES, len(table)))
    sums = table[chosen].sum(1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], (0.025, 0.975))
    return float(low), float(high)
