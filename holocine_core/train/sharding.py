"""One network's weights parted among ranks (FSDP2), and whole again.

Every rank holds a share of each weight, of its gradient, its average and what the optimizer
remembers; a block's weights are whole while it runs. Ranks that share a clip's tokens exchange
heads around self-attention (model/attention/ulysses.py).

A step's gradient: each rank goes back from the whole loss of its pass, times the share that its
samples are of the step's, times the number of parts. What Ulysses' last exchange sums over ranks
that share a clip and what the mean over all ranks divides by are the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from holocine_core.errors import InputError
from holocine_core.model.parallel import Team, require_heads
from holocine_core.train.recipe import Recipe


def refuse_undivided(recipe: Recipe) -> None:
    """Raises InputError for what ranks can not share."""
    lacks = {
        "facts": bool(recipe.facts),
        "parts": recipe.parts != ("transformer",),
        "compile": recipe.compile,
    }
    words = {
        "facts": "the second loss looks at all of a clip's tokens on one device",
        "parts": "only the transformer's weights are parted among ranks",
        "compile": "compiled blocks can not be parted",
    }
    for key, asked in lacks.items():
        if asked:
            raise InputError(
                f"`{key}` can not be trained on several ranks: {words[key]}",
                where=key,
                hint=f"train it on one device, or leave `{key}` out",
            )


def shard(transformer: Any, team: Team, dtype: torch.dtype) -> None:
    """Part a transformer's weights among ranks, block by block.

    No rank holds more than its share and one block on its device.

    Args:
        transformer: Its weights may still lie in their file.
        team: The ranks.
        dtype: Of its weights from now on, where they are narrower.

    Raises:
        InputError: Its heads do not divide among the ranks that share a clip.
    """
    require_heads(transformer.config.num_attention_heads, team.sharing, guided=False)
    for block in transformer.blocks:
        _onto(block, team.device, dtype)
        fully_shard(block, mesh=team.mesh)
    _onto(transformer, team.device, dtype)
    # It warns of outputs that are views, which only changes in place would harm: nothing does.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    # Else the weights outside blocks stay whole after a pass without gradient, and are then not
    # those that were changed since.
    fully_shard(transformer, mesh=team.mesh, reshard_after_forward=True)


def _onto(module: nn.Module, device: str, dtype: torch.dtype) -> None:
    """Copy weights to a device, widened, out of the file they may still lie in."""
    for parameter in module.parameters():
        if not isinstance(parameter, DTensor):
            packed = not parameter.is_floating_point()
            wide = parameter.dtype if packed else torch.promote_types(parameter.dtype, dtype)
            parameter.data = parameter.data.to(device, wide, copy=True)
    for buffer in module.buffers():
        buffer.data = buffer.data.to(device)


def whole(value: Tensor) -> Tensor:
    """A weight of all ranks; every rank must ask for it."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def whole_on_leader(
    tensors: Mapping[str, Tensor], team: Team | None, dtype_of: Any = None
) -> dict[str, Tensor]:
    """Tensors of all ranks on the leader's processor, one after the other; nothing elsewhere."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        gathered = whole(value.detach())
        if team is None or team.leads:
            dtype = gathered.dtype if dtype_of is None else dtype_of(name)
            found[name] = gathered.to("cpu", dtype)
    return found
