"""What a judge reads from a shot: one share per possible value of every field. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames
from holocine_core.lab.stage.facts import FIELDS, means_something


@dataclass(frozen=True, slots=True)
class Reading:
    """What a judge sees in one shot.

    Attributes:
        shares: For every field of ``FIELDS`` a share per value; they sum to 1.
    """

    shares: Mapping[str, NDArray[np.float32]]

    def value(self, name: str) -> str:
        """The likeliest value of a field."""
        return FIELDS[name][int(self.shares[name].argmax())]

    def share(self, name: str, value: str) -> float:
        """How likely a field has a value."""
        return float(self.shares[name][FIELDS[name].index(value)])


Judge = Callable[[Sequence[Frames]], list[Reading]]
"""Reads shots, frames [T, H, W, 3] each."""


def shown(reading: Reading, slot: str, name: str) -> bool:
    """Whether a field means something about the figure a judge sees in a slot."""
    return means_something(name, lambda other: reading.value(f"{slot}.{other}"))
