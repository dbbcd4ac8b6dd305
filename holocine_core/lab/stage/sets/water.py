"""The harbour."""

from __future__ import annotations

from collections.abc import Sequence

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Accent, Fade, Lit
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio
from holocine_core.lab.stage.sets.sky import (  # fmt: skip
    SNOW,
    STONE,
    TIMBER,
    ground,
    heavens,
    hills,
    puddles,
    scallops,
    street_lamp,
)

_WHITE: Rgb = (0.92, 0.90, 0.84)
_HULL: Rgb = (0.36, 0.27, 0.24)


def harbour(studio: Studio) -> list[Layer]:
    """A quay before the sea; lighthouse or moored sailing boat; accent: bands or sail."""
    layers = heavens(studio)
    land = studio.sheet(0.5)
    tone = studio.rng.choice(((0.50, 0.58, 0.60), (0.54, 0.60, 0.50), (0.62, 0.58, 0.54)))
    rise = studio.rng.uniform(0.62, 0.72)
    land.ridge(hills(studio, rise, 0.08, studio.rng.uniform(1.6, 3.0)), rise + 0.13,
               studio.mood.ground(tone))  # fmt: skip
    for _ in range(studio.rng.randrange(3)):
        x = studio.rng.uniform(-1.6, 1.6)
        _small_boat(land.at(x, 0.56, studio.rng.uniform(0.8, 1.1)))
    layers.append(land.layer(0.25))
    sea = studio.sheet(0.08)
    _sea(sea)
    for spot in (-0.75, 0.05, 0.8):
        if studio.rng.random() < 0.7:
            x = spot + studio.rng.uniform(-0.25, 0.25)
            _fishing_boat(
                sea.at(x, 0.30, studio.rng.uniform(0.85, 1.1), studio.rng.choice((-1, 1)))
            )
    _waves(sea, ((0.22, 0.52, 0.0),))
    layers.append(sea.layer(0.5, sway=0.025))
    near = studio.sheet()
    stand = near.at(studio.side * 0.86, 0.0, 1.0, studio.side)
    if studio.place.landmark == 0:
        _lighthouse(stand)
        layers.append(near.layer(0.85))
    else:
        _sailing_boat(stand)
        layers.append(near.layer(0.85, sway=0.012))
    quay = studio.sheet()
    _quay(quay)
    layers.append(quay.layer(1.0))
    return layers


def _sea(sheet: Sheet) -> None:
    studio = sheet.studio
    shine = studio.mood.sky[2]
    deep = studio.mood.ink((0.20, 0.46, 0.55))
    sheet.rect(-2.8, -0.7, 2.8, 0.60, Lit(mix(deep, shine, 0.45)))
    x = studio.sun
    if studio.mood.weather == "clear":
        bright = mix(shine, (1.0, 0.95, 0.85), 0.5)
        for y, r in ((0.565, 0.20), (0.52, 0.14), (0.47, 0.22)):
            sheet.oval(x, y, r, 0.014, Lit(bright))
    _waves(sheet, ((0.47, 0.34, 0.28), (0.35, 0.42, 0.14)))


def _waves(sheet: Sheet, rows: Sequence[tuple[float, float, float]]) -> None:
    """Rows of waves: their height, the length of a wave, and how much they mirror the sky."""
    studio = sheet.studio
    shine, deep = studio.mood.sky[2], studio.mood.ink((0.20, 0.46, 0.55))
    for top, width, share in rows:
        crest = scallops(studio.rng.random(), width, -0.045, top)
        sheet.ridge(crest, top, Lit(mix(deep, shine, share)), edge=0.025, shadow=0.15)


def _small_boat(sheet: Sheet) -> None:
    sheet.poly(((-0.12, 0.05), (0.12, 0.05), (0.08, 0.0), (-0.08, 0.0)), (0.45, 0.40, 0.38))
    sheet.poly(((-0.01, 0.07), (-0.01, 0.36), (-0.12, 0.09)), (0.88, 0.85, 0.78))
    sheet.poly(((0.015, 0.08), (0.015, 0.30), (0.10, 0.09)), (0.80, 0.77, 0.70))


def _fishing_boat(sheet: Sheet) -> None:
    """A boat at anchor, its sails furled, 0.75 high."""
    hull = sheet.studio.rng.choice(((0.52, 0.40, 0.36), (0.38, 0.48, 0.52), (0.56, 0.52, 0.46)))
    sheet.rect(-0.022, 0.05, 0.012, 0.76, (0.50, 0.42, 0.36))
    sheet.line(0.0, 0.25, 0.24, 0.29, 0.024, (0.84, 0.79, 0.70))
    sheet.poly(((-0.01, 0.76), (-0.01, 0.66), (-0.14, 0.71)), (0.72, 0.60, 0.54))
    sheet.rect(-0.2, 0.1, -0.06, 0.22, (0.84, 0.80, 0.72))
    sheet.poly(((-0.32, 0.14), (0.32, 0.16), (0.22, -0.06), (-0.24, -0.06)), hull, shadow=0.25)


def _lighthouse(sheet: Sheet) -> None:
    mood = sheet.studio.mood
    rock = [(-0.34, 0.18, 0.17), (-0.12, 0.26, 0.2), (0.16, 0.24, 0.2), (0.38, 0.16, 0.18)]
    sheet.discs(rock, (0.45, 0.44, 0.44), shadow=0.25)
    top = [(x - 0.02, y + 0.04, r * 0.75) for x, y, r in rock]
    sheet.discs(top, mood.ground((0.55, 0.53, 0.51)))
    if mood.lamps:
        beam = [(0.0, 1.22), (-2.2, 1.55), (-2.2, 1.0)]
        sheet.shape(
            (-2.2, 1.0, 0.0, 1.55), lambda x, y: shapes.polygon(x, y, beam), Lit((1.0, 0.9, 0.6)),
            blur=0.12, opacity=0.22,
        )  # fmt: skip
        sheet.glow(0.0, 1.22, 0.5, LAMP, 0.6)
    wide, narrow, low, high = 0.185, 0.115, 0.34, 1.08
    sheet.poly(((-wide, low), (wide, low), (narrow, high), (-narrow, high)), _WHITE, shadow=0.3)
    for a, b in ((0.36, 0.52), (0.68, 0.84), (1.0, 1.08)):
        w0, w1 = (wide + (narrow - wide) * (y - low) / (high - low) for y in (a, b))
        sheet.poly(((-w0, a), (w0, a), (w1, b), (-w1, b)), Accent())
    sheet.rect(-0.16, 1.08, 0.16, 1.12, (0.33, 0.32, 0.34), shadow=0.25)
    sheet.rect(
        -0.085, 1.12, 0.085, 1.28, Lit((1.0, 0.93, 0.68)) if mood.lamps else (0.8, 0.86, 0.88)
    )
    sheet.poly(((-0.13, 1.28), (0.13, 1.28), (0.0, 1.42)), Accent(), edge=0.02)
    if mood.weather == "snow":
        sheet.line(-0.1, 1.3, 0.0, 1.41, 0.025, SNOW)


def _sailing_boat(sheet: Sheet) -> None:
    hull = ((-0.60, 0.36), (0.56, 0.40), (0.40, 0.10), (-0.42, 0.10))
    sheet.rect(-0.03, 0.3, 0.01, 1.5, TIMBER, shadow=0.2)
    sheet.poly(((0.03, 0.46), (0.03, 1.46), (0.66, 0.50)), Accent(), shadow=0.3, edge=0.025)
    sheet.poly(((-0.06, 0.46), (-0.06, 1.30), (-0.50, 0.48)), (0.88, 0.85, 0.77), shadow=0.3)
    sheet.poly(hull, Fade((0.50, 0.37, 0.30), _HULL), shadow=0.3)
    sheet.poly(((-0.62, 0.42), (0.58, 0.46), (0.56, 0.38), (-0.59, 0.34)), _WHITE)
    if sheet.studio.mood.weather == "snow":
        sheet.line(-0.55, 0.42, 0.52, 0.46, 0.025, SNOW)
    if sheet.studio.mood.lamps:
        sheet.glow(-0.3, 0.56, 0.35, LAMP, 0.6)
        sheet.disc(-0.3, 0.54, 0.045, Lit(LAMP))


def _quay(sheet: Sheet) -> None:
    studio, mood = sheet.studio, sheet.studio.mood
    for x in (-2.15, -0.55, 0.55, 2.15):
        x += studio.rng.uniform(-0.1, 0.1)
        sheet.rect(x - 0.055, 0.0, x + 0.055, 0.36, TIMBER, shadow=0.25, r=0.02)
        sheet.oval(x, 0.36, 0.065, 0.025, mood.ground((0.70, 0.58, 0.45)))
    wood = studio.rng.choice(((0.70, 0.58, 0.46), (0.66, 0.60, 0.54), (0.70, 0.52, 0.42)))
    dark = mix(wood, (0.25, 0.16, 0.12), 0.32)
    ground(sheet, wood, dark)
    seam = mood.ground(mix(wood, (0.25, 0.16, 0.12), 0.5), 0.6)
    for y in (0.03, -0.08, -0.21, -0.37):
        sheet.rect(-2.8, y - 0.010, 2.8, y + 0.010, seam)
    sheet.rect(-2.8, 0.075, 2.8, 0.12, mood.ground(mix(wood, (1.0, 0.95, 0.85), 0.25)))
    puddles(sheet)
    other = -studio.side
    street_lamp(sheet.at(other * 1.12, 0.08, 1.05))
    x = other * studio.rng.uniform(0.72, 0.86)
    match studio.rng.randrange(3):
        case 0:
            _crate(sheet.at(x, 0.06, 0.9))
        case 1:
            _crate(sheet.at(x, 0.06, 0.9))
            _crate(sheet.at(x + other * 0.05, 0.33, 0.7))
        case _:
            _barrel(sheet.at(x, 0.05, 0.9))
    _barrel(sheet.at(other * studio.rng.uniform(1.35, 1.6), 0.05))
    _barrel(sheet.at(studio.side * studio.rng.uniform(1.45, 1.8), 0.05))


def _crate(sheet: Sheet) -> None:
    sheet.rect(-0.16, 0.0, 0.16, 0.3, (0.66, 0.53, 0.38), shadow=0.3)
    sheet.rect(-0.12, 0.04, 0.12, 0.26, (0.56, 0.44, 0.32))
    sheet.line(-0.11, 0.05, 0.11, 0.25, 0.022, (0.66, 0.53, 0.38))
    if sheet.studio.mood.weather == "snow":
        sheet.rect(-0.17, 0.28, 0.17, 0.33, SNOW, r=0.02)


def _barrel(sheet: Sheet) -> None:
    sheet.rect(-0.14, 0.0, 0.14, 0.4, (0.52, 0.38, 0.28), shadow=0.3, r=0.06)
    sheet.rect(-0.145, 0.08, 0.145, 0.12, STONE)
    sheet.rect(-0.145, 0.28, 0.145, 0.32, STONE)
