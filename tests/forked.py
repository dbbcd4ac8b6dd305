"""Ranks that need no start of their own: forks of a process that has imported their module.

What torchrun does beside starting (it ends all where one dies) is tested where films are rendered
by ``--gpus``, and where `holocine train` is started on several ranks.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.warm import Warm

PATIENCE = 240
"""Seconds after which ranks that wait for each other are ended."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Ranks that run."""

    ranks: tuple[subprocess.Popen[Any], ...]
    log: Path

    def kill(self) -> None:
        for rank in self.ranks:
            rank.kill()


class Forked:
    """Calls a module's ``__main__`` in processes that have imported it."""

    def __init__(self, module: str, folder: Path, environment: Mapping[str, str] = {}) -> None:
        self._module, self._folder = module, folder
        self._warm = Warm(folder, (module,), environment)
        self._start = self._warm.process()
        self._launches = 0

    def start(self, size: int, *words: object) -> Launch:
        """So many ranks, each with these words as its command line."""
        self._launches += 1
        log = self._folder / f"ranks-{self._launches}.log"
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            told = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1"}
            told |= {"MASTER_PORT": found.getsockname()[1]}
        command = [sys.executable, "-m", self._module, *map(str, words)]
        with log.open("a", encoding="utf-8") as file:
            ranks = [
                self._start(
                    command,
                    env=self._of_rank({**told, "RANK": rank, "LOCAL_RANK": rank}, size),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                )
                for rank in range(size)
            ]
        return Launch(tuple(ranks), log)

    def end(self, launch: Launch) -> int:
        """Waits for its end: 0 where every rank ended so. Where one fails, the others are ended."""
        until = time.monotonic() + PATIENCE
        while None in (codes := [rank.poll() for rank in launch.ranks]) and not any(codes):
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        launch.kill()
        for rank in launch.ranks:
            rank.wait()
        return next((code for code in codes if code), 0 if None not in codes else 1)

    def run(self, size: int, *words: object) -> str:
        """Starts, waits, and fails where a rank did; what they wrote."""
        launch = self.start(size, *words)
        code, told = self.end(launch), launch.log.read_text(encoding="utf-8")
        assert code == 0, told[-3000:]
        return told

    def close(self) -> None:
        self._warm.close()

    def _of_rank(self, told: Mapping[str, object], size: int) -> dict[str, str]:
        values = {name: str(value) for name, value in told.items()} if size > 1 else {}
        return {**self._warm.environment, **values}
