"""Latents on disk: finished takes and stopped ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from holocine_core.sample.solvers import Progress
from holocine_core.store.vault import disk_errors


def latents_writer(latents: Tensor) -> Callable[[Path], None]:
    """Writes a take's latents as they are."""
    return lambda path: _save({"latents": latents}, path)


def read_latents(path: Path) -> Tensor:
    """A take's latents [1, C, F, H, W]."""
    latents: Tensor = load_file(path)["latents"]
    return latents


def progress_writer(progress: Progress) -> Callable[[Path], None]:
    """Writes a stopped take's whole state into one file, so that step and latents agree."""
    tensors = {f"solver.{name}": value for name, value in progress.solver.items()}
    tensors |= {"x": progress.x, "step": torch.tensor(progress.step)}
    return lambda path: _save(tensors, path)


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Latents are small: they are written in one go, with the system's own words where it fails."""
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with disk_errors("keep latents", path):
        path.write_bytes(save(whole))


def read_progress(path: Path) -> Progress:
    """A stopped take's state."""
    # Copied: a forward pass may compute otherwise on what lies unaligned in a mapped file.
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    solver = {
        name.removeprefix("solver."): value
        for name, value in tensors.items()
        if name.startswith("solver.")
    }
    return Progress(int(tensors["step"]), tensors["x"], solver)
