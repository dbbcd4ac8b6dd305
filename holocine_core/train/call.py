"""Who asked for a training, and when it is to end."""

from __future__ import annotations

import time
from dataclasses import dataclass

from holocine_core.events import Emit, Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What all networks of a call have in common.

    Attributes:
        emit: Told of everything.
        should_stop: Asked after every step.
        until: ``time.monotonic()`` at which to stop.
    """

    emit: Emit
    should_stop: Stop
    until: float

    @property
    def is_over(self) -> bool:
        """Whether its time is."""
        return time.monotonic() >= self.until
