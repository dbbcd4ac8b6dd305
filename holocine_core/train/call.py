"""Who asked for a training, and when it is to end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from holocine_core.events import Emit, Stop

ExportOf = Literal["latest", "best"]


@dataclass(frozen=True, slots=True)
class Call:
    """What all networks of a call have in common.

    Attributes:
        emit: Told of everything.
        should_stop: Asked after every step.
        until: ``time.monotonic()`` at which to stop.
        export: Write the model of the latest checkpoint, or of the best one, and train nothing.
    """

    emit: Emit
    should_stop: Stop
    until: float
    export: ExportOf | None = None

    @property
    def is_over(self) -> bool:
        """Whether its time is."""
        return time.monotonic() >= self.until
