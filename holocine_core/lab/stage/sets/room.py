"""What all interiors share: a wall with a window on the weather, a floor, lamps, curtains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Fade, Lit, Paint, Strips
from holocine_core.lab.stage.sets.sheet import EXTENT, Box, Layer, Sheet, Studio
from holocine_core.lab.stage.sets.sky import SNOW, backdrop, crescent, scallops

_FRAME: Rgb = (0.90, 0.86, 0.78)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window in the wall: its middle, lower edge, upper edge and half its width."""

    x: float
    low: float = 0.60
    high: float = 1.30
    half: float = 0.40


def outlook(studio: Studio, window: Window) -> Layer:
    """What the window shows: sky, hills and weather."""
    sheet = studio.sheet()
    backdrop(sheet, 0.75, 1.4)
    mood, rng = studio.mood, studio.rng
    view = sheet.at(window.x)
    if mood.weather == "clear":
        _luminary(view, studio.light.sun)
        if mood.time != "night":
            pale = mix(mood.sky[2], (1.0, 1.0, 1.0), 0.35)
            view.discs(((-0.25, 1.14, 0.07), (-0.16, 1.17, 0.08), (-0.06, 1.13, 0.06)), Lit(pale))
    far, near = (0.48, 0.58, 0.46), (0.38, 0.48, 0.36)
    veil = 0.65 if mood.weather == "fog" else 0.25
    for base, deep, wide, tone, haze in (
        (0.78, 0.12, 1.1, far, veil),
        (0.68, 0.12, 0.8, near, 0.4 * veil),
    ):
        bump = scallops(rng.random(), wide, deep, base)
        covered = mix(tone, SNOW, 0.85) if mood.weather == "snow" else tone
        colour = mix(_outside(studio, covered), mood.haze, haze)
        sheet.ridge(bump, base + deep, Lit(colour), edge=0.02)
    _downpour(sheet)
    return sheet.layer(0.5)


def _outside(studio: Studio, colour: Rgb) -> Rgb:
    dim = {"dawn": 0.9, "day": 1.0, "dusk": 0.58, "night": 0.30}[studio.mood.time]
    blue = (dim * 0.92, dim * 0.96, min(1.0, dim * 1.2))
    return colour[0] * blue[0], colour[1] * blue[1], colour[2] * blue[2]


def _luminary(view: Sheet, sun: int) -> None:
    """Sun or moon, where the window shows it."""
    mood = view.studio.mood
    x = 0.17
    match mood.time:
        case "night":
            for star in ((-0.27, 1.17), (-0.1, 1.22), (-0.2, 0.98), (0.02, 1.05), (0.3, 0.95)):
                view.disc(*star, 0.018, Lit((0.88, 0.90, 0.96)))
            crescent(view.at(x, 1.12, 0.10, sun), Lit((0.95, 0.94, 0.84)))
        case "day":
            view.glow(x, 1.16, 0.3, (1.0, 0.95, 0.75), 0.7)
            view.disc(x, 1.16, 0.085, Lit((1.0, 0.96, 0.72)))
        case "dawn":
            view.glow(x, 0.92, 0.45, (1.0, 0.92, 0.72), 0.7)
            view.disc(x, 0.92, 0.11, Lit((1.0, 0.95, 0.74)))
        case _:
            view.glow(x, 0.92, 0.45, (1.0, 0.62, 0.36), 0.7)
            view.disc(x, 0.92, 0.13, Lit((0.98, 0.42, 0.24)))


def _downpour(sheet: Sheet) -> None:
    """Rain or snow as seen through the window."""
    mood = sheet.studio.mood
    offset = sheet.studio.rng.random()
    bounds = (EXTENT[0], 0.4, EXTENT[2], 1.7)
    if mood.weather == "rain":

        def streaks(x: Tensor, y: Tensor) -> Tensor:
            u = x + 0.22 * y
            row = ((u / 0.13 + offset) % 1 - 0.5).abs() * 0.13
            step = torch.floor(u / 0.13 + offset) * 0.37
            along = ((y / 0.34 + step) % 1 - 0.5).abs() * 0.34
            return torch.maximum(row - 0.012, along - 0.10)

        sheet.shape(bounds, streaks, Lit(mix(mood.sky[2], (1.0, 1.0, 1.0), 0.45)))
    elif mood.weather == "snow":

        def flakes(x: Tensor, y: Tensor) -> Tensor:
            column = torch.floor(x / 0.15)
            u = (x / 0.15) % 1 - 0.5
            v = (y / 0.15 + column * 0.37 + offset) % 1 - 0.5
            return torch.hypot(u, v) * 0.15 - 0.026

        sheet.shape(bounds, flakes, Lit(mix(SNOW, mood.haze, 0.25)))


# --- the room itself ---------------------------------------------------------------------------


def wall(sheet: Sheet, window: Window, paint: Paint) -> None:
    """The back wall with the window's opening in it."""
    cy, high = (window.low + window.high) / 2, window.high - window.low

    def field(x: Tensor, y: Tensor) -> Tensor:
        whole = shapes.box(x, y, 0.0, 0.7, 6.0, 3.2)
        return shapes.cut(whole, shapes.box(x, y, window.x, cy, 2 * window.half, high))

    sheet.shape((-2.7, -0.6, 2.7, 2.1), field, paint)


def frame(sheet: Sheet, window: Window) -> None:
    """The window's frame, its bars and its sill."""
    x0, x1 = window.x - window.half, window.x + window.half
    w = 0.045
    wood = _FRAME
    middle = window.low + 0.58 * (window.high - window.low)
    sheet.rects(
        ((x0 - w, window.low, x0, window.high), (x1, window.low, x1 + w, window.high),
         (x0 - w, window.high, x1 + w, window.high + w)), wood, shadow=0.2,
    )  # fmt: skip
    sheet.rect(window.x - 0.016, window.low, window.x + 0.016, window.high, wood)
    sheet.rect(x0, middle - 0.016, x1, middle + 0.016, wood)
    sheet.rect(x0 - 0.1, window.low - 0.06, x1 + 0.1, window.low + 0.01, wood, shadow=0.3)
    if sheet.studio.mood.weather == "snow":
        sheet.rect(x0, window.low, x1, window.low + 0.04, SNOW, r=0.015)


def curtains(sheet: Sheet, window: Window, paint: Paint, fold: Paint) -> None:
    """Two curtains and their rail; ``fold`` colours their folds."""
    for side in (-1, 1):
        cloth = sheet.at(window.x + side * window.half, 0.0, 1.0, side)
        low, high = window.low - 0.10, window.high + 0.06
        cloth.poly(((-0.13, high), (0.16, high), (0.18, low), (0.0, low), (-0.02, 0.9)), paint,
                   shadow=0.3)  # fmt: skip
        cloth.poly(((0.05, high), (0.08, high), (0.10, low), (0.06, low)), fold)
    rail = window.high + 0.075
    x0, x1 = window.x - window.half - 0.2, window.x + window.half + 0.2
    sheet.line(x0, rail, x1, rail, 0.02, (0.50, 0.38, 0.28))


def boards(sheet: Sheet, far: Rgb, near: Rgb) -> None:
    """A floor of wooden boards with a skirting behind it."""
    sheet.rect(-2.8, -0.7, 2.8, 0.12, Fade(far, near), shadow=0.3)
    seam = mix(far, (0.2, 0.12, 0.08), 0.22)
    for y in (0.045, -0.05, -0.17, -0.32):
        sheet.rect(-2.8, y - 0.008, 2.8, y + 0.008, seam)


def tiles(sheet: Sheet, pale: Rgb, dark: Rgb) -> None:
    """A floor of chequered tiles that widen towards us."""
    sheet.rect(-2.8, -0.7, 2.8, 0.12, pale, shadow=0.3)
    edges = (0.12, 0.05, -0.05, -0.19, -0.38, -0.62)

    def field(x: Tensor, y: Tensor) -> Tensor:
        spread = 1.0 + 0.55 * (0.12 - y)
        row = sum((y < edge).to(y.dtype) for edge in edges[1:])
        part = ((x / spread / 0.30 + row) % 2 - 1).abs() - 0.5
        return part * 0.30 * spread

    sheet.shape((-2.7, -0.6, 2.7, 0.12), lambda x, y: shapes.both(field(x, y), y - 0.12), dark)


def hanging_lamp(sheet: Sheet, x: float, y: float, shade: Paint) -> None:
    """A lamp that hangs from above, its shade's lower edge at ``y``."""
    lamps = sheet.studio.mood.lamps
    sheet.rect(x - 0.012, y + 0.15, x + 0.012, 2.2, (0.36, 0.30, 0.27))
    if lamps:
        sheet.glow(x, y - 0.08, 0.95, LAMP, 0.26)
        sheet.disc(x, y, 0.06, Lit((1.0, 0.94, 0.72)))
    sheet.poly(((x - 0.2, y), (x + 0.2, y), (x + 0.07, y + 0.17), (x - 0.07, y + 0.17)), shade,
               shadow=0.25)  # fmt: skip


def table_lamp(sheet: Sheet, shade: Paint) -> None:
    """A lamp 0.36 high that stands on what is at y = 0."""
    lamps = sheet.studio.mood.lamps
    if lamps:
        sheet.glow(0.0, 0.26, 0.7, LAMP, 0.5)
    sheet.poly(((-0.06, 0.0), (0.06, 0.0), (0.015, 0.18), (-0.015, 0.18)), (0.50, 0.40, 0.32))
    colour: Paint = Lit((1.0, 0.90, 0.62)) if lamps else shade
    sheet.poly(((-0.14, 0.17), (0.14, 0.17), (0.08, 0.36), (-0.08, 0.36)), colour, shadow=0.2)


def books(sheet: Sheet, box: Box, tones: Sequence[Rgb], wide: float) -> None:
    """A shelf's row of books, left, bottom, right, top, about ``wide`` each, with a gap or two."""
    rng = sheet.studio.rng
    x0, y0, x1, y1 = box
    edges, colours, tops = [x0], [], []
    while edges[-1] < x1:
        tops.append(y0 + (y1 - y0) * rng.uniform(0.74, 1.0) * (rng.random() > 0.07))
        colours.append(rng.choice(tones))
        edges.append(edges[-1] + wide * rng.uniform(0.7, 1.4))
    strips = Strips(tuple(edges[:-1]), tuple(colours))
    low, high = (torch.tensor(v, device=sheet.studio.device) for v in (edges[:-1], edges[1:]))
    top = torch.tensor(tops, device=sheet.studio.device)

    def field(x: Tensor, y: Tensor) -> Tensor:
        which = strips.which(x)
        aside = torch.maximum(low[which] - x, x - high[which]) + 0.006
        return torch.maximum(torch.maximum(aside, y - top[which]), torch.maximum(y0 - y, x - x1))

    sheet.shape(box, field, strips)
