"""A run's numbers: metrics.jsonl, one line per step, and TensorBoard, trackio or Weights & Biases
where they are asked for."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from holocine_core.errors import MachineError
from holocine_core.store.files import atomic, open_log
from holocine_core.store.vault import disk_errors
from holocine_core.train.recipe import Recipe

NAME = "metrics.jsonl"


class Metrics:
    """Writes what is measured; a context manager.

    Args:
        recipe: The run's.
        step: Steps already done; lines of later steps, which a killed run left, are dropped.
        writes: Whether this process does; of several ranks one.

    Raises:
        MachineError: What the recipe asks for is not installed, or does not begin.
    """

    def __init__(self, recipe: Recipe, step: int, *, writes: bool = True) -> None:
        folder = Path(recipe.out)
        self._path = folder / NAME
        self._writes = writes
        if not writes:
            return
        self._board = _board(folder, step) if recipe.tensorboard else None
        self._tracked = _tracked(recipe)
        with disk_errors("write metrics", self._path):
            _drop_after(self._path, step)
            self._file = open_log(self._path)

    def __enter__(self) -> Metrics:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._writes:
            return
        self._file.close()
        if self._board is not None:
            self._board.close()
        if self._tracked is not None:
            with contextlib.redirect_stdout(sys.stderr):
                self._tracked.finish()

    def has(self, step: int, name: str) -> bool:
        """Whether a value of a step was written."""
        if not self._writes:
            return False
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return any(_step(line) == step and name in json.loads(line) for line in lines)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        if not self._writes:
            return
        line = json.dumps({"step": step, **{name: _rounded(v) for name, v in values.items()}})
        with disk_errors("write metrics", self._path):
            self._file.write(line + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
        if self._tracked is not None:
            self._tracked.log(dict(values), step=step)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _drop_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _step(line) <= step]
    if len(kept) < len(lines):
        text = "".join(f"{line}\n" for line in kept)
        with atomic(path) as part:
            _write_text(part, text)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _step(line: str) -> float:
    """A line's step; endless for one that was cut short."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as missing:
        raise MachineError(
            "the recipe asks for TensorBoard, which is not installed",
            hint="pip install 'holocine[train]', or drop `tensorboard` from the recipe; "
            f"{NAME} holds the same numbers",
        ) from missing
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)


def _tracked(recipe: Recipe) -> Any:
    """The module of the tracker that a recipe asks for, its run begun or gone on with."""
    if recipe.tracker is None:
        return None
    try:
        tracker = importlib.import_module(recipe.tracker)
    except ImportError as missing:
        raise MachineError(
            f"the recipe asks for {recipe.tracker}, which is not installed",
            where="tracker",
            hint=f"pip install {recipe.tracker}, or drop `tracker` from the recipe; "
            f"{NAME} holds the same numbers",
        ) from missing
    name = recipe.out.replace("/", "-").strip("-.")
    told: dict[str, Any] = {"id": name, "dir": recipe.out} if recipe.tracker == "wandb" else {}
    try:
        # What it says is not what this process makes.
        with contextlib.redirect_stdout(sys.stderr):
            tracker.init(
                project=os.environ.get("WANDB_PROJECT", "holocine"),
                name=name,
                config=recipe.model_dump(mode="json"),
                resume="allow",
                **told,
            )
    except (RuntimeError, ValueError, OSError, getattr(tracker, "Error", RuntimeError)) as failed:
        raise MachineError(
            f"{recipe.tracker} does not begin: {str(failed).partition(chr(10))[0]}",
            where="tracker",
            hint=f"set it up, or drop `tracker` from the recipe; {NAME} holds the same numbers",
        ) from failed
    return tracker
