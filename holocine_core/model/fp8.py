"""Weights in 8-bit floats with their scales: as files bring them, and as placements keep them.

A linear layer keeps its matrix in a byte a number and widens it as it computes: number times scale
in float32, rounded once to the type of computation. So the weights it multiplies by are, to the
bit, those of a network that was widened before.

A placement's own float8 has a scale for each row, which brings its largest number to the type's
end. Without scales, matrices whose numbers are around 0.02 or 0.01 lose 4 to 8 % of them to zero
(``python -m benchmarks.fp8_error``).

Letters: I and O input and output width of a layer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.errors import MachineError
from holocine_core.model.scales import (
    check_settings,
    contents,
    is_beside,
    is_float8,
    not_finite,
    once_a_file,
    quantised_layers,
)

_WIDE = (torch.float32, torch.bfloat16, torch.float16)
FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)
STORED = torch.float8_e4m3fn
"""What placements store in: more digits than e5m2, and the scale makes up for its shorter range."""
SCALE = "weight_scale"


@dataclass(frozen=True, slots=True)
class ScaledWeight:
    """A weight as its file holds it: in float8, or with a scale, or both."""

    value: Tensor
    scale: Tensor | None
    """One number, or one for each row."""

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.value.dtype

    @property
    def is_meta(self) -> bool:
        return self.value.is_meta

    @property
    def by_rows(self) -> Tensor:
        """The scale, float32, such that it multiplies rows; ones where there is none."""
        beside = (1,) * (self.value.ndim - 1)
        if self.scale is None:
            return torch.ones(1, *beside)
        return self.scale.float().reshape(-1, *beside)

    def to(self, dtype: torch.dtype) -> Tensor:
        """The weight that is meant, rounded once."""
        if self.scale is None:
            return self.value.to(dtype)
        return _times(self.value, self.by_rows, dtype)


Weights = dict[str, Tensor | ScaledWeight]


def same(one: Tensor | ScaledWeight, other: Tensor | ScaledWeight) -> bool:
    """Whether two weights hold the same numbers, stored in the same way."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, Tensor) or isinstance(other, Tensor) or one.dtype != other.dtype:
        return False
    mine, theirs = (each.value.contiguous().view(torch.uint8) for each in (one, other))
    return torch.equal(mine, theirs) and torch.equal(one.by_rows, other.by_rows)


def with_scales(part: str, files: Mapping[Path, Mapping[str, Tensor]]) -> Weights:
    """A part's weights, those in float8 and those with scales as :class:`ScaledWeight`; what stands
    beside weights is gone.

    Args:
        part: Its name, for messages.
        files: All tensors of each of its files.

    Raises:
        MachineError: A tensor is there twice or of a type that can't be read, or a scale does not
            fit or is not finite.
    """
    tensors: dict[str, Tensor] = {}
    for path, held in files.items():
        for name, tensor in held.items():
            _refuse_type(name, tensor, path)
            if name in tensors and not once_a_file(name):
                raise MachineError(f"{name} is in two files of {part}", where=str(path))
            tensors[name] = tensor
    path = next(iter(files))
    found = contents(tensors, quantised_layers(files), path)
    for name in found.settings:
        check_settings(name, bytes(tensors[name].flatten().tolist()), path)
    return {
        name: _scaled(tensors[name], found.scales.get(name), tensors, path)
        for name in found.weights
    }


def _refuse_type(name: str, tensor: Tensor, path: Path) -> None:
    told = tensor.dtype == torch.uint8 and is_beside(name)
    if tensor.dtype not in (*_WIDE, *FLOAT8) and not told:
        raise MachineError(
            f"{path.name} holds {tensor.dtype} weights ({name})",
            where=str(path),
            hint="use the bfloat16, float16 or fp8 file, or a GGUF file",
        )


def _scaled(
    value: Tensor, named: str | None, tensors: Mapping[str, Tensor], path: Path
) -> Tensor | ScaledWeight:
    """A weight, with its scale where there is one."""
    if named is None:
        return ScaledWeight(value, None) if is_float8(value.dtype) else value
    if not tensors[named].float().isfinite().all():
        raise not_finite(named, path)
    return ScaledWeight(value, tensors[named])


class ScaledLinear(nn.Linear):
    """A linear layer whose matrix lies in float8 with its scale.

    Args:
        linear: Whose place it takes; it keeps its bias.
        weight: The matrix.
        dtype: Type of computation; peft gives it to the layer's LoRAs.
    """

    weight_scale: Tensor

    def __init__(self, linear: nn.Linear, weight: ScaledWeight, dtype: torch.dtype) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False, device="meta")
        self.weight = nn.Parameter(weight.value, requires_grad=False)
        self.bias = linear.bias
        self.compute_dtype = dtype
        self.register_buffer(SCALE, weight.by_rows)

    def widened(self) -> Tensor:
        """The matrix that is meant [O, I]."""
        with torch.no_grad():
            return _times(self.weight, self.weight_scale, self.compute_dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply [..., I] by the matrix that is meant -> [..., O]."""
        return F.linear(x, self.widened(), self.bias)

    def extra_repr(self) -> str:
        """As torch prints the layer."""
        return f"{super().extra_repr()}, stored in {self.weight.dtype}"


def scaled_by_rows(weight_OI: Tensor, dtype: torch.dtype = STORED) -> ScaledWeight:
    """A matrix in float8, each row with the scale that brings its largest number to the type's
    end."""
    largest = torch.finfo(dtype).max
    wide = weight_OI.float()
    rows = wide.abs().amax(dim=1, keepdim=True) / largest
    rows = torch.where(rows > 0, rows, 1.0)
    return ScaledWeight((wide / rows).clamp(-largest, largest).to(dtype), rows)


def store_in_fp8(transformer: Any, dtype: torch.dtype) -> None:
    """Keep the matrices of a transformer's blocks in float8, with a scale for each row.

    What lies outside of the blocks, norms, modulation, biases and LoRAs keep their types; so do
    matrices that came in float8.

    Args:
        transformer: Changed in place.
        dtype: Type of computation.
    """
    for name, linear in list(_matrices(transformer)):
        if type(linear) is nn.Linear and ".lora_" not in name:
            weight = scaled_by_rows(linear.weight.detach())
            transformer.set_submodule(name, ScaledLinear(linear, weight, dtype))


def leave_in_fp8(transformer: Any, weights: Weights, dtype: torch.dtype) -> dict[str, Tensor]:
    """Put the matrices of a transformer's blocks into it as they lie in float8 files.

    Args:
        transformer: Changed in place.
        weights: By the network's names; those that stay are taken out.
        dtype: Type of computation.

    Returns:
        What the changed layers hold, by name.
    """
    stays: dict[str, Tensor] = {}
    for name, linear in list(_matrices(transformer)):
        weight = weights.get(f"{name}.weight")
        if isinstance(weight, ScaledWeight) and is_float8(weight.dtype):
            transformer.set_submodule(name, ScaledLinear(linear, weight, dtype))
            stays |= {f"{name}.weight": weight.value, f"{name}.{SCALE}": weight.by_rows}
            del weights[f"{name}.weight"]
    return stays


def widen(transformer: Any, parameters: Collection[str]) -> None:
    """Turn layers that lie in float8 into ordinary ones, so that their weights can be changed.

    Args:
        transformer: Changed in place.
        parameters: Names of the weights; others stay.
    """
    for name, layer in list(_matrices(transformer)):
        if isinstance(layer, ScaledLinear) and f"{name}.weight" in parameters:
            wide = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
            wide.weight = nn.Parameter(layer.widened(), requires_grad=False)
            wide.bias = layer.bias
            transformer.set_submodule(name, wide)


def _matrices(transformer: Any) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in transformer.named_modules():
        if name.startswith("blocks.") and isinstance(module, nn.Linear):
            yield name, module


def _times(value: Tensor, rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers by the scale of their row, computed in float32 and rounded once."""
    if value.is_cpu or not is_float8(value.dtype):
        return value.to(torch.float32, copy=True).mul_(rows).to(dtype)
    return times_in_place(value, rows, dtype)


def times_in_place(value: Tensor, rows: Tensor, dtype: torch.dtype) -> Tensor:
    """The same to the bit for float8, of which every wider type has each number: a GPU multiplies
    in float32 without making a float32 of the whole matrix, a CPU would."""
    return value.to(dtype).mul_(rows)
