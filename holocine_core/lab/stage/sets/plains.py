"""The desert and the meadow."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Accent, Fade, Lit
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio
from holocine_core.lab.stage.sets.sky import (  # fmt: skip
    SNOW,
    TIMBER,
    ground,
    heavens,
    hills,
    puddles,
    round_tree,
    snow_cap,
)

_SANDS: tuple[Rgb, ...] = ((0.87, 0.73, 0.50), (0.86, 0.66, 0.50), (0.84, 0.76, 0.60))
_CACTUS: Rgb = (0.40, 0.53, 0.38)
_RUIN: Rgb = (0.76, 0.62, 0.47)
_CROWNS = (
    ((-0.14, 0.62, 0.17), (0.12, 0.60, 0.18), (0.0, 0.80, 0.19)),
    ((-0.18, 0.64, 0.14), (0.0, 0.74, 0.20), (0.19, 0.62, 0.15)),
    ((0.0, 0.60, 0.20), (0.02, 0.82, 0.16), (0.0, 0.7, 0.1)),
)


def desert(studio: Studio) -> list[Layer]:
    """Dunes and mesas; a nomads' tent or a stone gate; accent: the tent or its banner."""
    layers = heavens(studio, low=0.84)
    sand = studio.rng.choice(_SANDS)
    far = studio.sheet(0.42)
    for x, high in ((-1.9, 0.95), (-0.75, 0.78), (0.55, 1.0), (1.75, 0.85)):
        _mesa(far.at(x + studio.rng.uniform(-0.25, 0.25)), high * studio.rng.uniform(0.9, 1.1))
    layers.append(far.layer(0.2))
    middle = studio.sheet(0.14)
    _dune(middle, 0.52, mix(sand, (0.95, 0.62, 0.42), 0.3), 2.1)
    _dune(middle, 0.32, mix(sand, (0.95, 0.65, 0.42), 0.15), 2.7)
    layers.append(middle.layer(0.55))
    floor = studio.sheet()
    stand = floor.at(studio.side * 0.84, 0.07, 1.0, studio.side)
    (_nomads if studio.place.landmark == 0 else _gate)(stand)
    other = -studio.side
    _cactus(floor.at(other * studio.rng.uniform(0.78, 0.98), 0.05, studio.rng.uniform(0.9, 1.1)))
    _cactus(floor.at(other * studio.rng.uniform(1.5, 1.9), 0.05, studio.rng.uniform(0.6, 0.9)))
    _cactus(floor.at(studio.side * studio.rng.uniform(1.75, 2.1), 0.05, 0.8))
    ground(floor, sand, mix(sand, (0.75, 0.52, 0.33), 0.35))
    for y, wave in ((-0.02, 1.3), (-0.17, 1.7), (-0.34, 2.1)):
        _ripple(floor, y, wave, sand)
    puddles(floor)
    layers.append(floor.layer(1.0))
    return layers


def _mesa(sheet: Sheet, high: float) -> None:
    wide = sheet.studio.rng.uniform(0.3, 0.44)
    rock = (0.80, 0.54, 0.40)
    sheet.poly(
        ((-wide - 0.14, 0.2), (wide + 0.14, 0.2), (wide, 0.55 * high), (wide * 0.86, high),
         (-wide * 0.86, high), (-wide, 0.55 * high)), Fade(rock, mix(rock, (1, 0.9, 0.7), 0.35)),
        shadow=0.2,
    )  # fmt: skip
    band = mix(rock, (0.45, 0.25, 0.25), 0.2)
    sheet.rect(-wide * 0.93, 0.74 * high, wide * 0.93, 0.82 * high, band)
    if sheet.studio.mood.weather == "snow":
        sheet.rect(-wide * 0.9, high - 0.05, wide * 0.9, high + 0.02, SNOW, r=0.02)


def _dune(sheet: Sheet, base: float, sand: Rgb, wave: float) -> None:
    """Dunes with a sharp crest: a bright side and a shaded one."""
    offset = sheet.studio.rng.random()
    swell = 0.16

    def crest(x: Tensor) -> Tensor:
        part = (x / wave + offset) % 1
        rise = torch.where(part < 0.65, part / 0.65, (1 - part) / 0.35)
        return base - swell / 2 + swell * (rise * rise * (3 - 2 * rise))

    bright = sheet.studio.mood.ground(sand)
    sheet.ridge(crest, base + swell, Fade(bright, mix(bright, sand, 0.5)), edge=0.02, shadow=0.25)


def _ripple(sheet: Sheet, y: float, wave: float, sand: Rgb) -> None:
    offset = sheet.studio.rng.uniform(0, 6.3)
    dark = sheet.studio.mood.ground(mix(sand, (0.62, 0.42, 0.28), 0.28))
    sheet.shape(
        (-2.7, y - 0.04, 2.7, y + 0.04),
        lambda u, v: (v - y - 0.025 * torch.sin(u * (2 * math.pi / wave) + offset)).abs() - 0.010,
        dark,
    )


def _nomads(sheet: Sheet) -> None:
    """A wide tent of two peaks, striped accent and cream."""
    lamps = sheet.studio.mood.lamps
    outline = ((-0.66, 0.0), (-0.56, 0.44), (-0.24, 0.90), (0.0, 0.70), (0.24, 0.90), (0.56, 0.44),
               (0.66, 0.0))  # fmt: skip
    sheet.rect(-0.255, 0.85, -0.225, 1.0, TIMBER)
    sheet.rect(0.225, 0.85, 0.255, 1.0, TIMBER)
    bounds = (-0.66, 0.0, 0.66, 0.9)
    sheet.poly(outline, Accent(), shadow=0.35, edge=0.025)
    sheet.shape(
        bounds,
        lambda x, y: shapes.both(
            shapes.polygon(x, y, outline) + 0.025,
            ((x.abs() * (1.0 + 0.5 * y) + 0.09) % 0.27 - 0.135).abs() - 0.04,
        ),
        Accent(cream=0.8),
    )
    inside = Lit((1.0, 0.78, 0.44)) if lamps else (0.26, 0.19, 0.18)
    if lamps:
        sheet.glow(0.0, 0.3, 0.6, LAMP, 0.35)
    sheet.poly(((-0.2, 0.0), (0.2, 0.0), (0.06, 0.56), (-0.06, 0.56)), inside)
    sheet.poly(((0.2, 0.0), (0.3, 0.0), (0.06, 0.58)), Accent(0.75))
    snow_cap(sheet, ((-0.46, 0.58), (-0.24, 0.9), (0.0, 0.71), (0.24, 0.9), (0.46, 0.58)))


def _gate(sheet: Sheet) -> None:
    """A ruined stone gate with a banner in its arch."""
    mood = sheet.studio.mood
    rock = Fade(_RUIN, mix(_RUIN, (0.5, 0.36, 0.28), 0.35))
    for x0, x1 in ((-0.58, -0.28), (0.28, 0.58)):
        sheet.rect(x0, 0.0, x1, 1.0, rock, shadow=0.35)
        sheet.rect(x0 - 0.05, 0.0, x1 + 0.05, 0.1, _RUIN)
        for y in (0.36, 0.66):
            sheet.rect(x0, y, x1, y + 0.02, mix(_RUIN, (0.4, 0.28, 0.22), 0.45))
    lintel = ((-0.66, 0.98), (0.66, 0.98), (0.66, 1.16), (0.3, 1.2), (0.1, 1.34), (-0.66, 1.3))
    sheet.poly(lintel, _RUIN, shadow=0.3, edge=0.02)
    sheet.poly(
        ((-0.22, 0.98), (0.22, 0.98), (0.22, 0.42), (0.11, 0.32), (0.0, 0.42), (-0.11, 0.32),
         (-0.22, 0.42)), Accent(), shadow=0.3, edge=0.025,
    )  # fmt: skip
    sheet.disc(0.0, 0.72, 0.09, Accent(cream=0.75))
    if mood.weather == "snow":
        snow_cap(sheet, ((-0.64, 1.3), (0.1, 1.34), (0.3, 1.2), (0.64, 1.17)))
    if mood.lamps:
        for x in (-0.43, 0.43):
            sheet.glow(x, 0.84, 0.34, LAMP, 0.6)
            sheet.oval(x, 0.85, 0.045, 0.075, Lit(LAMP))


def _cactus(sheet: Sheet) -> None:
    green = sheet.studio.mood.leaf(_CACTUS)
    flip = sheet.studio.rng.choice((-1, 1))
    arms = sheet.at(0.0, 0.0, 1.0, flip)
    arms.shape(
        (-0.36, 0.0, 0.36, 1.05),
        lambda x, y: shapes.join(
            shapes.capsule(x, y, 0.0, 0.0, 0.0, 0.93, 0.10),
            shapes.capsule(x, y, 0.0, 0.42, 0.24, 0.42, 0.06),
            shapes.capsule(x, y, 0.24, 0.42, 0.24, 0.74, 0.06),
            shapes.capsule(x, y, 0.0, 0.3, -0.23, 0.3, 0.055),
            shapes.capsule(x, y, -0.23, 0.3, -0.23, 0.56, 0.055),
        ),
        green, shadow=0.3,
    )  # fmt: skip
    pale = sheet.studio.mood.leaf(mix(_CACTUS, (0.9, 0.9, 0.7), 0.2))
    arms.line(-0.03, 0.08, -0.03, 0.9, 0.018, pale)
    if sheet.studio.mood.weather == "snow":
        arms.discs(((0.0, 0.99, 0.08), (0.24, 0.78, 0.05), (-0.23, 0.6, 0.045)), SNOW)


# --- meadow ------------------------------------------------------------------------------------


def meadow(studio: Studio) -> list[Layer]:
    """Rolling hills and flowers; a windmill or a barn; accent: the sails or the walls."""
    layers = heavens(studio, low=0.80)
    mood, rng = studio.mood, studio.rng
    far = studio.sheet(0.42)
    far.ridge(hills(studio, 0.70, 0.07, 2.4), 0.85, mood.ground((0.50, 0.62, 0.48)), edge=0.025)
    layers.append(far.layer(0.2))
    middle = studio.sheet(0.18)
    green = rng.choice(((0.42, 0.56, 0.32), (0.56, 0.56, 0.28), (0.34, 0.52, 0.38)))
    for spot in (-2.2, -1.35, -0.5, 0.45, 1.3, 2.2):
        tree = middle.at(spot + rng.uniform(-0.35, 0.35), 0.36, rng.uniform(0.42, 0.78))
        round_tree(tree, mix(green, (0.4, 0.5, 0.45), 0.25), rng.choice(_CROWNS))
    middle.ridge(hills(studio, 0.46, 0.05, 3.0), 0.56, mood.ground((0.56, 0.66, 0.42)), edge=0.025,
                 shadow=0.22)  # fmt: skip
    middle.ridge(hills(studio, 0.27, 0.04, 2.2), 0.35, mood.ground((0.60, 0.70, 0.42)), edge=0.025,
                 shadow=0.22)  # fmt: skip
    layers.append(middle.layer(0.55))
    floor = studio.sheet()
    stand = floor.at(studio.side * 0.86, 0.07, 1.0, studio.side)
    other = -studio.side
    round_tree(floor.at(other * rng.uniform(0.95, 1.15), 0.08, rng.uniform(1.2, 1.35)),
               green, rng.choice(_CROWNS))  # fmt: skip
    round_tree(floor.at(studio.side * 2.1, 0.08, 1.3), green, rng.choice(_CROWNS))
    _fence(floor)
    (_windmill if studio.place.landmark == 0 else _barn)(stand)
    ground(floor, (0.62, 0.71, 0.42), (0.46, 0.57, 0.33))
    puddles(floor)
    if mood.weather != "snow":
        _flowers(floor)
    layers.append(floor.layer(1.0))
    return layers


def _fence(sheet: Sheet) -> None:
    wood = (0.86, 0.82, 0.74)
    for y in (0.2, 0.36):
        sheet.rect(-2.8, y, 2.8, y + 0.045, wood, shadow=0.2)
    for i in range(12):
        x = -2.55 + 0.46 * i
        sheet.rect(x - 0.03, 0.08, x + 0.03, 0.46, wood, shadow=0.2, r=0.02)
        if sheet.studio.mood.weather == "snow":
            sheet.rect(x - 0.04, 0.44, x + 0.04, 0.49, SNOW, r=0.02)


def _flowers(sheet: Sheet) -> None:
    rng = sheet.studio.rng
    tones = ((0.94, 0.90, 0.80), (0.93, 0.78, 0.40), (0.85, 0.58, 0.60), (0.66, 0.60, 0.80))
    for tone in rng.sample(tones, 2):
        spots = [
            (rng.uniform(-2.4, 2.4), rng.uniform(-0.3, 0.07), rng.uniform(0.02, 0.03))
            for _ in range(13)
        ]
        for spot in spots:
            sheet.disc(*spot, tone)


def _windmill(sheet: Sheet) -> None:
    mood = sheet.studio.mood
    wall = (0.88, 0.83, 0.74)
    sheet.poly(((-0.34, 0.0), (0.34, 0.0), (0.2, 0.94), (-0.2, 0.94)),
               Fade(wall, mix(wall, (0.6, 0.5, 0.45), 0.2)), shadow=0.35)  # fmt: skip
    sheet.rect(-0.10, 0.0, 0.10, 0.34, (0.46, 0.35, 0.28), r=0.07)
    sheet.rect(-0.06, 0.5, 0.06, 0.66, Lit(LAMP) if mood.lamps else (0.50, 0.55, 0.58), r=0.03)
    cap = [(0.0, 0.94, 0.21)]
    sheet.discs(cap, (0.47, 0.37, 0.32), shadow=0.2)
    snow_cap(sheet, ((-0.13, 1.1), (0.0, 1.16), (0.13, 1.1)))
    turn = sheet.studio.rng.uniform(0.35, 1.2)
    for i in range(4):
        angle = turn + i * math.pi / 2
        c, s = math.cos(angle), math.sin(angle)

        def place(u: float, v: float, c: float = c, s: float = s) -> tuple[float, float]:
            return u * c - v * s, 0.96 + u * s + v * c

        blade = tuple(place(*p) for p in ((0.12, 0.0), (0.56, 0.0), (0.56, 0.17), (0.12, 0.13)))
        sheet.poly(blade, Accent(), shadow=0.3, edge=0.02)
        sheet.line(0.0, 0.96, *place(0.58, 0.0), 0.02, TIMBER)
    sheet.disc(0.0, 0.96, 0.05, (0.36, 0.28, 0.24))


def _barn(sheet: Sheet) -> None:
    wall = ((-0.5, 0.0), (0.5, 0.0), (0.5, 0.58), (0.32, 0.90), (0.0, 1.06), (-0.32, 0.90),
            (-0.5, 0.58))  # fmt: skip
    trim = (0.92, 0.89, 0.82)
    lamps = sheet.studio.mood.lamps
    sheet.poly(wall, Accent(), shadow=0.35)
    roof = ((-0.56, 0.54), (-0.33, 0.93), (0.0, 1.09), (0.33, 0.93), (0.56, 0.54))
    for (ax, ay), (bx, by) in itertools.pairwise(roof):
        sheet.line(ax, ay, bx, by, 0.035, (0.45, 0.38, 0.36))
    sheet.rect(-0.24, 0.0, 0.24, 0.46, trim)
    sheet.rect(-0.20, 0.0, 0.20, 0.42, Accent(0.78))
    sheet.line(-0.19, 0.02, 0.19, 0.41, 0.022, trim)
    sheet.line(0.19, 0.02, -0.19, 0.41, 0.022, trim)
    sheet.rect(-0.12, 0.62, 0.12, 0.84, trim)
    sheet.rect(-0.085, 0.65, 0.085, 0.81, Lit(LAMP) if lamps else (0.30, 0.26, 0.26))
    snow_cap(sheet, roof)
