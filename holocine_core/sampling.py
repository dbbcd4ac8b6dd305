"""How noise falls over a sampling: the shift of the schedule and its inverse. No torch here."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Level = TypeVar("Level", float, "Tensor")
"""A noise level, 0 to 1, or many."""


def shifted(even: Level, shift: float) -> Level:
    """The sigma of a place in an even schedule, 0 to 1 (Esser et al., arXiv 2403.03206, eq. 23).

    Args:
        even: 1 at the start of the sampling, 0 at its end.
        shift: 1 changes nothing; a higher one spends more steps at high noise.
    """
    return shift * even / (1 + (shift - 1) * even)


def unshifted(sigma: Level, shift: float) -> Level:
    """The place in an even schedule that :func:`shifted` makes ``sigma`` of."""
    return sigma / (shift - (shift - 1) * sigma)
