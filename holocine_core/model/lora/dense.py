"""Changes of whole weights: what is no plain pair of matrices, computed layer by layer.

Plain differences, LoKr and LoHa as LyCORIS writes them (Yeh et al., arXiv 2309.14859), and DoRA
(Liu et al., arXiv 2402.09353). Their files are small and what they add to a weight is as large as
the weight: only one layer's is ever in memory.

Letters: R rank, I and O input and output width of a layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Difference(Protocol):
    """What is added to a parameter at weight 1."""

    @property
    def shape(self) -> torch.Size:
        """Of what it is added to."""

    def tensors(self) -> Iterator[Tensor]:
        """What its file brings."""

    @property
    def has_effect(self) -> bool:
        """Whether it is not all zeros."""

    def of(self, parameter: Tensor) -> Tensor:
        """What is added to a parameter, float32."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A difference as it lies in its file."""

    value: Tensor

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    def tensors(self) -> Iterator[Tensor]:
        yield self.value

    @property
    def has_effect(self) -> bool:
        return bool(self.value.any())

    def of(self, parameter: Tensor) -> Tensor:
        return self.value.to(parameter.device).float()


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix, whole or as the product of two, as a difference."""

    parts: tuple[Tensor, ...]

    @property
    def shape(self) -> torch.Size:
        return torch.Size((self.parts[0].shape[0], self.parts[-1].shape[1]))

    @property
    def has_effect(self) -> bool:
        return all(bool(part.any()) for part in self.parts)

    def tensors(self) -> Iterator[Tensor]:
        yield from self.parts

    def of(self, parameter: Tensor) -> Tensor:
        first, *rest = (part.to(parameter.device).float() for part in self.parts)
        return first @ rest[0] if rest else first


@dataclass(frozen=True, slots=True)
class Joined:
    """Two matrices that make a weight's change: LoHa multiplies them number by number, LoKr puts
    the second, times a number of the first, into each of the first's places (Kronecker)."""

    one: Product
    two: Product
    scale: float
    kronecker: bool

    @property
    def shape(self) -> torch.Size:
        if not self.kronecker:
            return self.one.shape
        (rows, columns), (inner_rows, inner_columns) = self.one.shape, self.two.shape
        return torch.Size((rows * inner_rows, columns * inner_columns))

    def tensors(self) -> Iterator[Tensor]:
        yield from (*self.one.tensors(), *self.two.tensors())

    @property
    def has_effect(self) -> bool:
        return self.one.has_effect and self.two.has_effect

    def of(self, parameter: Tensor) -> Tensor:
        one, two = self.one.of(parameter), self.two.of(parameter)
        return (torch.kron(one, two) if self.kronecker else one * two) * self.scale


@dataclass(frozen=True, slots=True)
class Decomposed:
    """DoRA: after the change each row (or column) of the weight gets a length of its own.

    Attributes:
        change: What is added before.
        lengths: [O] or [O, 1] of rows, or [1, I] of columns.
    """

    change: Difference
    lengths: Tensor

    @property
    def shape(self) -> torch.Size:
        return self.change.shape

    def tensors(self) -> Iterator[Tensor]:
        yield from (*self.change.tensors(), self.lengths)

    @property
    def has_effect(self) -> bool:
        return True

    @property
    def fits(self) -> bool:
        """Whether there is a length for each row, or for each column."""
        rows, columns = self.shape
        return tuple(self.lengths.shape) in {(rows,), (rows, 1), (1, columns)}

    def of(self, parameter: Tensor) -> Tensor:
        before = parameter.float()
        moved = before + self.change.of(parameter)
        lengths = self.lengths.to(parameter.device).float()
        rows = lengths.ndim == 1 or lengths.shape[1] == 1
        norms = moved.norm(dim=1 if rows else 0, keepdim=True)
        norms = norms.clamp(min=torch.finfo(norms.dtype).tiny)  # What is nothing stays so.
        found: Tensor = moved * (lengths.view(-1, 1) if rows else lengths) / norms - before
        return found
