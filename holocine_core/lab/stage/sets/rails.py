"""The railway station."""

from __future__ import annotations

from torch import Tensor

from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Accent, Fade, Lit, Paint
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio
from holocine_core.lab.stage.sets.sky import (  # fmt: skip
    SNOW,
    STONE,
    TIMBER,
    conifer,
    ground,
    heavens,
    hills,
    pane,
    puddles,
    snow_cap,
)

_IRON: Rgb = (0.34, 0.40, 0.40)
_CREAM: Rgb = (0.92, 0.88, 0.79)


def station(studio: Studio) -> list[Layer]:
    """A platform and its roof; a steam train or the station house; accent: train or roof."""
    layers = heavens(studio, low=0.88)
    mood = studio.mood
    far = studio.sheet(0.42)
    for _ in range(6):
        tree = far.at(studio.rng.uniform(-2.3, 2.3), 0.46, studio.rng.uniform(0.35, 0.5))
        conifer(tree, (0.36, 0.47, 0.42), mood.weather == "snow")
    far.ridge(hills(studio, 0.58, 0.06, 2.4), 0.7, mood.ground((0.56, 0.62, 0.52)), edge=0.025)
    layers.append(far.layer(0.3))
    track = studio.sheet(0.04)
    _rails(track)
    if studio.place.landmark == 0:
        _train(track.at(studio.side * 0.66, 0.2, 1.0, studio.side))
    else:
        _house(track.at(studio.side * 0.76, 0.14))
        _signal(track.at(-studio.side * studio.rng.uniform(0.0, 0.3), 0.14))
    layers.append(track.layer(0.85))
    floor = studio.sheet()
    _roof(floor)
    ground(floor, (0.74, 0.70, 0.64), (0.58, 0.54, 0.51))
    floor.rect(-2.8, 0.03, 2.8, 0.065, mood.ground((0.90, 0.76, 0.38), 0.6))
    seam = mood.ground((0.62, 0.58, 0.53))
    for y in (-0.10, -0.27):
        floor.rect(-2.8, y - 0.009, 2.8, y + 0.009, seam)
    puddles(floor)
    _bench(floor.at(-studio.side * studio.rng.uniform(1.0, 1.2), 0.04))
    _trunks(floor.at(studio.side * studio.rng.uniform(1.15, 1.3), 0.03))
    layers.append(floor.layer(1.0))
    return layers


def _rails(sheet: Sheet) -> None:
    mood = sheet.studio.mood
    gravel = mood.ground((0.60, 0.56, 0.52))
    sheet.rect(-2.8, -0.6, 2.8, 0.34, Fade(gravel, gravel), shadow=0.2, edge=0.02)
    for i in range(20):
        x = -2.6 + 0.28 * i
        sheet.rect(x, 0.17, x + 0.13, 0.22, (0.48, 0.40, 0.34))
    sheet.rect(-2.8, 0.21, 2.8, 0.235, (0.45, 0.45, 0.47))


def _train(sheet: Sheet) -> None:
    """An engine that heads inwards (local -x), its carriage behind it."""
    lamps = sheet.studio.mood.lamps
    dark = (0.26, 0.27, 0.30)
    steam = [(-0.46, 1.06, 0.10), (-0.34, 1.2, 0.14), (-0.12, 1.30, 0.17)]
    sheet.discs(steam, (0.90, 0.90, 0.89), edge=0.03)
    sheet.poly(((-0.58, 0.72), (-0.36, 0.72), (-0.34, 0.96), (-0.60, 0.96)), dark, shadow=0.2)
    sheet.rect(-0.66, 0.30, 0.10, 0.74, Accent(), shadow=0.35, r=0.06)
    sheet.rect(-0.42, 0.30, -0.37, 0.74, Accent(0.7))
    sheet.rect(-0.16, 0.30, -0.11, 0.74, Accent(0.7))
    sheet.rect(0.02, 0.22, 0.46, 0.98, Accent(), shadow=0.35)
    sheet.rect(-0.04, 0.97, 0.52, 1.04, dark, r=0.02)
    glass: Paint = Lit(LAMP) if lamps else (0.66, 0.74, 0.78)
    sheet.rect(0.11, 0.62, 0.37, 0.86, glass)
    sheet.rect(-0.70, 0.2, 0.46, 0.30, dark)
    sheet.poly(((-0.70, 0.08), (-0.70, 0.3), (-0.86, 0.04)), dark)
    sheet.disc(-0.68, 0.6, 0.06, Lit((1.0, 0.95, 0.75)) if lamps else _CREAM)
    if lamps:
        sheet.glow(-0.70, 0.6, 0.45, LAMP, 0.55)
    _wheels(sheet, (-0.48, -0.18), 0.135)
    _wheels(sheet, (0.26,), 0.17)
    snow_cap(sheet, ((-0.02, 1.05), (0.5, 1.05)))
    _carriage(sheet.at(0.56))


def _carriage(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    sheet.rect(-0.10, 0.22, 0.05, 0.27, (0.26, 0.27, 0.30))
    sheet.rect(0.0, 0.2, 1.5, 0.96, Accent(), shadow=0.35, r=0.03)
    sheet.rect(0.0, 0.50, 1.5, 0.86, Accent(cream=0.8))
    sheet.rect(-0.03, 0.95, 1.53, 1.02, (0.40, 0.38, 0.40), r=0.02)
    glass: Paint = Lit(LAMP) if lamps else (0.60, 0.68, 0.74)
    for i in range(4):
        sheet.rect(0.09 + 0.36 * i, 0.55, 0.33 + 0.36 * i, 0.81, glass)
    _wheels(sheet, (0.22, 0.5, 1.05, 1.3), 0.115)
    snow_cap(sheet, ((0.0, 1.03), (1.5, 1.03)))


def _wheels(sheet: Sheet, xs: tuple[float, ...], r: float) -> None:
    for x in xs:
        sheet.disc(x, r, r, (0.24, 0.24, 0.27), shadow=0.15)
        sheet.disc(x, r, 0.5 * r, (0.55, 0.53, 0.50))


def _house(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    wall = sheet.studio.rng.choice(((0.80, 0.70, 0.58), (0.74, 0.58, 0.50), (0.72, 0.74, 0.68)))
    sheet.rect(-0.60, 0.0, 0.60, 0.84, Fade(wall, mix(wall, (0.5, 0.4, 0.4), 0.2)), shadow=0.35)
    sheet.poly(((-0.74, 0.80), (0.74, 0.80), (0.52, 1.12), (-0.52, 1.12)), Accent(), shadow=0.3,
               edge=0.025)  # fmt: skip
    snow_cap(sheet, ((-0.5, 1.13), (0.5, 1.13)))
    sheet.poly(((-0.28, 0.80), (0.28, 0.80), (0.28, 1.12), (0.0, 1.36), (-0.28, 1.12)), wall,
               shadow=0.3)  # fmt: skip
    for ax in (-0.33, 0.33):
        sheet.line(ax, 1.1, 0.0, 1.38, 0.035, Accent())
    if lamps:
        sheet.glow(0.0, 1.0, 0.4, LAMP, 0.4)
    sheet.disc(0.0, 1.0, 0.17, (0.36, 0.32, 0.30))
    sheet.disc(0.0, 1.0, 0.135, Lit((1.0, 0.92, 0.70)) if lamps else (0.94, 0.92, 0.85))
    sheet.line(0.0, 1.0, 0.0, 1.1, 0.015, (0.25, 0.22, 0.22))
    sheet.line(0.0, 1.0, -0.07, 0.97, 0.016, (0.25, 0.22, 0.22))
    sheet.rect(-0.15, 0.0, 0.15, 0.50, _CREAM, r=0.04)
    sheet.rect(-0.115, 0.0, 0.115, 0.46, Accent(), r=0.03)
    for x in (-0.39, 0.39):
        pane(sheet, (x - 0.11, 0.26, x + 0.11, 0.58), lamps)


def _signal(sheet: Sheet) -> None:
    sheet.rect(-0.022, 0.0, 0.022, 1.15, _IRON, shadow=0.2)
    sheet.line(0.0, 1.08, 0.26, 1.16, 0.04, (0.78, 0.56, 0.46), shadow=0.2)
    sheet.rect(-0.06, 0.84, 0.06, 1.02, _IRON, r=0.03)
    sheet.disc(0.0, 0.93, 0.035, Lit((0.55, 0.85, 0.60)))


def _roof(sheet: Sheet) -> None:
    """The platform's roof on iron columns, its hem sawn, a clock under it."""
    studio = sheet.studio
    lamps = studio.mood.lamps
    iron = studio.rng.choice((_IRON, (0.46, 0.34, 0.32), (0.32, 0.37, 0.46)))
    for x in (-studio.side * 2.2, -studio.side * 0.56, studio.side * 1.36, studio.side * 2.4):
        sheet.rect(x - 0.035, 0.05, x + 0.035, 1.32, iron, shadow=0.3)
        sheet.rect(x - 0.07, 0.05, x + 0.07, 0.16, iron)
        sheet.poly(((x - 0.24, 1.34), (x + 0.24, 1.34), (x, 1.10)), iron, shadow=0.2)

    def hem(x: Tensor, y: Tensor) -> Tensor:
        tooth = ((x / 0.16) % 1 - 0.5).abs() * 0.16
        return 1.30 + tooth - y

    sheet.shape((-2.7, 1.28, 2.7, 2.2), hem, Fade((0.52, 0.48, 0.46), (0.66, 0.60, 0.54)),
                shadow=0.35)  # fmt: skip
    sheet.rect(-2.8, 1.42, 2.8, 1.46, (0.46, 0.42, 0.41))
    clock = sheet.at(-studio.side * 0.98, 1.07)
    clock.rect(-0.015, 0.1, 0.015, 0.26, _IRON)
    if lamps:
        clock.glow(0.0, 0.0, 0.45, LAMP, 0.5)
    clock.disc(0.0, 0.0, 0.15, _IRON, shadow=0.2)
    clock.disc(0.0, 0.0, 0.118, Lit((1.0, 0.93, 0.72)) if lamps else (0.94, 0.92, 0.86))
    clock.line(0.0, 0.0, 0.0, 0.085, 0.014, (0.25, 0.22, 0.22))
    clock.line(0.0, 0.0, 0.055, 0.03, 0.015, (0.25, 0.22, 0.22))


def _bench(sheet: Sheet) -> None:
    sheet.rects(((-0.24, 0.0, -0.19, 0.24), (0.19, 0.0, 0.24, 0.24)), _IRON)
    sheet.rect(-0.3, 0.2, 0.3, 0.26, TIMBER, shadow=0.3, r=0.015)
    sheet.rect(-0.3, 0.34, 0.3, 0.45, TIMBER, shadow=0.3, r=0.015)
    if sheet.studio.mood.weather == "snow":
        sheet.rect(-0.3, 0.43, 0.3, 0.47, SNOW, r=0.015)


def _trunks(sheet: Sheet) -> None:
    """Luggage."""
    sheet.rect(-0.2, 0.0, 0.2, 0.24, (0.56, 0.42, 0.33), shadow=0.3, r=0.03)
    sheet.rects(((-0.12, 0.0, -0.08, 0.24), (0.08, 0.0, 0.12, 0.24)), (0.72, 0.60, 0.46))
    if sheet.studio.rng.random() < 0.6:
        sheet.rect(-0.14, 0.24, 0.15, 0.42, mix(STONE, (0.4, 0.5, 0.5), 0.5), shadow=0.3, r=0.03)
