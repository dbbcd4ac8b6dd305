"""What a step computes, what the device could, and the memory it takes."""

from __future__ import annotations

import time

import torch

from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.hardware import process_peak
from holocine_core.model.spec import ModelSpec
from holocine_core.sampling import Attention
from holocine_core.train.data.batches import Batch
from holocine_core.train.recipe import Recipe

BACK = {"full": 3, "lora": 2}
"""A step's operations beside those of its forward passes: going back costs as much for what is
handed on to the layer before, and again for weights that move (a LoRA's are few)."""
_SIDE = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the products that a device's rate is measured by."""
_TRIES = 5


def batch_flops(recipe: Recipe, spec: ModelSpec, batch: Batch, *, full: bool = False) -> int:
    """Operations of a pass, forward and back; what is computed twice to save memory counts once.

    Args:
        recipe: The run.
        spec: The model.
        batch: What goes through it.
        full: Whether all tokens see all, whatever the model's attention is.
    """
    _, _, _, rows, columns = batch.latents_BCFHW.shape
    attention: Attention | None = "full" if full else recipe.attention
    forward = sum(
        forward_flops(
            spec, Geometry(rows=rows, columns=columns, shots=layout), attention=attention
        ).total
        for layout in batch.each
    )
    return BACK[recipe.train] * forward


def highest_rate(device: torch.device, *, bf16: bool) -> float:
    """Operations a second of large products, as this device makes them now.

    Args:
        device: Where.
        bf16: Whether in bfloat16; float32 otherwise.
    """
    side = _SIDE.get(device.type, _SIDE["cuda"])
    dtype = torch.bfloat16 if bf16 else torch.float32
    one = torch.ones(side, side, dtype=dtype, device=device)
    best = 0.0
    for _ in range(_TRIES):
        _wait(device)
        began = time.perf_counter()
        one @ one
        _wait(device)
        best = max(best, 2 * side**3 / (time.perf_counter() - began))
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def held_bytes(device: torch.device) -> int:
    """Most memory that was ever held: of the GPU, or of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return process_peak() or 0
