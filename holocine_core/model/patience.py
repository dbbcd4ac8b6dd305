"""How often, and after how long, the hub is asked again before a failure is told. No torch here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from holocine_core.events import Emit, Warned
from holocine_core.model.hub_errors import Passing

WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before each further try: two minutes, which a router takes to start anew."""
LONGEST_S = 310.0
"""Most seconds that the hub may ask to wait: it counts requests by five minutes."""


class Patience:
    """Of one piece of work.

    Args:
        emit: Told before each wait.
        waits: Seconds before each try; after the last one the failure is told.
    """

    def __init__(self, emit: Emit, waits: Sequence[float] = WAITS_S) -> None:
        self._emit = emit
        self._waits = waits
        self._tries = 0

    def wait(self, failed: Passing, told: str = "") -> None:
        """Wait before the next try.

        Args:
            failed: What ended the last one.
            told: What is to be said beside it.

        Raises:
            Passing: ``failed``, where waiting is in vain or would take too long.
        """
        if self._tries >= len(self._waits):
            raise failed
        wait = self._waits[self._tries] if failed.wait is None else failed.wait
        if wait > LONGEST_S:
            raise failed
        self._tries += 1
        self._emit(
            Warned(
                message="; ".join(filter(None, (failed.message, told))),
                where=failed.where,
                hint=f"nothing is to be done: trying again in {wait:.0f} s",
            )
        )
        time.sleep(wait)

    def renew(self) -> None:
        """Something has come: a later failure is a first one."""
        self._tries = 0
