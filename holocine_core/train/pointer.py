"""Which checkpoint of a run is the latest and which the best: one small file beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holocine_core.events import Emit, Warned
from holocine_core.store.records import DamagedRecord, read_record, write_record
from holocine_core.train.continuity import Best

LATEST = "latest.json"
_NAME = re.compile(r"step-(\d+)(?:\.safetensors)?")
_MAY_BE_BEST = "may_be_best"
"""Key of the pointer: the checkpoints that were there when it was found damaged."""


class Pointer:
    """The pointer of a run's checkpoints.

    It is read once: while a run goes on nobody else writes it, and what is damaged meanwhile is
    known here. Where it was found damaged, every checkpoint of then may be the best and stays,
    until one is marked.

    Args:
        folder: Of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LATEST
        self._value: dict[str, Any] | None = None
        self._damage: DamagedRecord | None = None

    @property
    def _told(self) -> dict[str, Any]:
        if self._value is None:
            try:
                self._value = read_record(self.path) or {}
            except DamagedRecord as damage:
                there = [path.name for path in kept_in(self.path.parent)]
                self._value, self._damage = {_MAY_BE_BEST: there}, damage
        return self._value

    def warn(self, emit: Emit) -> None:
        """Tell of damage, once."""
        _ = self._told
        if self._damage is not None:
            emit(
                Warned(
                    message=f"{self._damage.message}: which checkpoint was the best is not known "
                    "now",
                    where=self._damage.where,
                    hint="those that are there stay until one is marked the best; if it happens "
                    "again, check the disk",
                )
            )
            self._damage = None

    @property
    def file(self) -> str | None:
        """The newest checkpoint's name."""
        return self._told.get("file")

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes that are known, by the checkpoints' names."""
        told = self._told
        named = {told["file"]: told["sha256"]} if "sha256" in told else {}
        return {**told.get("others", {}), **named}

    @property
    def best(self) -> Best:
        """The best checkpoint; of step 0 where none is known, or it is there no more."""
        best = self._told.get("best")
        if best is None or not (self.path.parent / best["file"]).exists():
            return Best(step=0, loss=math.inf, told_by=[])
        return Best(step=step_of(Path(best["file"])), loss=best["loss"], told_by=best["told_by"])

    @property
    def best_file(self) -> Path | None:
        """The best checkpoint's place; None as for :attr:`best`."""
        return self.path.parent / self._told["best"]["file"] if self.best.step else None

    def stays(self, path: Path) -> bool:
        """Whether a checkpoint is the best, or may be."""
        best = self._told.get("best")
        return path.name in self._may_be_best or (best is not None and path.name == best["file"])

    @property
    def _may_be_best(self) -> Sequence[str]:
        names: Sequence[str] = self._told.get(_MAY_BE_BEST, ())
        return names

    def point(self, path: Path, sha256: str, others: Sequence[Path]) -> None:
        """Name the newest checkpoint; the system's errors pass.

        Args:
            path: Of the checkpoint.
            sha256: Its hash.
            others: The checkpoints beside it.
        """
        hashes = self.hashes
        told = self._told
        self._write(
            {
                "step": step_of(path),
                "file": path.name,
                "sha256": sha256,
                "others": {p.name: hashes[p.name] for p in others if p.name in hashes},
                **{key: told[key] for key in ("best", _MAY_BE_BEST) if key in told},
            }
        )

    def mark(self, path: Path, best: Best) -> None:
        """Name the best checkpoint; the system's errors pass."""
        told = {name: value for name, value in self._told.items() if name != _MAY_BE_BEST}
        marked = {"file": path.name, "loss": best.loss, "told_by": best.told_by}
        self._write({**told, "best": marked})

    def _write(self, value: Mapping[str, Any]) -> None:
        write_record(self.path, value)
        self._value = dict(value)


def kept_in(folder: Path) -> list[Path]:
    """Checkpoints by step, oldest first: files of one process and folders of several."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (step_of(path), path.name))


def step_of(path: Path) -> int:
    """The steps that a checkpoint was kept after, by its name."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0
