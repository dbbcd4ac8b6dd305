"""The library and the workshop."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import Accent, Fade, Lit
from holocine_core.lab.stage.sets.room import (  # fmt: skip
    Window,
    boards,
    books,
    frame,
    hanging_lamp,
    outlook,
    table_lamp,
    wall,
)
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio

_WALNUT: Rgb = (0.50, 0.36, 0.27)
_SHADE: Rgb = (0.32, 0.23, 0.19)
_OAK: Rgb = (0.66, 0.51, 0.36)
_BRASS: Rgb = (0.82, 0.66, 0.40)
_STEEL: Rgb = (0.58, 0.60, 0.62)
_SPINES: tuple[Rgb, ...] = (
    (0.62, 0.38, 0.34), (0.44, 0.52, 0.46), (0.72, 0.60, 0.42), (0.42, 0.46, 0.56),
    (0.80, 0.73, 0.60), (0.54, 0.42, 0.48), (0.66, 0.50, 0.38),
)  # fmt: skip


def library(studio: Studio) -> list[Layer]:
    """Walls of books; a globe or a grandfather clock; accent: the armchair."""
    other = -studio.side
    window = Window(x=other * 0.36, low=0.58, high=1.32, half=0.30)
    back = studio.sheet()
    wood = studio.rng.choice((_WALNUT, (0.56, 0.42, 0.30), (0.46, 0.33, 0.30)))
    wall(back, window, Fade(wood, mix(wood, _SHADE, 0.3)))
    gap = (window.x - window.half - 0.09, window.x + window.half + 0.09)
    low, high = min(gap), max(gap)
    _bookcase(back, (-2.55, low), wood)
    _bookcase(back, (high, 2.55), wood)
    frame(back, window)
    floor = studio.sheet()
    stand = floor.at(studio.side * 0.82, 0.06, 1.0, studio.side)
    (_globe if studio.place.landmark == 0 else _tall_clock)(stand)
    chair = other * studio.rng.uniform(1.0, 1.1)
    table_lamp_on = floor.at(chair + other * 0.5, 0.06)
    table_lamp_on.rect(-0.03, 0.0, 0.03, 0.46, _WALNUT, shadow=0.25)
    table_lamp_on.rect(-0.17, 0.44, 0.17, 0.50, _OAK, shadow=0.2)
    table_lamp(table_lamp_on.at(0.0, 0.50), (0.50, 0.60, 0.50))
    boards(floor, (0.60, 0.44, 0.33), (0.46, 0.33, 0.26))
    rug = studio.rng.choice(((0.56, 0.40, 0.38), (0.42, 0.48, 0.48), (0.60, 0.52, 0.40)))
    floor.poly(((-0.95, -0.02), (0.95, -0.02), (1.1, -0.28), (-1.1, -0.28)), rug, shadow=0.2)
    floor.poly(((-0.82, -0.06), (0.82, -0.06), (0.92, -0.23), (-0.92, -0.23)),
               mix(rug, (0.9, 0.8, 0.65), 0.3))  # fmt: skip
    _armchair(floor.at(chair, 0.02, 1.0, -other))
    hanging_lamp(floor, studio.side * 0.12, 1.34, (0.46, 0.56, 0.46))
    return [outlook(studio, window), back.layer(0.85), floor.layer(1.0)]


def _bookcase(sheet: Sheet, span: tuple[float, float], wood: Rgb) -> None:
    """Shelves from the floor to the ceiling, parted by uprights."""
    x0, x1 = span
    boards_at = (0.10, 0.42, 0.74, 1.06, 1.38, 1.70)
    sheet.rect(x0, 0.0, x1, 2.1, _SHADE)
    count = max(1, round((x1 - x0) / 0.8))
    pitch = (x1 - x0) / count
    for i in range(count):
        for y in boards_at:
            books(sheet, (x0 + i * pitch + 0.05, y + 0.03, x0 + (i + 1) * pitch - 0.05, y + 0.27),
                  _SPINES, 0.075)  # fmt: skip
    for y in (*boards_at, 2.02):
        sheet.rect(x0, y - 0.03, x1, y + 0.03, wood, shadow=0.2)
    for i in range(count + 1):
        x = x0 + i * pitch
        sheet.rect(x - 0.045, 0.0, x + 0.045, 2.1, mix(wood, _OAK, 0.25), shadow=0.25)


def _globe(sheet: Sheet) -> None:
    cx, cy, r = 0.0, 0.66, 0.31
    sheet.poly(((-0.30, 0.0), (0.30, 0.0), (0.06, 0.2), (-0.06, 0.2)), _OAK, shadow=0.3)
    sheet.rect(-0.04, 0.12, 0.04, 0.36, _OAK)
    sheet.shape(
        (-0.4, 0.2, 0.4, 1.1), lambda x, y: shapes.circle(x, y, cx, cy, r + 0.045).abs() - 0.022,
        _BRASS, shadow=0.3,
    )  # fmt: skip
    sheet.disc(cx, cy, r, Fade((0.58, 0.72, 0.78), (0.36, 0.52, 0.64)), shadow=0.35)
    land = ((-0.12, 0.78, 0.13), (-0.06, 0.64, 0.09), (0.14, 0.74, 0.08), (0.15, 0.58, 0.11),
            (-0.14, 0.50, 0.07))  # fmt: skip

    def field(x: Tensor, y: Tensor) -> Tensor:
        blobs = shapes.join(*(shapes.circle(x, y, *blob) for blob in land))
        return shapes.both(blobs, shapes.circle(x, y, cx, cy, r))

    sheet.shape((-0.32, 0.34, 0.32, 1.0), field, (0.76, 0.70, 0.46))
    sheet.disc(cx, cy + r + 0.07, 0.035, _BRASS)


def _tall_clock(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    sheet.rect(-0.22, 0.0, 0.22, 0.28, _OAK, shadow=0.35)
    sheet.rect(-0.17, 0.26, 0.17, 0.98, mix(_OAK, _WALNUT, 0.3), shadow=0.35)
    sheet.rect(-0.10, 0.34, 0.10, 0.88, _SHADE, r=0.03)
    sheet.rect(-0.012, 0.5, 0.012, 0.88, _BRASS)
    sheet.disc(0.0, 0.47, 0.075, _BRASS)
    sheet.rect(-0.24, 0.94, 0.24, 1.34, _OAK, shadow=0.35, r=0.02)
    sheet.poly(((-0.28, 1.32), (0.28, 1.32), (0.16, 1.44), (0.0, 1.48), (-0.16, 1.44)), _OAK,
               shadow=0.3, edge=0.02)  # fmt: skip
    sheet.disc(0.0, 1.13, 0.175, _BRASS)
    sheet.disc(0.0, 1.13, 0.14, Lit((1.0, 0.93, 0.74)) if lamps else (0.94, 0.91, 0.83))
    sheet.line(0.0, 1.13, 0.0, 1.23, 0.015, (0.22, 0.18, 0.17))
    sheet.line(0.0, 1.13, 0.07, 1.10, 0.016, (0.22, 0.18, 0.17))


def _armchair(sheet: Sheet) -> None:
    """An armchair turned a little inwards (local +x)."""
    for x in (-0.26, 0.24):
        sheet.rect(x - 0.03, 0.0, x + 0.03, 0.1, _SHADE)
    sheet.rect(-0.32, 0.2, 0.28, 0.80, Accent(), shadow=0.35, r=0.14, edge=0.025)
    sheet.rect(-0.30, 0.22, 0.26, 0.40, Accent(0.86), r=0.05)
    for x0, x1 in ((-0.40, -0.24), (0.22, 0.38)):
        sheet.rect(x0, 0.08, x1, 0.48, Accent(0.94), shadow=0.3, r=0.07)
    sheet.rect(-0.26, 0.08, 0.24, 0.24, Accent(0.78), shadow=0.2, r=0.02)


# --- workshop ----------------------------------------------------------------------------------


def workshop(studio: Studio) -> list[Layer]:
    """A bench under hanging tools; a machine with a great wheel or a rocket in the accent."""
    other, rng = -studio.side, studio.rng
    window = Window(x=other * 0.34, low=0.68, high=1.30, half=0.34)
    back = studio.sheet()
    plank = rng.choice(((0.72, 0.60, 0.47), (0.64, 0.64, 0.58), (0.70, 0.52, 0.42)))
    wall(back, window, Fade(plank, mix(plank, (0.4, 0.3, 0.25), 0.22)))
    seam = mix(plank, (0.3, 0.2, 0.15), 0.22)
    for i in range(-8, 9):
        x = i * 0.33 + 0.05
        if abs(x - window.x) > window.half + 0.02:
            back.rect(x - 0.010, 0.0, x + 0.010, 2.2, seam)
    frame(back, window)
    _tools(back.at(other * 1.22, 1.02))
    _tools(back.at(studio.side * 0.42, 1.06, 0.9))
    _tools(back.at(studio.side * 1.95, 1.02))
    floor = studio.sheet()
    _bench(floor.at(other * 1.1, 0.06))
    stand = floor.at(studio.side * 0.92, 0.06, 1.0, studio.side)
    (_machine if studio.place.landmark == 0 else _rocket)(stand)
    boards(floor, (0.66, 0.55, 0.44), (0.50, 0.41, 0.34))
    for _ in range(6):
        x, y = rng.uniform(-2.0, 2.0), rng.uniform(-0.3, 0.04)
        floor.oval(x, y, 0.05, 0.018, (0.84, 0.72, 0.52))
    hanging_lamp(floor, other * 0.05, 1.32, (0.44, 0.52, 0.48))
    return [outlook(studio, window), back.layer(0.85), floor.layer(1.0)]


def _tools(sheet: Sheet) -> None:
    """A board with hammer, saw and spanner, in any order."""
    sheet.rect(-0.40, -0.28, 0.40, 0.28, (0.52, 0.41, 0.32), shadow=0.3, r=0.02)
    order = [_hammer, _saw, _spanner]
    sheet.studio.rng.shuffle(order)
    for x, tool in zip((-0.25, 0.0, 0.25), order, strict=True):
        tool(sheet.at(x))


def _hammer(sheet: Sheet) -> None:
    sheet.rect(-0.02, -0.22, 0.02, 0.16, (0.80, 0.66, 0.46), shadow=0.25)
    sheet.rect(-0.095, 0.10, 0.08, 0.20, _STEEL, shadow=0.25, r=0.015)


def _saw(sheet: Sheet) -> None:
    sheet.poly(((-0.07, 0.04), (0.07, 0.04), (0.03, -0.23), (-0.04, -0.23)), (0.72, 0.74, 0.75),
               shadow=0.25)  # fmt: skip
    sheet.rect(-0.08, 0.03, 0.08, 0.19, (0.70, 0.52, 0.38), shadow=0.25, r=0.04)
    sheet.rect(-0.03, 0.08, 0.03, 0.14, (0.52, 0.41, 0.32), r=0.02)


def _spanner(sheet: Sheet) -> None:
    def field(x: Tensor, y: Tensor) -> Tensor:
        jaws = shapes.join(
            shapes.circle(x, y, 0.0, 0.14, 0.075), shapes.circle(x, y, 0.0, -0.17, 0.055)
        )
        bar = shapes.capsule(x, y, 0.0, -0.15, 0.0, 0.12, 0.028)
        return shapes.cut(shapes.join(jaws, bar), shapes.box(x, y, 0.0, 0.20, 0.055, 0.14))

    sheet.shape((-0.09, -0.24, 0.09, 0.24), field, _STEEL, shadow=0.25)


def _bench(sheet: Sheet) -> None:
    """A bench with a vice and timber on it."""
    for x in (-0.5, 0.46):
        sheet.rect(x - 0.05, 0.0, x + 0.05, 0.42, _OAK, shadow=0.3)
    sheet.rect(-0.56, 0.12, 0.52, 0.18, _OAK, shadow=0.2)
    sheet.rect(-0.62, 0.40, 0.60, 0.49, mix(_OAK, (1, 1, 1), 0.15), shadow=0.35)
    x = sheet.studio.rng.uniform(-0.35, 0.05)
    sheet.rect(x - 0.17, 0.49, x + 0.17, 0.56, (0.84, 0.72, 0.52), shadow=0.2)
    sheet.rect(x - 0.11, 0.56, x + 0.15, 0.62, (0.76, 0.62, 0.44), shadow=0.2)
    sheet.rect(0.28, 0.49, 0.38, 0.66, _STEEL, shadow=0.25, r=0.02)
    sheet.rect(0.42, 0.49, 0.50, 0.66, _STEEL, shadow=0.25, r=0.02)
    sheet.rect(0.24, 0.53, 0.54, 0.57, (0.44, 0.46, 0.49))


def _machine(sheet: Sheet) -> None:
    """An engine on a plinth with a great spoked wheel."""
    iron = (0.40, 0.43, 0.45)
    sheet.rect(-0.54, 0.0, 0.54, 0.16, (0.54, 0.51, 0.48), shadow=0.35)
    sheet.rect(0.16, 0.14, 0.52, 0.78, iron, shadow=0.35, r=0.04)
    sheet.rect(0.22, 0.76, 0.34, 1.34, iron, shadow=0.3)
    sheet.rect(0.18, 1.30, 0.38, 1.38, (0.50, 0.53, 0.55))
    sheet.disc(0.34, 0.54, 0.12, _BRASS, shadow=0.2)
    sheet.disc(0.34, 0.54, 0.085, (0.92, 0.89, 0.81))
    sheet.line(0.34, 0.54, 0.38, 0.59, 0.015, (0.4, 0.25, 0.22))
    cx, cy, r = -0.14, 0.60, 0.42
    turn = sheet.studio.rng.uniform(0.0, math.pi / 3)

    def wheel(x: Tensor, y: Tensor) -> Tensor:
        u, v = x - cx, y - cy
        away = torch.hypot(u, v)
        rim = (away - r).abs() - 0.065
        spokes = [
            (u * math.sin(turn + i * math.pi / 3) - v * math.cos(turn + i * math.pi / 3)).abs()
            for i in range(3)
        ]
        bars = torch.maximum(shapes.join(*spokes) - 0.035, away - r)
        return shapes.join(rim, bars, away - 0.11)

    sheet.shape((-0.64, 0.10, 0.36, 1.10), wheel, Accent(), shadow=0.4, edge=0.018)
    sheet.disc(cx, cy, 0.055, _BRASS)


def _rocket(sheet: Sheet) -> None:
    """A half-built rocket on its stand."""
    sheet.rect(-0.46, 0.0, 0.46, 0.07, (0.54, 0.51, 0.48), shadow=0.3)
    for x in (-0.3, 0.3):
        sheet.line(x, 0.05, 0.6 * x, 0.36, 0.028, _OAK, shadow=0.2)
    sheet.poly(((-0.12, 0.12), (0.12, 0.12), (0.08, 0.26), (-0.08, 0.26)), _STEEL)
    for side in (-1, 1):
        fin = sheet.at(0.0, 0.0, 1.0, side)
        fin.poly(((0.16, 0.62), (0.40, 0.34), (0.40, 0.12), (0.14, 0.30)), Accent(0.8), shadow=0.3,
                 edge=0.02)  # fmt: skip

    def body(x: Tensor, y: Tensor) -> Tensor:
        part = ((y - 0.24) / 1.2).clamp(0, 1)
        half = 0.155 + 0.09 * torch.sin(part * 2.4) - 0.235 * part**3
        return torch.maximum(x.abs() - half.clamp_min(0.0), 0.24 - y)

    bounds = (-0.26, 0.22, 0.26, 1.45)
    sheet.shape(bounds, body, Accent(), shadow=0.4, edge=0.025)
    sheet.shape(bounds, lambda x, y: shapes.both(body(x, y), (y - 0.42).abs() - 0.045),
                Accent(cream=0.82))  # fmt: skip
    sheet.disc(0.0, 0.86, 0.125, (0.90, 0.86, 0.77), shadow=0.2)
    lamps = sheet.studio.mood.lamps
    sheet.disc(0.0, 0.86, 0.085, Lit((1.0, 0.86, 0.52)) if lamps else (0.50, 0.62, 0.70))
