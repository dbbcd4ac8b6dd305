"""Checkpoints: all that a run needs to go on, each in one file, with a pointer to the latest.

A checkpoint is written under another name, flushed and renamed; the pointer, which holds its hash,
comes last. So a run that is killed at any moment goes on from a whole checkpoint. All of that
happens beside training, on a copy.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, Warned
from holocine_core.model.parallel import Team
from holocine_core.store.claims import claimed
from holocine_core.store.files import name_for_damaged
from holocine_core.store.tensors import is_whole
from holocine_core.store.vault import disk_errors, file_hash
from holocine_core.train.continuity import Best, tuned_since
from holocine_core.train.parted import ABOUT, Saving, about, is_sound, load, load_shares
from holocine_core.train.pointer import Pointer, kept_in, step_of
from holocine_core.train.recipe import Recipe
from holocine_core.train.writing import Writing

FORMAT = 1
Template = Callable[[], Mapping[str, Tensor]]
"""Added to the name of a checkpoint that can't be read, so that it is never taken for whole."""
STEP, SEED, RECIPE = "holocine_step", "holocine_seed", "holocine_recipe"
Stretch = Mapping[str, Any]
"""Steps under one recipe: those keys of a weight file's metadata, with the recipe as a tree."""


def stretch(step: int, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The steps up to ``step``, made by ``recipe``."""
    return {STEP: str(step), SEED: str(recipe["seed"]), RECIPE: recipe}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A run's state after ``step`` steps.

    Attributes:
        earlier: The run's steps under recipes that were tuned since, oldest first.
    """

    step: int
    tensors: Mapping[str, Tensor]
    earlier: tuple[Stretch, ...] = ()


class Checkpoints:
    """The checkpoints of a run, below its folder.

    Args:
        folder: Of the run.
        recipe: Its recipe.
        start: What the run starts from, parts of the model and folders of samples -> its hash;
            nothing is compared where either side does not know it.
        team: The ranks that each write their share.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        start: Mapping[str, str] | None = None,
        team: Team | None = None,
    ) -> None:
        self.folder = folder / "checkpoints"
        self._pointer = Pointer(self.folder)
        self._recipe = recipe
        self._start = dict(start or {})
        self._team = team
        self._saving: Writing | Saving | None = None

    def path(self, step: int) -> Path:
        """One file, or a folder where ranks write their shares."""
        name = f"step-{step:07d}"
        return self.folder / (name if self._team is not None else f"{name}.safetensors")

    def keep(self, checkpoint: Checkpoint) -> None:
        """Begin to write a checkpoint beside training; :meth:`settle` ends it.

        Raises:
            MachineError: The folder can't be made, or the checkpoint before could not be written.
        """
        self.settle()
        path = self.path(checkpoint.step)
        with disk_errors("make the folder", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        metadata = {
            "format": str(FORMAT),
            "step": str(checkpoint.step),
            "recipe": self._recipe.model_dump_json(),
            "start": json.dumps(self._start),
            "earlier": json.dumps(checkpoint.earlier),
        }
        if self._team is None:
            self._saving = Writing(checkpoint.tensors, path, metadata)
        else:
            told = {**metadata, "ranks": str(self._team.size)}
            self._saving = Saving(checkpoint.tensors, path, told, self._team)

    @property
    def is_written(self) -> bool:
        """Whether one waits to be settled that would be at once."""
        return self._saving is not None and self._saving.is_done

    def settle(self) -> Path | None:
        """Wait for what is still being written, and point to it; None where nothing is.

        Raises:
            MachineError: The disk is full; the checkpoint before it is whole.
        """
        if self._saving is None:
            return None
        saving, self._saving = self._saving, None
        path = saving.settle()
        if self._team is None or self._team.leads:
            self._point_to(path)
        if self._team is not None:
            self._team.any(False)
        return path

    def _point_to(self, path: Path) -> None:
        """Name the newest checkpoint, and remove those that are too old."""
        with disk_errors("keep a checkpoint", path):
            others = [each for each in kept_in(self.folder) if each != path]
            ageing = [each for each in others if not self._pointer.stays(each)]
            old = ageing[: max(0, len(ageing) + 1 - self._recipe.checkpoints.keep)]
            self._pointer.point(path, _hash(path), others)
            for each in old:
                if each.is_dir():
                    shutil.rmtree(each)
                else:
                    each.unlink()

    def mark_best(self, best: Best) -> None:
        """Say of a checkpoint, which is settled, that none has a lower held-out loss: it stays
        until another is better."""
        with disk_errors("keep a checkpoint", self._pointer.path):
            self._pointer.mark(self.path(best.step), best)

    def best_known(self) -> Best:
        """The best one; of step 0 where there is none."""
        return self._pointer.best

    def latest(self, emit: Emit, template: Template) -> Checkpoint | None:
        """The newest whole checkpoint of this recipe; None where the run is new.

        A damaged one is set aside under another name.

        Args:
            emit: Told of damage, and of what was tuned.
            template: Makes tensors as this process holds them, to be filled.

        Raises:
            InputError: The run was made by another recipe, or from another model or other samples;
                names what differs.
            MachineError: There are checkpoints, and none of them is whole.
        """
        self._pointer.warn(emit)
        found = self._first_whole(list(reversed(kept_in(self.folder))), emit, template)
        if found is not None and (self._team is None or self._team.leads):
            self._point_where_needed(kept_in(self.folder)[-1])
        return found

    def _point_where_needed(self, path: Path) -> None:
        """Point to a checkpoint that got its name just before the run was killed."""
        if self._pointer.file != path.name:
            self._point_to(path)

    def best(self, emit: Emit, template: Template) -> Checkpoint:
        """The one with the lowest held-out loss; else as :meth:`latest`.

        Raises:
            InputError: None is marked.
        """
        self._pointer.warn(emit)
        best = self._pointer.best_file
        if best is None:
            raise InputError(
                "no checkpoint is known to be the best",
                where=str(self.folder),
                hint="a recipe with `held_out:` marks one at each measurement",
            )
        try:
            found = self._first_whole([best], emit, template)
        except MachineError as damaged:
            raise MachineError(
                f"the best checkpoint, {best.name}, is damaged",
                where=damaged.where,
                hint="--export makes a model of the latest one",
            ) from damaged
        assert found is not None
        return found

    def _first_whole(
        self, paths: Sequence[Path], emit: Emit, template: Template
    ) -> Checkpoint | None:
        hashes, damaged = self._pointer.hashes, None
        for path in paths:
            with disk_errors("read", path):
                sound = self._is_sound(path, hashes)
            found = self._read(path, emit, template) if sound else None
            if found is not None:
                return found
            damaged = self._set_aside(path)
            emit(
                Warned(
                    message=f"{path.name} is damaged: going on from the checkpoint before it",
                    where=str(damaged),
                    hint="if it happens again, check the disk",
                )
            )
        if damaged is not None:
            raise MachineError(
                "no checkpoint of this run is whole",
                where=str(self.folder),
                hint="check the disk; the same command now begins the run anew",
            )
        return None

    def _compare(self, metadata: Mapping[str, str], path: Path) -> list[str]:
        return tuned_since(self._recipe, self._start, metadata, path)

    def _is_sound(self, path: Path, hashes: Mapping[str, str]) -> bool:
        # One that the pointer does not know was written just before the run was killed.
        if path.is_dir():
            known = path.name not in hashes or _hash(path) == hashes[path.name]
            return is_sound(path, self._team) and known
        if path.name in hashes:
            return file_hash(path) == hashes[path.name]
        return is_whole(path)

    def _set_aside(self, path: Path) -> Path:
        damaged = name_for_damaged(path)
        if self._team is not None:
            self._team.any(False)  # All have seen it.
        if self._team is None or self._team.leads:
            with disk_errors("set aside", path):
                path.rename(damaged)
        return damaged

    def refuse_others(self) -> int:
        """The step of the newest checkpoint by its name, 0 where there is none; errors as of
        :meth:`latest`, of what its header says alone."""
        kept = kept_in(self.folder)
        if not kept:
            return 0
        if (metadata := _metadata(kept[-1])) is not None:
            try:
                self._compare(metadata, kept[-1])
            except (InputError, ValueError, KeyError, TypeError, AttributeError):
                # A damaged one may say anything; the run goes on from the one before.
                if self._is_sound(kept[-1], self._pointer.hashes):
                    raise
        return step_of(kept[-1])

    def _read(self, path: Path, emit: Emit, template: Template) -> Checkpoint | None:
        metadata = _metadata(path)
        if metadata is None:
            return None
        tuned = self._compare(metadata, path)
        self._tell_ranks(metadata, path, emit)
        try:
            tensors = self._tensors(path, template)
        except (SafetensorError, ValueError, KeyError):
            return None
        step, earlier = int(metadata["step"]), json.loads(metadata.get("earlier", "[]"))
        if tuned:
            earlier.append(stretch(step, json.loads(metadata["recipe"])))
            emit(
                Warned(
                    message=f"from step {step} on with another {', '.join(tuned)}",
                    where=str(path),
                    hint="the model will tell both settings",
                )
            )
        return Checkpoint(step=step, tensors=tensors, earlier=tuple(earlier))

    def _tensors(self, path: Path, template: Template) -> Mapping[str, Tensor]:
        if path.is_dir():
            tensors = template()
            load(tensors, path)
            return tensors
        if self._team is not None:
            tensors = template()
            load_shares(tensors, path)
            return tensors
        with safe_open(path, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118

    def _tell_ranks(self, metadata: Mapping[str, str], path: Path, emit: Emit) -> None:
        ranks = int(metadata.get("ranks", "1"))
        mine = 1 if self._team is None else self._team.size
        if ranks != mine and self._recipe.optimizer.kind == "adamw-8bit":
            raise InputError(
                f"kept on {ranks} ranks: what adamw-8bit remembers can't be parted among {mine}",
                where=str(path),
                hint=f"go on with --gpus {ranks}",
            )
        if ranks != mine:
            emit(
                Warned(
                    message=f"kept on {ranks} ranks, going on with {mine}: sums are rounded "
                    "otherwise from here on",
                    where=str(path),
                    hint="the same number of ranks goes on to the same bits",
                )
            )


def _metadata(path: Path) -> Mapping[str, str] | None:
    """What a checkpoint says of itself; None where it can't be read."""
    if path.is_dir():
        return about(path)
    try:
        with safe_open(path, framework="pt") as opened:
            return dict(opened.metadata() or {})
    except (SafetensorError, ValueError):
        return None


def _hash(path: Path) -> str:
    """Of a checkpoint: of its file, or of what its folder says of every file."""
    return file_hash(path / ABOUT if path.is_dir() else path)


def locked(folder: Path) -> contextlib.AbstractContextManager[Callable[[], None]]:
    """Hold a run's folder; as :func:`holocine_core.store.claims.claimed`."""
    return claimed(
        folder,
        "train",
        what="this run is being trained",
        instead="give this recipe its own `out:`",
    )
