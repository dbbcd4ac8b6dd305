"""Cut paper: signed distances of plane shapes, and a pen that lays them over each other.

A distance is negative inside, in the units of the coordinates, y up. Coordinates and sizes are
tensors that broadcast to [T, H, W] (frames, rows, columns), or numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Number = float | Tensor
Colour = Sequence[float] | Tensor
"""RGB 0..1: three numbers, or a tensor [3, ...] that broadcasts to [3, T, H, W]."""


class Pen:
    """Lays shapes, back to front, on a transparent layer.

    Args:
        x: Horizontal coordinate of every pixel's centre, broadcastable to [T, H, W].
        y: Vertical coordinate, up.
        pixel: Width of a pixel in the same units, a number or [T, 1, 1]: edges are as soft as that.

    Attributes:
        rgba: What was drawn, premultiplied, [4, T, H, W] float32.
    """

    def __init__(self, x: Tensor, y: Tensor, pixel: Number) -> None:
        self.x, self.y, self.pixel = x, y, pixel
        self.rgba = torch.zeros(4, *(x + y).shape, device=x.device)

    def fill(
        self, distance: Tensor, colour: Colour, opacity: Number = 1.0, blur: Number = 0.0
    ) -> None:
        """Fill a shape.

        Args:
            distance: Signed distance at every pixel.
            colour: RGB.
            opacity: 0..1.
            blur: Extra width of the edge, for glows and soft shadows.
        """
        cover = (0.5 - distance / (self.pixel + blur)).clamp(0, 1) * opacity
        self.paint(cover, colour)

    def paint(self, cover: Tensor, colour: Colour, at: tuple[slice, slice] | None = None) -> None:
        """Lay a colour over what is there.

        Args:
            cover: 0..1 at every pixel.
            colour: RGB.
            at: Rows and columns that ``cover`` is for, if not for all.
        """
        layer = self.rgba if at is None else self.rgba[:, :, at[0], at[1]]
        rgb = as_colour(colour, self.rgba)
        layer[:3].mul_(1 - cover).add_(rgb * cover)
        layer[3].mul_(1 - cover).add_(cover)


def as_colour(colour: Colour, like: Tensor) -> Tensor:
    """A colour as a tensor [3, 1, 1, 1] or as it is."""
    if isinstance(colour, Tensor):
        return colour
    return torch.tensor(list(colour), device=like.device, dtype=like.dtype).view(3, 1, 1, 1)


def blurred(values: Tensor, reach: int) -> Tensor:
    """Mean of [N, H, W] over squares of 2 * reach + 1, of what lies inside the picture.

    One axis after the other, each by differences of a running sum: the cost of a pixel is the same
    for every reach.
    """
    return _mean_along(_mean_along(values, reach, 1), reach, 2)


def _mean_along(values: Tensor, reach: int, axis: int) -> Tensor:
    count = values.shape[axis]
    sums = values.cumsum(axis)
    sums = torch.cat([torch.zeros_like(sums.narrow(axis, 0, 1)), sums], axis)
    at = torch.arange(count, device=values.device)
    last, first = (at + reach + 1).clamp(max=count), (at - reach).clamp(min=0)
    many = (last - first).view([-1 if i == axis else 1 for i in range(values.ndim)])
    return (sums.index_select(axis, last) - sums.index_select(axis, first)) / many


def circle(x: Tensor, y: Tensor, cx: Number, cy: Number, r: Number) -> Tensor:
    return torch.hypot(x - cx, y - cy) - r


def ellipse(x: Tensor, y: Tensor, cx: Number, cy: Number, rx: Number, ry: Number) -> Tensor:
    """Nearly the distance of an ellipse: exact on its edge to first order."""
    u, v = (x - cx) / rx, (y - cy) / ry
    k = torch.hypot(u, v)
    slope = torch.hypot(u / rx, v / ry).clamp_min(1e-6)
    return k * (k - 1) / slope


def box(
    x: Tensor, y: Tensor, cx: Number, cy: Number, w: Number, h: Number, r: Number = 0.0
) -> Tensor:
    """A box ``w`` wide and ``h`` high around its centre, corners rounded by ``r``."""
    u, v = (x - cx).abs() - (w / 2 - r), (y - cy).abs() - (h / 2 - r)
    return torch.hypot(u.clamp_min(0), v.clamp_min(0)) + torch.maximum(u, v).clamp_max(0) - r


def capsule(
    x: Tensor, y: Tensor, ax: Number, ay: Number, bx: Number, by: Number, ra: Number,
    rb: Number | None = None,
) -> Tensor:  # fmt: skip
    """A limb from a to b, as thick as 2 ``ra`` there and 2 ``rb`` here (``ra`` if not given)."""
    dx, dy = bx - ax, by - ay
    u, v = x - ax, y - ay
    along = ((u * dx + v * dy) / (dx * dx + dy * dy + 1e-9)).clamp(0, 1)
    radius = ra if rb is None else ra + (rb - ra) * along
    return torch.hypot(u - along * dx, v - along * dy) - radius


def polygon(x: Tensor, y: Tensor, points: Sequence[tuple[Number, Number]]) -> Tensor:
    """Any simple polygon."""
    nearest: Tensor | None = None
    inside = torch.ones_like(x + y)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        ex, ey = bx - ax, by - ay
        u, v = x - ax, y - ay
        along = ((u * ex + v * ey) / (ex * ex + ey * ey + 1e-9)).clamp(0, 1)
        square = (u - along * ex) ** 2 + (v - along * ey) ** 2
        nearest = square if nearest is None else torch.minimum(nearest, square)
        upward, downward = (y >= ay) & (y < by), (y < ay) & (y >= by)
        left = ex * v - ey * u
        crossed = (upward & (left > 0)) | (downward & (left < 0))
        inside = torch.where(crossed, -inside, inside)
    assert nearest is not None
    return inside * nearest.sqrt()


def convex(x: Tensor, y: Tensor, points: Sequence[tuple[float, float]]) -> Tensor:
    """A convex polygon of fixed points: quicker than ``polygon``, exact but beyond its corners."""
    ends = [*points[1:], points[0]]
    area = sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(points, ends, strict=True))
    way = 1.0 if area > 0 else -1.0
    sides = []
    for (ax, ay), (bx, by) in zip(points, ends, strict=True):
        length = math.hypot(bx - ax, by - ay)
        nx, ny = way * (by - ay) / length, way * (ax - bx) / length
        sides.append((nx, ny, nx * ax + ny * ay))
    nx_, ny_, away = torch.tensor(sides, device=x.device).T[..., None, None]
    distance: Tensor = (nx_ * x + (ny_ * y - away)).amax(0, keepdim=True)
    return distance


def circles(x: Tensor, y: Tensor, discs: Sequence[tuple[float, float, float]]) -> Tensor:
    """Fixed circles (x, y, radius) as one shape."""
    cx, cy, r = torch.tensor(discs, device=x.device).T[..., None, None]
    distance: Tensor = (torch.hypot(x - cx, y - cy) - r).amin(0, keepdim=True)
    return distance


def below(y: Tensor, height: Number) -> Tensor:
    """Everything under a line, which may be a curve: ``height`` per column."""
    return y - height


def join(*distances: Tensor) -> Tensor:
    """Where any shape is."""
    out = distances[0]
    for d in distances[1:]:
        out = torch.minimum(out, d)
    return out


def cut(distance: Tensor, *others: Tensor) -> Tensor:
    """The first shape without the others."""
    for d in others:
        distance = torch.maximum(distance, -d)
    return distance


def both(a: Tensor, b: Tensor) -> Tensor:
    """Where both shapes are."""
    return torch.maximum(a, b)
