"""What a run keeps of itself, and when."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor

from holocine_core.events import CheckpointKept
from holocine_core.train.call import Call
from holocine_core.train.checkpoints import Checkpoint, Checkpoints, Stretch
from holocine_core.train.continuity import Best, measured_on
from holocine_core.train.networks import TrainingModel
from holocine_core.train.optim import EMA, Optimization
from holocine_core.train.pointer import step_of
from holocine_core.train.recipe import Phase, Recipe


class Keeper:
    """Moves a run's state between its networks and its checkpoints.

    Args:
        recipe: The run.
        model: Its networks.
        optimization: Its optimizer.
        average: Its averaged weights.
        checkpoints: Where all of that is kept.
        call: Who is told, and which checkpoint is asked for.

    Attributes:
        kept: The last step that is kept.
        earlier: The run's steps under recipes that were tuned since.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: TrainingModel,
        optimization: Optimization,
        average: EMA,
        checkpoints: Checkpoints,
        call: Call,
    ) -> None:
        self._recipe = recipe
        self._model = model
        self._optimization = optimization
        self._average = average
        self._checkpoints = checkpoints
        self._call = call
        self.earlier: tuple[Stretch, ...] = ()
        self.kept = self._begun = self._restore()
        self._at = time.monotonic()
        self._best: Best = self._agreed(checkpoints.best_known())

    def _restore(self) -> int:
        """Take up the latest checkpoint, or the best one; its step."""
        best = self._call.export == "best"
        find = self._checkpoints.best if best else self._checkpoints.latest
        checkpoint = find(self._call.emit, self._template)
        if checkpoint is None:
            return 0
        tensors = checkpoint.tensors
        with torch.no_grad():
            for name, parameter in self._model.trained.items():
                parameter.copy_(tensors[f"weights.{name}"])
                if self._recipe.ema:
                    self._average.weights[name].copy_(tensors[f"average.{name}"])
        self.earlier = checkpoint.earlier
        prefix = "optimizer."
        self._optimization.restore(
            {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        )
        return checkpoint.step

    def _template(self) -> dict[str, Tensor]:
        """Tensors as a checkpoint holds them, to be filled."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._model.trained.items():
            tensors[f"weights.{name}"] = torch.zeros_like(parameter.detach())
            if self._recipe.ema:
                tensors[f"average.{name}"] = torch.zeros_like(self._average.weights[name])
        return tensors | {f"optimizer.{n}": t for n, t in self._optimization.template().items()}

    def keep(self, step: int) -> None:
        """Begin to keep a step, unless that was begun already.

        Raises:
            MachineError: What was kept before could not be written.
        """
        if step == self._begun:
            return
        self.settle()
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._model.trained.items():
            tensors[f"weights.{name}"] = parameter.detach()
            if self._recipe.ema:  # Else the average is the weights.
                tensors[f"average.{name}"] = self._average.weights[name]
        tensors |= {f"optimizer.{n}": t for n, t in self._optimization.state().items()}
        self._checkpoints.keep(Checkpoint(step=step, tensors=tensors, earlier=self.earlier))
        self._begun, self._at = step, time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether nothing was kept for too long."""
        minutes = self._recipe.checkpoints.minutes
        return minutes is not None and time.monotonic() - self._at >= 60 * minutes

    @property
    def is_written(self) -> bool:
        """Whether a step waits to be settled that would be at once."""
        return self._checkpoints.is_written

    def settle(self) -> None:
        """Wait for what is still being written; all ranks call it.

        Raises:
            MachineError: It could not be.
        """
        path = self._checkpoints.settle()
        if path is not None:
            self.kept = step_of(path)
            self._call.emit(CheckpointKept(step=self.kept, path=str(path)))

    def judge(self, step: int, loss: float, phase: Phase) -> None:
        """Keep a step for good, until a better one comes, if its held-out loss is the lowest of
        those on the same samples."""
        told_by = measured_on(self._recipe, phase)
        lowest = self._best.loss if self._best.told_by == told_by else math.inf
        if not (self._recipe.checkpoints.best and loss < lowest):
            return
        self.keep(step)
        self.settle()
        self._best = Best(step=step, loss=loss, told_by=told_by)
        if self._model.leads:
            self._checkpoints.mark_best(self._best)

    @property
    def best(self) -> int:
        """The step with the lowest held-out loss, 0 where none is known."""
        return self._best.step

    def _agreed(self, value: Any) -> Any:
        return value if self._model.team is None else self._model.team.agree(value)
