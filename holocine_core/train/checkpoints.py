"""Checkpoints: all that a run needs to go on, each in one file, with a pointer to the latest.

A checkpoint is written under another name, flushed and renamed; the pointer, which holds its hash,
comes last. So a run that is killed at any moment goes on from a whole checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, Warned
from holocine_core.model.parallel import Team
from holocine_core.store.claims import claimed
from holocine_core.store.files import atomic, read_json, write_json
from holocine_core.store.tensors import write_tensors
from holocine_core.store.vault import disk_errors, file_hash
from holocine_core.train.parted import ABOUT, Saving, about, is_sound, load, load_shares
from holocine_core.train.recipe import Recipe

FORMAT = 1
LATEST = "latest.json"
_NAME = re.compile(r"step-(\d+)(?:\.safetensors)?")
Template = Callable[[], Mapping[str, Tensor]]
DAMAGED = ".damaged"
"""Added to the name of a checkpoint that can't be read, so that it is never taken for whole."""
FREE = frozenset({"out", "films", "held_out", "checkpoints", "tensorboard", "cache", "ulysses"})
"""Keys of a recipe that may change between two calls: they do not move the weights."""
FILMED = "model.new.card.profiles"
"""How a new model's films are sampled does not move its weights either."""
TUNED = frozenset({"optimizer.lr", "optimizer.clip"})
"""Keys that may change although they do: what a run that went wrong needs. The change is told, and
kept beside the weights."""

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
        self._recipe = recipe
        self._start = dict(start or {})
        self._team = team
        self._saving: Saving | None = None

    def path(self, step: int) -> Path:
        """One file, or a folder where ranks write their shares."""
        name = f"step-{step:07d}"
        return self.folder / (name if self._team is not None else f"{name}.safetensors")

    def keep(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, point to it, and remove those that are too old.

        Raises:
            MachineError: Disk full, folder not writable; earlier checkpoints are untouched.
        """
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
        if self._team is not None:
            self.settle()
            told = {**metadata, "ranks": str(self._team.size)}
            self._saving = Saving(checkpoint.tensors, path, told, self._team)
            return path
        with disk_errors("keep a checkpoint", path), atomic(path) as part:
            write_tensors(part, checkpoint.tensors, metadata)
        self._point_to(path)
        return path

    def settle(self) -> None:
        """Wait for what ranks still write.

        Raises:
            MachineError: The disk is full; the checkpoint before it is whole.
        """
        if self._saving is None or self._team is None:
            return
        saving, self._saving = self._saving, None
        path = saving.settle()
        if self._team.leads:
            self._point_to(path)
        self._team.any(False)

    def _point_to(self, path: Path) -> None:
        """Name the newest checkpoint, and remove those that are too old."""
        with disk_errors("keep a checkpoint", path):
            others = [each for each in self._kept() if each != path]
            old = others[: max(0, len(others) + 1 - self._recipe.checkpoints.keep)]
            hashes = self._hashes()
            pointer = {
                "step": _step_of(path),
                "file": path.name,
                "sha256": _hash(path),
                "others": {p.name: hashes[p.name] for p in others if p.name in hashes},
            }
            write_json(self.folder / LATEST, pointer)
            for each in old:
                if each.is_dir():
                    shutil.rmtree(each)
                else:
                    each.unlink()

    def _hashes(self) -> dict[str, str]:
        """Hashes of the files that the pointer knows."""
        pointer = read_json(self.folder / LATEST) or {}
        named = {pointer["file"]: pointer["sha256"]} if "sha256" in pointer else {}
        return {**pointer.get("others", {}), **named}

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
        hashes, damaged = self._hashes(), None
        for path in reversed(self._kept()):
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

    def _is_sound(self, path: Path, hashes: Mapping[str, str]) -> bool:
        # One that the pointer does not know was written just before the run was killed.
        if path.is_dir():
            known = path.name not in hashes or _hash(path) == hashes[path.name]
            return is_sound(path, self._team) and known
        return path.name not in hashes or file_hash(path) == hashes[path.name]

    def _set_aside(self, path: Path) -> Path:
        damaged = path.with_name(path.name + DAMAGED)
        if self._team is not None:
            self._team.any(False)  # All have seen it.
        if self._team is None or self._team.leads:
            with disk_errors("set aside", path):
                path.rename(damaged)
        return damaged

    def refuse_others(self) -> int:
        """The step of the newest checkpoint by its name, 0 where there is none; errors as of
        :meth:`latest`, of what its header says alone."""
        kept = self._kept()
        if not kept:
            return 0
        if (metadata := _metadata(kept[-1])) is not None:
            self._compare(metadata, kept[-1])
        return _step_of(kept[-1])

    def _kept(self) -> list[Path]:
        """Checkpoints by step, oldest first: files of one process and folders of several."""
        found = [path for path in self.folder.glob("step-*") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_step_of(path), path.name))

    def _read(self, path: Path, emit: Emit, template: Template) -> Checkpoint | None:
        metadata = _metadata(path)
        if metadata is None:
            return None
        tuned = self._compare(metadata, path)
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
        self._tell_ranks(metadata, path, emit)
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
        if ranks != mine:
            emit(
                Warned(
                    message=f"kept on {ranks} ranks, going on with {mine}: sums are rounded "
                    "otherwise from here on",
                    where=str(path),
                    hint="the same number of ranks goes on to the same bits",
                )
            )

    def _compare(self, metadata: Mapping[str, str], path: Path) -> list[str]:
        """Refuse a checkpoint made by another recipe or from something else; what was tuned."""
        mine = json.loads(self._recipe.model_dump_json())
        made_by = _filled(metadata.get("recipe", "{}"))
        differing = [
            (name, f"{name} ({_short(old)} -> {_short(new)})")
            for key in sorted(mine.keys() | made_by.keys())
            if key not in FREE
            for name, old, new in _differences(key, made_by.get(key), mine.get(key))
            if not name.startswith(FILMED)
        ]
        refused = sorted(told for name, told in differing if name not in TUNED)
        if refused:
            raise InputError(
                f"this run was begun with another recipe: {', '.join(refused)} differ",
                where=str(path),
                hint="put them back to go on, or give the changed recipe its own `out:`",
            )
        began = json.loads(metadata.get("start", "{}"))
        changed = [part for part in began if self._start.get(part, began[part]) != began[part]]
        if changed:
            raise InputError(
                f"what this run began from has changed: {', '.join(sorted(changed))}",
                where=str(path),
                hint="put it back to go on, or give the run its own `out:` to begin from it",
            )
        return [told for _, told in differing]


def _metadata(path: Path) -> Mapping[str, str] | None:
    """What a checkpoint says of itself; None where it can't be read."""
    if path.is_dir():
        return about(path)
    try:
        with safe_open(path, framework="pt") as opened:
            return dict(opened.metadata() or {})
    except (SafetensorError, ValueError):
        return None


def _step_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def _hash(path: Path) -> str:
    """Of a checkpoint: of its file, or of what its folder says of every file."""
    return file_hash(path / ABOUT if path.is_dir() else path)


def _filled(text: str) -> dict[str, Any]:
    """A recipe as an earlier version may have written it, with the defaults of later keys."""
    tree = json.loads(text)
    for phase in tree.get("phases", ()):
        if phase.get("data") is not None:
            phase.pop("world", None)  # It stood there for nothing.
    text = json.dumps(tree)
    # Keys that are no more are left as they are, and so count as differing.
    with contextlib.suppress(ValidationError):
        text = Recipe.model_validate_json(text).model_dump_json()
    filled: dict[str, Any] = json.loads(text)
    return filled


def _differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Dotted name of each difference, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{key}.{i}", before, after)
    elif old != new:
        yield key, old, new


def _short(value: Any) -> str:
    return "a list" if isinstance(value, list) else "other" if isinstance(value, dict) else value


def locked(folder: Path) -> contextlib.AbstractContextManager[Callable[[], None]]:
    """Hold a run's folder; as :func:`holocine_core.store.claims.claimed`."""
    return claimed(
        folder,
        "train",
        what="this run is being trained",
        instead="give this recipe its own `out:`",
    )
