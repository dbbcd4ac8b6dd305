"""Checkpoints: all that a run needs to go on, each in one file, with a pointer to the latest.

A checkpoint is written under another name, flushed and renamed; the pointer, which holds its hash,
comes last. So a run that is killed at any moment goes on from a whole checkpoint.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, Warned
from holocine_core.train.recipe import Recipe
from holocine_core.vault import disk_errors, file_hash, read_json, write_json, write_whole

FORMAT = 1
LATEST = "latest.json"
FREE = frozenset({"out", "films", "held_out", "checkpoints", "tensorboard", "cache"})
"""Keys of a recipe that may change between two calls: they do not move the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A run's state after ``step`` steps."""

    step: int
    tensors: Mapping[str, Tensor]


class Checkpoints:
    """The checkpoints of a run, below its folder."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder / "checkpoints"
        self._recipe = recipe

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:07d}.safetensors"

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
        }
        whole = {n: t.detach().contiguous() for n, t in checkpoint.tensors.items()}

        def write(part: Path) -> None:
            try:
                save_file(whole, part, metadata=metadata)
            except SafetensorError as failed:
                raise OSError(str(failed)) from failed

        with disk_errors("keep a checkpoint", path):
            write_whole(path, write)
            pointer = {"step": checkpoint.step, "file": path.name, "sha256": file_hash(path)}
            write_json(self.folder / LATEST, pointer)
            for old in self._kept()[: -self._recipe.checkpoints.keep]:
                old.unlink()
        return path

    def latest(self, emit: Emit) -> Checkpoint | None:
        """The newest whole checkpoint of this recipe; None where the run is new.

        Raises:
            InputError: The run was made by another recipe; names the keys that differ.
        """
        pointer = read_json(self.folder / LATEST) or {}
        for path in reversed(self._kept()):
            if path.name == pointer.get("file"):
                with disk_errors("read", path):
                    sound = file_hash(path) == pointer.get("sha256")
            else:
                # The pointer was lost between two renames, or the file it names is gone.
                sound = True
            found = self._read(path) if sound else None
            if found is not None:
                return found
            emit(
                Warned(
                    message=f"{path.name} is damaged: going on from the checkpoint before it",
                    where=str(path),
                    hint="if it happens again, check the disk",
                )
            )
        return None

    def _kept(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"))

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            with safe_open(path, framework="pt") as opened:
                metadata = opened.metadata() or {}
                self._refuse_other(metadata.get("recipe", "{}"), path)
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError):
            return None
        return Checkpoint(step=int(metadata["step"]), tensors=tensors)

    def _refuse_other(self, text: str, path: Path) -> None:
        mine = json.loads(self._recipe.model_dump_json())
        made_by = _filled(text)
        differing = [
            name
            for key in mine.keys() | made_by.keys()
            if key not in FREE
            for name in _differences(key, made_by.get(key), mine.get(key))
        ]
        if differing:
            raise InputError(
                f"this run was begun with another recipe: {', '.join(sorted(differing))} differ",
                where=str(path),
                hint="put them back to go on, or give the changed recipe its own `out:`",
            )


def _filled(text: str) -> dict[str, Any]:
    """A recipe as an earlier version may have written it, with the defaults of later keys."""
    # Keys that are no more are left as they are, and so count as differing.
    with contextlib.suppress(ValidationError):
        text = Recipe.model_validate_json(text).model_dump_json()
    filled: dict[str, Any] = json.loads(text)
    return filled


def _differences(key: str, old: Any, new: Any) -> Iterator[str]:
    """Dotted names of what differs, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{key}.{i}", before, after)
    elif old != new:
        yield f"{key} ({_short(old)} -> {_short(new)})"


def _short(value: Any) -> str:
    return "a list" if isinstance(value, list) else "other" if isinstance(value, dict) else value


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder; the system lets go of it however the process ends.

    Raises:
        MachineError: Another process trains there.
    """
    with disk_errors("open the run's folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 64, 0).decode(errors="replace") or "another process"
            raise MachineError(
                f"this run is being trained already, by {holder}",
                where=str(folder),
                hint="wait for it, or give this recipe its own `out:`",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(handle)
