"""Cut-outs: the parts of one paper figure, laid over each other with one cream edge around all.

Parts are worked out only where they can be seen. Where that is follows from places: how a part's
own coordinates lie among the figure's, known as plain numbers before any pixel is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from holocine_core.lab.stage.shapes import Pen

Frames = NDArray[np.floating[Any]]
"""One number per frame [T] (or per row or column)."""
Track = float | Frames
"""A number, the same in all frames or one for each."""
Rgb = tuple[float, float, float]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""

CREAM: Rgb = (0.985, 0.965, 0.91)
INK: Rgb = (0.11, 0.09, 0.11)
_EDGE = (0.011, 0.015)
"""Width of the cream edge: a pixel, but no less and no more than this many units."""
_FAR = 1e3


def darker(colour: Rgb, by: float) -> Rgb:
    """A colour's darker paper; 1 leaves it as it is."""
    return colour[0] * by, colour[1] * by, colour[2] * by


@dataclass(frozen=True, slots=True)
class Place:
    """Where own coordinates (u, v) lie: x = left + wide * u + slant * v, y = low + high * v."""

    left: Track = 0.0
    low: Track = 0.0
    wide: Track = 1.0
    high: Track = 1.0
    slant: Track = 0.0

    def moved(self, u: Track, v: Track) -> Place:
        """Coordinates whose origin lies at (u, v)."""
        left = self.left + self.wide * u + self.slant * v
        return replace(self, left=left, low=self.low + self.high * v)

    def leaned(self, slant: Track, v: Track) -> Place:
        """What is above ``v`` leans sideways by ``slant`` of its height over it."""
        by = self.wide * slant
        return replace(self, left=self.left - by * v, slant=self.slant + by)

    def pressed(self, high: Track, v: Track) -> Place:
        """Heights over ``v`` become ``high`` times as large."""
        there = self.moved(0.0, v)
        return replace(there, high=there.high * high, slant=there.slant * high).moved(0.0, -v)

    def around(self, box: Box) -> Box:
        """What holds a box of own coordinates in every frame."""
        x0, y0, x1, y1 = box
        xs = [self.left + self.wide * u + self.slant * v for u in (x0, x1) for v in (y0, y1)]
        ys = [self.low + self.high * v for v in (y0, y1)]
        return (
            min(float(np.min(x)) for x in xs), min(float(np.min(y)) for y in ys),
            max(float(np.max(x)) for x in xs), max(float(np.max(y)) for y in ys),
        )  # fmt: skip


class Sheet:
    """A figure while it is cut: parts wait here, so that the edge can go under all of them.

    Args:
        pen: Where :meth:`lay` puts the figure.
        units: Width of a pixel is ``pen.pixel / units``: how large the figure's own unit is.
    """

    def __init__(self, pen: Pen, units: float) -> None:
        self.pen = pen
        self.soft = torch.as_tensor(pen.pixel, device=pen.rgba.device) / units
        self._sharp = 1 / self.soft
        self._outline = torch.full_like(pen.rgba[3], _FAR)
        self._parts: list[tuple[Tensor, Tensor, tuple[slice, slice]]] = []
        self.margin = _EDGE[1] + 1.5 * float(self.soft.max())
        self.columns = _spread(pen.x, (0, 1))
        self.rows = _spread(pen.y, (0, 2))

    def cover(self, distance: Tensor) -> Tensor:
        """How much of every pixel lies inside a shape, 0..1."""
        return (distance * self._sharp).neg_().add_(0.5).clamp_(0, 1)

    def widen(self, distance: Tensor, at: tuple[slice, slice]) -> None:
        """Take a shape into the figure's silhouette."""
        held = self._outline[:, at[0], at[1]]
        torch.minimum(held, distance, out=held)

    def keep(self, cover: Tensor, colour: Rgb, at: tuple[slice, slice]) -> None:
        """Lay a colour over what was kept before."""
        paint = torch.tensor([*colour, 1.0], device=cover.device).view(4, 1, 1, 1)
        self._parts.append((cover, paint, at))

    def lay(self) -> None:
        """Lay the edge, then every part, onto the pen's layer."""
        edge = self.soft.clamp(*_EDGE)
        cream = torch.tensor([*CREAM, 1.0], device=edge.device).view(4, 1, 1, 1)
        self.pen.rgba.lerp_(cream, self.cover(self._outline - edge))
        for cover, paint, (rows, columns) in self._parts:
            self.pen.rgba[:, :, rows, columns].lerp_(paint, cover)


def _spread(values: Tensor, along: tuple[int, int]) -> tuple[Frames, ...]:
    """Smallest and largest value of every column or row."""
    low, high = values.amin(along), values.amax(along)
    return low.cpu().numpy(), high.cpu().numpy()


@dataclass(frozen=True, slots=True)
class View:
    """A window of a sheet, in coordinates of its own.

    Attributes:
        x: Horizontal coordinate of the window's pixels [T, h, w].
        y: Vertical coordinate [T, h, 1] (or [T, h, w]), up.
        at: The window's rows and columns.
    """

    sheet: Sheet
    place: Place
    x: Tensor
    y: Tensor
    at: tuple[slice, slice]

    @classmethod
    def of(cls, pen: Pen, place: Place, box: Box) -> View | None:
        """What can be seen of a box of a new figure's coordinates, None if it is out of view."""
        units = float(np.max(place.high))
        sheet = Sheet(pen, units)
        height, width = pen.rgba.shape[-2:]
        whole = (slice(0, height), slice(0, width))
        return cls(sheet, Place(), pen.x, pen.y, whole).to(place, box)

    def to(self, place: Place, box: Box) -> View | None:
        """The window that holds a box of other coordinates; None where it is never in view.

        Args:
            place: The other coordinates, as they lie in this view's.
            box: In the other coordinates.
        """
        found = self.within(place.around(box))
        if found is None:
            return None
        number = found.number
        y = (found.y - number(place.low)) / number(place.high)
        x = found.x - number(place.left)
        if np.any(np.asarray(place.slant) != 0):
            x = x - number(place.slant) * y
        if np.any(np.asarray(place.wide) != 1):
            x = x / number(place.wide)
        return replace(found, place=_chained(self.place, place), x=x, y=y)

    def within(self, box: Box) -> View | None:
        """The part of this view that holds a box of its coordinates; None where out of view."""
        margin = self.sheet.margin
        x0, y0, x1, y1 = self.place.around(box)
        across = _run(self.sheet.columns, x0 - margin, x1 + margin, self.at[1])
        down = _run(self.sheet.rows, y0 - margin, y1 + margin, self.at[0])
        if across is None or down is None:
            return None
        rows = slice(down.start - self.at[0].start, down.stop - self.at[0].start)
        columns = slice(across.start - self.at[1].start, across.stop - self.at[1].start)
        return replace(
            self, x=_cropped(self.x, rows, columns), y=_cropped(self.y, rows, columns),
            at=(down, across),
        )  # fmt: skip

    def number(self, track: Track) -> float | Tensor:
        """A track as something to calculate with among this view's pixels."""
        if isinstance(track, float | int):
            return track
        column = torch.from_numpy(np.ascontiguousarray(track, dtype=np.float32))
        return column.view(-1, 1, 1).to(self.x.device)

    def part(self, distance: Tensor, colour: Rgb) -> Tensor:
        """A part of the silhouette; what of each pixel it covers, 0..1."""
        self.sheet.widen(distance, self.at)
        return self.mark(distance, colour)

    def mark(self, distance: Tensor, colour: Rgb, share: float | Tensor = 1.0) -> Tensor:
        """Something on the figure that does not widen its silhouette.

        Args:
            distance: Its shape.
            colour: Of its paper.
            share: How much of it there is, 0..1 (at every pixel).
        """
        cover = self.sheet.cover(distance)
        if not isinstance(share, float):
            cover = cover * share
        elif share < 1:
            cover.mul_(share)
        self.wash(cover, colour)
        return cover

    def wash(self, cover: Tensor, colour: Rgb) -> None:
        """Lay a colour where pixels are covered, 0..1."""
        self.sheet.keep(cover, colour, self.at)


def _chained(outer: Place, inner: Place) -> Place:
    return Place(
        left=outer.left + outer.wide * inner.left + outer.slant * inner.low,
        low=outer.low + outer.high * inner.low,
        wide=outer.wide * inner.wide,
        high=outer.high * inner.high,
        slant=outer.wide * inner.slant + outer.slant * inner.high,
    )


def _run(spread: tuple[Frames, ...], low: float, high: float, inside: slice) -> slice | None:
    """The columns (rows) of a window that can show a stretch."""
    found = np.flatnonzero((spread[1][inside] >= low) & (spread[0][inside] <= high))
    if not len(found):
        return None
    return slice(inside.start + int(found[0]), inside.start + int(found[-1]) + 1)


def _cropped(values: Tensor, rows: slice, columns: slice) -> Tensor:
    if values.shape[1] > 1:
        values = values[:, rows]
    return values[:, :, columns] if values.shape[2] > 1 else values


def oval(
    x: Tensor, y: Tensor, cx: float | Tensor, cy: float | Tensor, rx: float, ry: float | Tensor
) -> Tensor:
    """Distance of an ellipse that is nearly a circle, cheaper than the exact one."""
    k = (2 * ry) / (rx + ry)
    return (((x - cx) * k).square() + ((y - cy) * (k * rx / ry)).square()).sqrt() - k * rx


def slab(u: Tensor, v: Tensor, half_width: float | Tensor, half_height: float | Tensor) -> Tensor:
    """A box with sharp corners around the origin; its width may depend on ``v``."""
    return torch.maximum(u.abs() - half_width, v.abs() - half_height)


def limb(view: View, points: Sequence[tuple[Track, Track]], radii: Sequence[float]) -> Tensor:
    """Distance of a bent limb through points, as thick at each as twice its radius."""
    out: Tensor | None = None
    ends = [(view.number(px), view.number(py)) for px, py in points]
    for (ax, ay), (bx, by), ra, rb in zip(ends, ends[1:], radii, radii[1:], strict=False):
        dx, dy = bx - ax, by - ay
        u, v = view.x - ax, view.y - ay
        scale = 1 / (dx * dx + dy * dy + 1e-9)
        along = (u * (dx * scale) + v * (dy * scale)).clamp_(0, 1)
        gap = (u - along * dx).square_().add_((v - along * dy).square_()).sqrt_()
        gap = gap - ra if ra == rb else gap - (ra + (rb - ra) * along)
        out = gap if out is None else torch.minimum(out, gap)
    assert out is not None
    return out


def span(points: Sequence[tuple[Track, Track]], around: float) -> Box:
    """What holds points in every frame, and so much around them."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (
        min(float(np.min(x)) for x in xs) - around, min(float(np.min(y)) for y in ys) - around,
        max(float(np.max(x)) for x in xs) + around, max(float(np.max(y)) for y in ys) + around,
    )  # fmt: skip
