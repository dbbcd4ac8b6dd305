"""Puppets as sheets of paper: parts laid over each other with one cream edge around them all.

Every part is worked out only where it can be seen, which makes drawing several times faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from holocine_core.stage.shapes import Colour, Number, Pen

CREAM = (0.985, 0.965, 0.91)


@dataclass(frozen=True, slots=True)
class _Part:
    rows: slice
    columns: slice
    distance: Tensor
    colour: Colour
    cover: Tensor | None


@dataclass(frozen=True, slots=True)
class _Stack:
    """What all views of one puppet share."""

    pen: Pen
    outline: Tensor
    parts: list[_Part] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Paper:
    """A view of a puppet's sheet: coordinates, and where it lies among the pen's pixels.

    Attributes:
        x: Horizontal coordinate [T, H, W] of the view's pixels.
        y: Vertical coordinate [T, H, 1], up.
    """

    x: Tensor
    y: Tensor
    _columns: tuple[Tensor, Tensor]
    _rows: tuple[Tensor, Tensor]
    _at: tuple[int, int]
    _stack: _Stack

    @classmethod
    def of(cls, pen: Pen) -> Paper:
        """The whole of a pen's layer, which must still be empty."""
        outline = torch.full_like(pen.rgba[3], 1e3)
        return cls(
            pen.x,
            pen.y,
            (pen.x.amin((0, 1)), pen.x.amax((0, 1))),
            (pen.y.amin((0, 2)), pen.y.amax((0, 2))),
            (0, 0),
            _Stack(pen, outline),
        )

    @property
    def pixel(self) -> Number:
        """Width of a pixel."""
        return self._stack.pen.pixel

    def moved(self, dx: Tensor, dy: Tensor) -> Paper:
        """The same pixels in coordinates whose origin lies at (dx, dy)."""
        (left, right), (low, high) = self._columns, self._rows
        return replace(
            self,
            x=self.x - dx,
            y=self.y - dy,
            _columns=(left - dx.max(), right - dx.min()),
            _rows=(low - dy.max(), high - dy.min()),
        )

    def within(self, x0: float, y0: float, x1: float, y1: float) -> Paper | None:
        """The pixels that a box can cover in some frame; None where it is never in view."""
        (left, right), (low, high) = self._columns, self._rows
        columns = ((right >= x0) & (left <= x1)).nonzero()
        rows = ((high >= y0) & (low <= y1)).nonzero()
        if not len(columns) or not len(rows):
            return None
        across = slice(int(columns[0]), int(columns[-1]) + 1)
        down = slice(int(rows[0]), int(rows[-1]) + 1)
        return replace(
            self,
            x=self.x[:, down if self.x.shape[1] > 1 else slice(None), across],
            y=self.y[:, down],
            _columns=(left[across], right[across]),
            _rows=(low[down], high[down]),
            _at=(self._at[0] + down.start, self._at[1] + across.start),
        )

    def part(self, distance: Tensor, colour: Colour, cover: Tensor | None = None) -> None:
        """A part of the silhouette; ``cover``, 0..1, limits where its colour shows."""
        rows, columns = self._slices(distance)
        edge = self._stack.outline[:, rows, columns]
        torch.minimum(edge, distance, out=edge)
        self._stack.parts.append(_Part(rows, columns, distance, colour, cover))

    def mark(self, distance: Tensor, colour: Colour, cover: Tensor | None = None) -> None:
        """Something on the puppet that does not widen its silhouette."""
        self._stack.parts.append(_Part(*self._slices(distance), distance, colour, cover))

    def _slices(self, distance: Tensor) -> tuple[slice, slice]:
        row, column = self._at
        return slice(row, row + distance.shape[1]), slice(column, column + distance.shape[2])

    def lay(self) -> None:
        """Lay the cream edge, then every part."""
        pen, pixel = self._stack.pen, self.pixel
        width = torch.as_tensor(pixel).clamp(0.010, 0.016)
        pen.fill(self._stack.outline - width, CREAM)
        for part in self._stack.parts:
            shown = (0.5 - part.distance / pixel).clamp_(0, 1)
            if part.cover is not None:
                shown = shown * part.cover
            pen.paint(shown, part.colour, (part.rows, part.columns))
