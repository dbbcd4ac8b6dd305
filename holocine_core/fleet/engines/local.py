"""Workers as processes of this machine: one for each of its cards, or as many as are asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.fleet.engines.options import Setting, count, read_settings
from holocine_core.fleet.engines.process import ask_to_end, logs_of, start_worker, wait_for_end
from holocine_core.model.devices import visible_gpus

SETTINGS = {"workers": Setting(count, "how many; one for each card where left out")}


class Local:
    """Processes of this machine.

    Args:
        given: Settings, as ``KEY=VALUE``.
        gpus: Cards of each worker.

    Raises:
        InputError: A setting is none.
    """

    def __init__(self, given: Sequence[str], gpus: int = 1) -> None:
        settings = read_settings("local", given, SETTINGS)
        cards = visible_gpus() or ()
        self._cards = [",".join(cards[i : i + gpus]) for i in range(0, len(cards), gpus)]
        self._workers = settings.get("workers", max(1, len(self._cards)))
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: list[int] = []

    def require(self, words: Sequence[str], folder: Path, screenplays: Sequence[Path]) -> None:
        """What the workers need is here, since this process has read it."""
        if self._cards and self._workers > len(self._cards) and "--device" not in words:
            raise InputError(
                f"{self._workers} workers on cards for {len(self._cards)}",
                where="--engine",
                hint="a card films one film at a time; leave `workers` out, or add --device cpu",
            )

    def tend(self, wanted: int, words: Sequence[str], folder: Path) -> int:
        """Start workers until as many run as are wanted and may; how many run."""
        for slot, worker in list(self._running.items()):
            if (code := worker.poll()) is not None:
                self._ended.append(code)
                del self._running[slot]
        free = [slot for slot in range(self._workers) if slot not in self._running]
        for slot in free[: max(0, wanted - len(self._running))]:
            card = {"CUDA_VISIBLE_DEVICES": self._cards[slot]} if slot < len(self._cards) else {}
            logs = logs_of(folder) / str(slot)
            self._running[slot] = start_worker(words, Path.cwd(), logs, card)
        return len(self._running)

    def ended(self) -> list[int]:
        """Exit codes of workers that ended since the last call."""
        told, self._ended = self._ended, []
        return told

    def stop(self) -> None:
        """Ask all workers to end, and wait for them."""
        for worker in self._running.values():
            ask_to_end(worker)
        for worker in self._running.values():
            wait_for_end(worker)
        self._running.clear()
