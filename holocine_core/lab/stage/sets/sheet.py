"""A sheet of a set: one layer's paper, and what is laid on it.

Coordinates are units (figures are 1 high, feet on y = 0), y up. Colours are those of daylight; the
sheet turns them into its mood's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.light import light_of
from holocine_core.lab.stage.sets.mood import Mood, Rgb, mix, times
from holocine_core.lab.stage.sets.paints import Accent, Fade, Lit, Paint, Strips
from holocine_core.lab.stage.world import PALETTE, Place

EXTENT = (-2.6, -0.6, 2.6, 2.1)
"""What every layer shows: left, bottom, right, top."""
_CREAM: Rgb = (0.95, 0.91, 0.82)
_GREY: Rgb = (0.72, 0.71, 0.69)
_DARK: Rgb = (0.09, 0.07, 0.13)
_DROP = 0.03
"""How far a paper's shadow falls."""

Box = tuple[float, float, float, float]
Field = Callable[[Tensor, Tensor], Tensor]
"""Signed distance of a shape at x, y."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One plane of a set.

    Attributes:
        rgba: Premultiplied [4, h, w] float32 over ``EXTENT``; row 0 is the top.
        depth: Parallax: 1 moves with the figures' plane, 0 not at all, more is in front of them.
        drift: Units per second that the layer slides.
        sway: Amplitude, in units, of a slow sway.
    """

    rgba: Tensor
    depth: float
    drift: float = 0.0
    sway: float = 0.0


class Studio:
    """What all sheets of a set share.

    Attributes:
        rng: Jitter of small things; the same for the same place.
        side: -1 or 1: where the landmark stands.
        sun: Where sun or moon stand, in units aside.
    """

    def __init__(
        self, place: Place, mood: Mood, density: float, device: torch.device | str
    ) -> None:
        self.place, self.mood, self.density = place, mood, density
        self.device = torch.device(device)
        self.rng = random.Random(place.seed)
        self.side = place.side
        self.light = light_of(place)
        self.sun = self.light.sun * self.rng.uniform(0.48, 0.68)
        self.accent: Rgb = times(PALETTE[place.accent], self.light.tint)
        pale = _GREY if place.accent == "white" else _CREAM
        self.cream: Rgb = times(pale, self.light.tint)

    def sheet(self, haze: float = 0.0) -> Sheet:
        """A blank sheet whose colours are ``haze`` 0..1 lost in the distance."""
        x0, y0, x1, y1 = EXTENT
        height, width = round((y1 - y0) * self.density), round((x1 - x0) * self.density)
        columns = (torch.arange(width, device=self.device) + 0.5) * ((x1 - x0) / width) + x0
        rows = y1 - (torch.arange(height, device=self.device) + 0.5) * ((y1 - y0) / height)
        rgba = torch.zeros(4, 1, height, width, device=self.device)
        return Sheet(self, haze, rgba, columns, rows)


class Sheet:
    """Lays papers, back to front, on one layer.

    Attributes:
        rgba: What was laid, premultiplied, [4, 1, h, w].
    """

    def __init__(
        self, studio: Studio, haze: float, rgba: Tensor, columns: Tensor, rows: Tensor
    ) -> None:
        self.studio, self.haze, self.rgba = studio, haze, rgba
        self.columns, self.rows = columns, rows
        self.origin, self.scale, self.flip = (0.0, 0.0), 1.0, 1

    def at(self, x: float, y: float = 0.0, scale: float = 1.0, flip: int = 1) -> Sheet:
        """The same sheet in coordinates whose origin is here, larger by ``scale``, mirrored."""
        moved = Sheet(self.studio, self.haze, self.rgba, self.columns, self.rows)
        moved.origin = (
            self.origin[0] + self.flip * self.scale * x,
            self.origin[1] + self.scale * y,
        )
        moved.scale, moved.flip = self.scale * scale, self.flip * flip
        return moved

    def layer(self, depth: float, *, drift: float = 0.0, sway: float = 0.0) -> Layer:
        """The finished layer: its papers cast a soft shadow on what is behind."""
        alpha = self.rgba[3]
        reach = max(1, round(0.02 * self.studio.density))
        across = -self.studio.light.sun * reach
        # Glows are no paper.
        paper = (2 * alpha - 1).clamp_min(0)
        moved = torch.roll(paper, (reach, across), (1, 2))
        moved[:, :reach] = paper[:, :1]
        soft = shapes.blurred(moved, 2 * reach)
        under = soft * (1 - alpha) * self.studio.light.shadow * 0.8
        dark = torch.tensor(_DARK, device=alpha.device).view(3, 1, 1, 1)
        rgba = torch.cat([self.rgba[:3] + dark * under, (alpha + under)[None]])
        return Layer(rgba=rgba[:, 0], depth=depth, drift=drift, sway=sway)

    def shape(
        self,
        bounds: Box,
        field: Field,
        paint: Paint,
        *,
        shadow: float = 0.0,
        edge: float = 0.0,
        blur: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Lay a shape.

        Args:
            bounds: What holds it.
            field: Its signed distance.
            paint: Its colour.
            shadow: 0..1, opacity of the soft shadow that it casts on the sheet.
            edge: Width of a lighter paper edge inside the shape.
            blur: Softness of its outline.
            opacity: 0..1.
        """
        window = self._window(bounds, blur + (2.2 * _DROP / self.scale if shadow else 0.0))
        if window is None:
            return
        rows, columns = window
        x, y = self._local(rows, columns)
        distance = field(x, y)
        if shadow:
            self._cast(rows, columns, distance * self.scale, shadow)
        view = self.rgba[:, :, rows, columns]
        soft = 1 / self.studio.density / self.scale + blur
        colour = self._colour(paint, x, y, bounds)
        if edge:
            view.lerp_(self._rim(paint, colour), _cover(distance, soft, opacity))
            distance = distance + edge
        view.lerp_(colour, _cover(distance, soft, opacity))

    def _local(self, rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
        """Coordinates of a window's pixels, x [1, 1, w] and y [1, h, 1]."""
        x = (self.columns[columns].view(1, 1, -1) - self.origin[0]) * (self.flip / self.scale)
        y = (self.rows[rows].view(1, -1, 1) - self.origin[1]) / self.scale
        return x, y

    def _rim(self, paint: Paint, colour: Tensor) -> Tensor:
        """A paper's lighter edge; the accent's is cream, as the figures' is."""
        if isinstance(paint, Accent):
            return colour.lerp(self._pure(self.studio.cream), 0.5)
        rim = colour + 0.2 * (colour[:3].amax().sqrt() - colour)
        rim[3] = 1
        return rim

    def _window(self, bounds: Box, margin: float) -> tuple[slice, slice] | None:
        x0, y0, x1, y1 = bounds
        ends = sorted((self.origin[0] + self.flip * self.scale * x) for x in (x0, x1))
        bottom, top = (self.origin[1] + self.scale * y for y in (y0, y1))
        grow = margin * self.scale + 1.5 / self.studio.density
        height, width = len(self.rows), len(self.columns)
        per_x = width / (EXTENT[2] - EXTENT[0])
        per_y = height / (EXTENT[3] - EXTENT[1])
        left = max(0, int((ends[0] - grow - EXTENT[0]) * per_x))
        right = min(width, int((ends[1] + grow - EXTENT[0]) * per_x) + 1)
        first = max(0, int((EXTENT[3] - top - grow) * per_y))
        last = min(height, int((EXTENT[3] - bottom + grow) * per_y) + 1)
        if left >= right or first >= last:
            return None
        return slice(first, last), slice(left, right)

    def _cast(self, rows: slice, columns: slice, distance: Tensor, opacity: float) -> None:
        """The shadow of a shape: its own blurred cover, laid a little down and off the light."""
        reach = max(1, round(0.6 * _DROP * self.studio.density))
        across = -self.studio.light.sun * reach
        cover = (0.5 - distance / (2.5 * _DROP)).clamp(0, 1) * opacity
        height, width = self.rgba.shape[2:]
        first, last = rows.start + reach, min(height, rows.stop + reach)
        left, right = max(0, columns.start + across), min(width, columns.stop + across)
        if first >= last or left >= right:
            return
        cover = cover.expand(1, rows.stop - rows.start, columns.stop - columns.start)
        part = cover[
            :,
            : last - first,
            left - columns.start - across : right - columns.start - across,
        ]
        dark = self._pure(self.studio.mood.ink(_DARK, self.haze))
        self.rgba[:, :, first:last, left:right].lerp_(dark, part)

    def _pure(self, rgb: Rgb) -> Tensor:
        """An opaque colour [4, 1, 1, 1]."""
        return torch.tensor((*rgb, 1.0), device=self.rgba.device).view(4, 1, 1, 1)

    def _colour(self, paint: Paint, x: Tensor, y: Tensor, bounds: Box) -> Tensor:
        """A paint in this mood, opaque [4, ...]."""
        mood, haze, studio = self.studio.mood, self.haze, self.studio
        match paint:
            case Fade():
                top, bottom = (self._pure(mood.ink(c, haze)) for c in (paint.top, paint.bottom))
                down = ((bounds[3] - y) / max(bounds[3] - bounds[1], 1e-6)).clamp(0, 1)
                return top + (bottom - top) * down
            case Strips():
                inks = [(*mood.ink(c, haze), 1.0) for c in paint.colours]
                return torch.tensor(inks, device=x.device).T[:, paint.which(x)]
            case Lit():
                return self._pure(mix(paint.rgb, mood.haze, 0.5 * haze))
            case Accent():
                pure = mix(studio.accent, studio.cream, paint.cream)
                shaded = times(pure, (paint.shade, paint.shade, paint.shade))
                return self._pure(mix(shaded, mood.haze, 0.4 * haze))
            case _:
                return self._pure(mood.ink(paint, haze))

    # --- single papers ---------------------------------------------------------------------------

    def rect(
        self, x0: float, y0: float, x1: float, y1: float, paint: Paint, *,
        shadow: float = 0.0, r: float = 0.0, edge: float = 0.0,
    ) -> None:  # fmt: skip
        """A box, its corners rounded by ``r``."""
        cx, cy, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0

        def field(x: Tensor, y: Tensor) -> Tensor:
            if r:
                return shapes.box(x, y, cx, cy, w, h, r)
            return torch.maximum((x - cx).abs() - w / 2, (y - cy).abs() - h / 2)

        self.shape((x0, y0, x1, y1), field, paint, shadow=shadow, edge=edge)

    def disc(
        self, cx: float, cy: float, r: float, paint: Paint, *,
        shadow: float = 0.0, edge: float = 0.0, opacity: float = 1.0,
    ) -> None:  # fmt: skip
        self.shape(
            (cx - r, cy - r, cx + r, cy + r), lambda x, y: shapes.circle(x, y, cx, cy, r), paint,
            shadow=shadow, edge=edge, opacity=opacity,
        )  # fmt: skip

    def oval(
        self, cx: float, cy: float, rx: float, ry: float, paint: Paint, *,
        shadow: float = 0.0, opacity: float = 1.0,
    ) -> None:  # fmt: skip
        self.shape(
            (cx - rx, cy - ry, cx + rx, cy + ry),
            lambda x, y: shapes.ellipse(x, y, cx, cy, rx, ry), paint,
            shadow=shadow, opacity=opacity,
        )  # fmt: skip

    def poly(
        self, points: Sequence[tuple[float, float]], paint: Paint, *,
        shadow: float = 0.0, edge: float = 0.0, r: float = 0.0,
    ) -> None:  # fmt: skip
        """A polygon, its corners rounded by ``r`` beyond its points."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        self.shape(
            (min(xs) - r, min(ys) - r, max(xs) + r, max(ys) + r),
            _polygon(points, r), paint,
            shadow=shadow, edge=edge,
        )  # fmt: skip

    def line(
        self, ax: float, ay: float, bx: float, by: float, r: float, paint: Paint,
        shadow: float = 0.0,
    ) -> None:  # fmt: skip
        """A strip with round ends, 2 ``r`` thick."""
        self.shape(
            (min(ax, bx) - r, min(ay, by) - r, max(ax, bx) + r, max(ay, by) + r),
            lambda x, y: shapes.capsule(x, y, ax, ay, bx, by, r), paint, shadow=shadow,
        )  # fmt: skip

    def discs(
        self, circles: Sequence[tuple[float, float, float]], paint: Paint, *,
        shadow: float = 0.0, edge: float = 0.0,
    ) -> None:  # fmt: skip
        """Circles (x, y, radius) as one paper."""
        bounds = (
            min(cx - r for cx, _, r in circles), min(cy - r for _, cy, r in circles),
            max(cx + r for cx, _, r in circles), max(cy + r for _, cy, r in circles),
        )  # fmt: skip
        self.shape(
            bounds, lambda x, y: shapes.circles(x, y, circles), paint,
            shadow=shadow, edge=edge,
        )  # fmt: skip

    def rects(
        self, boxes: Sequence[Box], paint: Paint, *, shadow: float = 0.0, r: float = 0.0
    ) -> None:
        """Boxes (left, bottom, right, top) of one colour."""
        for x0, y0, x1, y1 in boxes:
            self.rect(x0, y0, x1, y1, paint, shadow=shadow, r=r)

    def ridge(
        self, curve: Callable[[Tensor], Tensor], top: float, paint: Paint, *,
        edge: float = 0.0, shadow: float = 0.0, bottom: float = -0.6,
    ) -> None:  # fmt: skip
        """Everything under a curve that never rises above ``top``."""
        self.shape(
            (-2.7, bottom, 2.7, top), lambda x, y: shapes.below(y, curve(x)), paint,
            edge=edge, shadow=shadow,
        )  # fmt: skip

    def glow(
        self, cx: float, cy: float, r: float, rgb: Rgb, opacity: float, squash: float = 1.0
    ) -> None:
        """Light that fades out towards ``r``, ``squash`` times as high as wide."""
        window = self._window((cx - r, cy - r * squash, cx + r, cy + r * squash), 0.0)
        if window is None:
            return
        rows, columns = window
        x, y = self._local(rows, columns)
        away = ((x - cx) ** 2 + ((y - cy) / squash) ** 2) / r**2
        view = self.rgba[:, :, rows, columns]
        view.lerp_(self._pure(rgb), (1 - away).clamp_min(0).square() * opacity)


def _cover(distance: Tensor, soft: float, opacity: float) -> Tensor:
    cover = (0.5 - distance / soft).clamp_(0, 1)
    return cover if opacity == 1 else cover * opacity


def _polygon(points: Sequence[tuple[float, float]], r: float) -> Field:
    """Signed distance of a polygon grown by ``r``."""
    turns = [
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        for a, b, c in zip(
            points, [*points[1:], points[0]], [*points[2:], *points[:2]], strict=True
        )
    ]
    distance = shapes.polygon if min(turns) < 0 < max(turns) else shapes.convex
    return lambda x, y: distance(x, y, points) - r
