"""The forest and the mountains."""

from __future__ import annotations

from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Accent, Fade, Lit
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio
from holocine_core.lab.stage.sets.sky import (
    BARK,
    SNOW,
    STONE,
    TIMBER,
    conifer,
    curtain,
    ground,
    heavens,
    hills,
    puddles,
    scallops,
    snow_cap,
)  # fmt: skip

_LEAVES: tuple[Rgb, ...] = ((0.33, 0.47, 0.33), (0.46, 0.49, 0.29), (0.28, 0.45, 0.42))
_MOSS: Rgb = (0.46, 0.55, 0.36)
_FIR: Rgb = (0.27, 0.41, 0.36)


def forest(studio: Studio) -> list[Layer]:
    """Tall trunks; a hollow tree with a door or a tent; accent: the door or the tent."""
    layers = heavens(studio, low=0.85)[:1]
    leaf = studio.rng.choice(_LEAVES)
    layers.append(_woods(studio, (0.62, 0.25, 9, 0.10), mix(leaf, (0.8, 0.85, 0.75), 0.45)))
    layers.append(_woods(studio, (0.28, 0.6, 7, 0.15), mix(leaf, (0.7, 0.8, 0.6), 0.2)))
    floor = studio.sheet()
    for x in (-2.2, -1.45, 1.5, 2.25):
        _trunk(floor, x + studio.rng.uniform(-0.12, 0.12), studio.rng.uniform(0.13, 0.18))
    other = -studio.side
    _trunk(floor, other * studio.rng.uniform(0.82, 1.05), studio.rng.uniform(0.12, 0.16))
    _bushes(floor, leaf)
    stand = floor.at(studio.side * 0.84, 0.08, 1.0, studio.side)
    (_hollow_tree if studio.place.landmark == 0 else _tent)(stand)
    ground(floor, _MOSS, mix(_MOSS, (0.25, 0.30, 0.2), 0.4))
    if studio.mood.weather != "snow":
        floor.oval(0.0, -0.12, 1.15, 0.10, studio.mood.ground((0.58, 0.58, 0.42)))
    puddles(floor)
    _toadstools(floor)
    layers.append(floor.layer(1.0))
    layers.append(_ferns(studio))
    return layers


def _woods(studio: Studio, look: tuple[float, float, int, float], green: Rgb) -> Layer:
    """A wall of trees; ``look`` is its haze, depth, number of trunks and their width."""
    haze, depth, count, width = look
    sheet = studio.sheet(haze)
    mood = studio.mood
    bark = mix(BARK, green, 0.35)
    for i in range(count):
        x = -2.3 + 4.6 * (i + studio.rng.uniform(0.15, 0.85)) / count
        w = width * studio.rng.uniform(0.75, 1.25) / 2
        sheet.poly(((x - w, 0.0), (x + w, 0.0), (x + 0.7 * w, 2.1), (x - 0.7 * w, 2.1)), bark,
                   shadow=0.2)  # fmt: skip
    leaf = mood.leaf(green)
    canopy = 1.34 if depth > 0.5 else 1.12
    crown = curtain(scallops(studio.rng.random(), 0.5, -0.14, canopy))
    sheet.shape((-2.7, canopy - 0.14, 2.7, 2.2), crown, Fade(green, leaf), shadow=0.25)
    base = 0.22 if depth > 0.5 else 0.40
    bush = scallops(studio.rng.random(), 0.56, 0.13, base)
    sheet.ridge(bush, base + 0.13, Fade(leaf, green), shadow=0.2, edge=0.02)
    return sheet.layer(depth)


def _trunk(sheet: Sheet, x: float, width: float) -> None:
    w = width / 2
    sheet.poly(
        ((x - 1.7 * w, 0.05), (x + 1.7 * w, 0.05), (x + w, 0.3), (x + 0.8 * w, 2.2),
         (x - 0.8 * w, 2.2), (x - w, 0.3)), BARK, shadow=0.3,
    )  # fmt: skip
    sheet.rect(x - 0.75 * w, 0.3, x - 0.3 * w, 2.2, mix(BARK, (1, 1, 1), 0.13))
    y = sheet.studio.rng.uniform(0.6, 1.1)
    sheet.oval(x + 0.2 * w, y, 0.035, 0.055, mix(BARK, (0, 0, 0), 0.35))
    if sheet.studio.mood.weather == "snow":
        sheet.rect(x - w, 0.3, x - 0.55 * w, 2.2, SNOW)


def _bushes(sheet: Sheet, leaf: Rgb) -> None:
    studio = sheet.studio
    for x in (-1.75, -0.45, 0.35, 1.8):
        x += studio.rng.uniform(-0.15, 0.15)
        size = studio.rng.uniform(0.8, 1.15)
        green = mix(leaf, (0.5, 0.6, 0.3), studio.rng.uniform(0.0, 0.4))
        lobes = [(x - 0.16 * size, 0.1, 0.12 * size), (x, 0.16, 0.15 * size),
                 (x + 0.17 * size, 0.1, 0.12 * size)]  # fmt: skip
        sheet.discs(lobes, studio.mood.leaf(green), shadow=0.22, edge=0.02)


def _hollow_tree(sheet: Sheet) -> None:
    sheet.poly(
        ((-0.52, 0.0), (0.52, 0.0), (0.36, 0.25), (0.30, 0.8), (0.36, 2.1), (-0.36, 2.1),
         (-0.30, 0.8), (-0.36, 0.25)), Fade(BARK, mix(BARK, (1, 1, 1), 0.1)), shadow=0.35, r=0.02,
    )  # fmt: skip
    sheet.line(0.3, 1.0, 0.62, 1.36, 0.07, BARK, shadow=0.2)
    lobes = [(0.66, 1.42, 0.17), (0.84, 1.36, 0.13), (0.5, 1.5, 0.15)]
    sheet.discs(lobes, sheet.studio.mood.leaf(_LEAVES[0]), shadow=0.25, edge=0.02)
    dark = mix(BARK, (0, 0, 0), 0.4)
    sheet.rect(-0.19, -0.02, 0.19, 0.56, dark, r=0.17)
    sheet.rect(-0.155, -0.02, 0.155, 0.52, Accent(), r=0.14)
    sheet.disc(0.09, 0.24, 0.026, (0.92, 0.80, 0.45))
    lamps = sheet.studio.mood.lamps
    if lamps:
        sheet.glow(0.0, 0.85, 0.4, LAMP, 0.5)
    sheet.disc(0.0, 0.85, 0.145, dark)
    sheet.disc(0.0, 0.85, 0.11, Lit(LAMP) if lamps else (0.62, 0.68, 0.66))
    sheet.rect(-0.015, 0.75, 0.015, 0.95, dark)


def _tent(sheet: Sheet) -> None:
    lamps, snowy = sheet.studio.mood.lamps, sheet.studio.mood.weather == "snow"
    sheet.line(-0.06, 0.9, 0.0, 0.8, 0.02, TIMBER)
    sheet.line(0.06, 0.9, 0.0, 0.8, 0.02, TIMBER)
    sheet.poly(((-0.6, 0.0), (0.6, 0.0), (0.0, 0.84)), Accent(), shadow=0.35, edge=0.025)
    sheet.poly(((-0.3, 0.0), (0.3, 0.0), (0.0, 0.66)), Accent(0.72))
    inside = Lit((1.0, 0.80, 0.46)) if lamps else (0.22, 0.19, 0.20)
    sheet.poly(((-0.17, 0.0), (0.17, 0.0), (0.0, 0.54)), inside)
    if snowy:
        snow_cap(sheet, ((-0.34, 0.38), (0.0, 0.84), (0.34, 0.38)))
    fire = sheet.at(-0.75, 0.0, 1.0)
    if lamps:
        fire.glow(0.0, 0.12, 0.6, (1.0, 0.62, 0.25), 0.6)
        fire.poly(((-0.09, 0.03), (0.09, 0.03), (0.02, 0.3)), Lit((0.98, 0.55, 0.18)))
        fire.poly(((-0.045, 0.03), (0.05, 0.03), (0.0, 0.17)), Lit((1.0, 0.88, 0.45)))
    fire.line(-0.13, 0.02, 0.13, 0.07, 0.03, (0.38, 0.28, 0.22))
    fire.line(-0.13, 0.07, 0.13, 0.02, 0.03, (0.46, 0.34, 0.26))


def _toadstools(sheet: Sheet) -> None:
    studio = sheet.studio
    for _ in range(3):
        x, y = studio.rng.uniform(0.5, 1.4) * studio.rng.choice((-1, 1)), 0.03
        sheet.rect(x - 0.018, y, x + 0.018, y + 0.06, (0.90, 0.86, 0.78))
        cap = (0.72, 0.42, 0.34)
        sheet.oval(x, y + 0.07, 0.055, 0.03, studio.mood.ground(cap, 0.7))


def _ferns(studio: Studio) -> Layer:
    sheet = studio.sheet()
    green = studio.mood.leaf((0.20, 0.31, 0.24))
    for side in (-1, 1):
        for reach, rise in ((0.05, 0.5), (-0.16, 0.36), (0.28, 0.42)):
            x = side * (1.32 + reach + studio.rng.uniform(-0.06, 0.06))
            sheet.poly(
                ((x - 0.07, -0.3), (x + 0.07, -0.3), (x + side * 0.06, rise - 0.16)), green,
                shadow=0.2, r=0.02,
            )  # fmt: skip
    return sheet.layer(1.3)


# --- mountains ---------------------------------------------------------------------------------


def mountains(studio: Studio) -> list[Layer]:
    """Snowy peaks; a log cabin or a stone tower; accent: the roof or the banner."""
    layers = heavens(studio, low=0.92)
    far = studio.sheet(0.34)
    for x, high in ((-2.2, 1.2), (2.1, 1.25), (-0.15, 1.15), (1.05, 1.38), (-1.15, 1.42)):
        _peak(far.at(x + studio.rng.uniform(-0.15, 0.15), 0.0, 1.0, studio.rng.choice((-1, 1))),
              high * studio.rng.uniform(0.93, 1.05))  # fmt: skip
    layers.append(far.layer(0.2))
    slope = studio.sheet(0.2)
    snowy = studio.mood.weather == "snow"
    line = hills(studio, 0.46, 0.06, 2.6)
    for _ in range(9):
        x = studio.rng.uniform(-2.4, 2.4)
        conifer(slope.at(x, 0.36, studio.rng.uniform(0.34, 0.5)), _FIR, snowy)
    slope.ridge(line, 0.6, Fade(studio.mood.ground((0.52, 0.60, 0.50)), (0.44, 0.54, 0.46)),
                edge=0.025, shadow=0.25)  # fmt: skip
    layers.append(slope.layer(0.5))
    floor = studio.sheet()
    other = -studio.side
    for x, size in (
        (other * studio.rng.uniform(0.9, 1.05), 1.3), (other * 1.4, 1.05),
        (studio.side * 1.65, 1.4), (other * 2.0, 1.5), (studio.side * 2.2, 1.1),
    ):  # fmt: skip
        conifer(floor.at(x, 0.04, size * studio.rng.uniform(0.88, 1.08)), _FIR, snowy)
    stand = floor.at(studio.side * 0.84, 0.08, 1.0, studio.side)
    (_cabin if studio.place.landmark == 0 else _tower)(stand)
    ground(floor, (0.60, 0.64, 0.47), (0.46, 0.51, 0.38))
    puddles(floor)
    for _ in range(5):
        _rock(floor)
    layers.append(floor.layer(1.0))
    return layers


def _rock(sheet: Sheet) -> None:
    rng = sheet.studio.rng
    cx, cy, r = rng.uniform(-2.2, 2.2), rng.choice((0.04, -0.2, -0.3)), rng.uniform(0.06, 0.13)

    def field(x: Tensor, y: Tensor) -> Tensor:
        return shapes.both(shapes.ellipse(x, y, cx, cy, r, 0.8 * r), cy - y)

    top = sheet.studio.mood.ground(STONE)
    sheet.shape((cx - r, cy, cx + r, cy + 0.8 * r), field, Fade(top, STONE), shadow=0.25)


def _peak(sheet: Sheet, high: float) -> None:
    wide = 0.78 * high
    rock = sheet.studio.mood.ground((0.50, 0.54, 0.64), 0.25)
    sheet.poly(((-wide, 0.0), (wide, 0.0), (0.05, high)), Fade(rock, mix(rock, (1, 1, 1), 0.2)),
               shadow=0.2)  # fmt: skip
    shade = mix(rock, (0.2, 0.2, 0.35), 0.25)
    sheet.poly(((0.05, high), (wide, 0.0), (0.2 * wide, 0.0), (0.12, 0.55 * high)), shade)
    cap, left, right = 0.64 * high, -wide * 0.34, wide * 0.36
    sheet.poly(
        ((left, cap), (left * 0.45, cap + 0.07), (0.0, cap - 0.05), (right * 0.45, cap + 0.05),
         (right, cap + 0.01), (0.05, high)), SNOW,
    )  # fmt: skip


def _cabin(sheet: Sheet) -> None:
    mood = sheet.studio.mood
    sheet.rect(0.24, 0.75, 0.36, 1.14, STONE, shadow=0.2)
    sheet.rect(-0.44, 0.0, 0.44, 0.56, (0.55, 0.40, 0.29), shadow=0.3)
    for y in (0.09, 0.23, 0.37, 0.51):
        sheet.rect(-0.46, y, 0.46, y + 0.06, (0.63, 0.48, 0.35))
    sheet.rect(-0.30, 0.0, -0.08, 0.40, (0.36, 0.26, 0.21))
    window = (0.08, 0.20, 0.32, 0.42)
    if mood.lamps:
        sheet.glow(0.2, 0.31, 0.42, LAMP, 0.45)
    sheet.rect(0.05, 0.17, 0.35, 0.45, (0.88, 0.84, 0.76))
    sheet.rect(*window, Lit(LAMP) if mood.lamps else (0.50, 0.57, 0.62))
    sheet.poly(((-0.66, 0.48), (0.66, 0.48), (0.0, 1.04)), Accent(), shadow=0.35, edge=0.025)
    sheet.disc(0.0, 0.68, 0.08, (0.88, 0.84, 0.76))
    sheet.disc(0.0, 0.68, 0.055, Lit(LAMP) if mood.lamps else (0.50, 0.57, 0.62))
    snow_cap(sheet, ((-0.62, 0.52), (0.0, 1.05), (0.62, 0.52)))


def _tower(sheet: Sheet) -> None:
    mood = sheet.studio.mood
    sheet.rect(-0.015, 1.1, 0.015, 1.46, TIMBER)
    sheet.poly(((0.015, 1.29), (0.015, 1.45), (0.25, 1.37)), Accent(), shadow=0.2)
    sheet.poly(((-0.34, 0.0), (0.34, 0.0), (0.27, 0.35), (0.27, 1.0), (-0.27, 1.0), (-0.27, 0.35)),
               Fade((0.70, 0.67, 0.62), (0.58, 0.55, 0.52)), shadow=0.35)  # fmt: skip
    sheet.rect(-0.33, 0.98, 0.33, 1.12, (0.66, 0.63, 0.58), shadow=0.25)
    for x in (-0.33, -0.145, 0.04, 0.225):
        sheet.rect(x, 1.1, x + 0.105, 1.22, (0.66, 0.63, 0.58))
        if mood.weather == "snow":
            sheet.rect(x - 0.01, 1.19, x + 0.115, 1.24, SNOW, r=0.015)
    sheet.rect(-0.10, 0.0, 0.10, 0.28, (0.30, 0.26, 0.26), r=0.08)
    for x in (-0.2, 0.2):
        sheet.rect(x - 0.03, 0.74, x + 0.03, 0.9, Lit(LAMP) if mood.lamps else (0.32, 0.31, 0.34))
    sheet.poly(((-0.13, 0.95), (0.13, 0.95), (0.13, 0.44), (0.0, 0.35), (-0.13, 0.44)), Accent(),
               shadow=0.3, edge=0.022)  # fmt: skip
