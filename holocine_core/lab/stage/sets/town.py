"""The street and the market."""

from __future__ import annotations

from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Accent, Fade, Lit, Paint
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio
from holocine_core.lab.stage.sets.sky import (  # fmt: skip
    SNOW,
    STONE,
    TIMBER,
    ground,
    heavens,
    pane,
    puddles,
    snow_cap,
    street_lamp,
)

_WALLS: tuple[Rgb, ...] = (
    (0.80, 0.70, 0.58), (0.72, 0.64, 0.60), (0.76, 0.74, 0.64), (0.66, 0.68, 0.68),
    (0.82, 0.66, 0.56), (0.70, 0.70, 0.58),
)  # fmt: skip
_ROOFS: tuple[Rgb, ...] = ((0.56, 0.40, 0.36), (0.46, 0.44, 0.48), (0.60, 0.46, 0.38))
_CREAM: Rgb = (0.92, 0.88, 0.79)


def street(studio: Studio) -> list[Layer]:
    """A row of town houses; a clock tower or a corner shop; accent: its roof or awning."""
    layers = heavens(studio, low=1.12)
    far = studio.sheet(0.5)
    _skyline(far)
    layers.append(far.layer(0.3))
    row = studio.sheet(0.05)
    _houses(row, 0.10, 1.0)
    layers.append(row.layer(0.8))
    floor = studio.sheet()
    stand = floor.at(studio.side * 0.84, 0.08, 1.0, studio.side)
    (_clock_tower if studio.place.landmark == 0 else _shop)(stand)
    other = -studio.side
    ground(floor, (0.74, 0.70, 0.64), (0.70, 0.66, 0.60))
    kerb = studio.mood.ground((0.58, 0.56, 0.54), 0.5)
    floor.rect(-2.8, -0.62, 2.8, -0.09, Fade(studio.mood.ground((0.56, 0.55, 0.55)),
               studio.mood.ground((0.46, 0.45, 0.47))), shadow=0.2)  # fmt: skip
    floor.rect(-2.8, -0.10, 2.8, -0.06, kerb)
    if studio.mood.weather != "snow":
        _slabs(floor)
    puddles(floor)
    street_lamp(floor.at(other * studio.rng.uniform(0.86, 1.0), 0.03, 1.12))
    street_lamp(floor.at(studio.side * 1.95, 0.03, 1.12))
    _tub(floor.at(other * studio.rng.uniform(1.25, 1.45), 0.03))
    layers.append(floor.layer(1.0))
    return layers


def _skyline(sheet: Sheet) -> None:
    """Distant roofs and a spire."""
    rng, mood = sheet.studio.rng, sheet.studio.mood
    x = -2.7
    while x < 2.6:
        w, h = rng.uniform(0.3, 0.5), rng.uniform(0.95, 1.25)
        tone = mix(rng.choice(_WALLS), (0.5, 0.5, 0.6), 0.3)
        sheet.rect(x, 0.0, x + w, h, tone)
        sheet.poly(((x - 0.02, h), (x + w + 0.02, h), (x + w / 2, h + 0.2)),
                   mood.ground((0.50, 0.44, 0.48)))  # fmt: skip
        x += w
    spire = sheet.at(rng.uniform(-0.4, 0.4))
    spire.rect(-0.09, 0.0, 0.09, 1.3, (0.60, 0.58, 0.60))
    spire.poly(((-0.11, 1.3), (0.11, 1.3), (0.0, 1.62)), mood.ground((0.44, 0.42, 0.48)))


def _houses(sheet: Sheet, base: float, size: float) -> None:
    rng = sheet.studio.rng
    x = -2.75
    last: Rgb | None = None
    while x < 2.6:
        w = size * rng.choice((0.58, 0.66, 0.74))
        wall = rng.choice([c for c in _WALLS if c != last])
        _house(sheet.at(x + w / 2, base), w / 2, size * rng.uniform(1.02, 1.26), wall)
        last = wall
        x += w


def _house(sheet: Sheet, half: float, high: float, wall: Rgb) -> None:
    rng, mood = sheet.studio.rng, sheet.studio.mood
    sheet.rect(-half, 0.0, half, high, Fade(wall, mix(wall, (0.5, 0.42, 0.4), 0.18)), shadow=0.25)
    roof = mood.ground(rng.choice(_ROOFS), 0.9)
    if rng.random() < 0.6:
        sheet.poly(((-half - 0.03, high), (half + 0.03, high), (0.0, high + 0.3)), roof, shadow=0.2)
    else:
        sheet.poly(((-half - 0.03, high), (half + 0.03, high), (half - 0.1, high + 0.2),
                    (0.1 - half, high + 0.2)), roof, shadow=0.2)  # fmt: skip
    w, h = 0.15, 0.22
    lit = [mood.lamps and rng.random() < 0.6 for _ in range(3)]
    for x, on in zip((-half * 0.5, half * 0.5), lit, strict=False):
        pane(sheet, (x - w / 2, high - 0.40, x + w / 2, high - 0.40 + h), on)
    door = rng.choice(((0.46, 0.38, 0.32), (0.40, 0.45, 0.44), (0.52, 0.40, 0.34)))
    left = rng.choice((-1, 1))
    x = left * half * 0.5
    sheet.rect(x - 0.11, 0.0, x + 0.11, 0.44, _CREAM, r=0.04)
    sheet.rect(x - 0.085, 0.0, x + 0.085, 0.41, door, r=0.03)
    x = -x
    pane(sheet, (x - w / 2, 0.26, x + w / 2, 0.50), lit[2])


def _slabs(sheet: Sheet) -> None:
    seam = sheet.studio.mood.ground((0.62, 0.58, 0.53))
    for i in range(-6, 7):
        x = i * 0.42
        sheet.poly(((x - 0.010, 0.10), (x + 0.010, 0.10), (x * 1.08 + 0.012, -0.06),
                    (x * 1.08 - 0.012, -0.06)), seam)  # fmt: skip
    line = sheet.studio.mood.ground((0.66, 0.64, 0.60))
    for i in range(-5, 6):
        sheet.rect(i * 0.52 - 0.13, -0.335, i * 0.52 + 0.13, -0.30, line)


def _tub(sheet: Sheet) -> None:
    mood = sheet.studio.mood
    sheet.discs(((-0.09, 0.36, 0.12), (0.09, 0.36, 0.12), (0.0, 0.46, 0.14)),
                mood.leaf((0.42, 0.54, 0.36)), shadow=0.25, edge=0.02)  # fmt: skip
    sheet.poly(((-0.15, 0.26), (0.15, 0.26), (0.11, 0.0), (-0.11, 0.0)), (0.66, 0.48, 0.38))


def _clock_tower(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    wall = (0.80, 0.74, 0.64)
    sheet.rect(-0.31, 0.0, 0.31, 1.14, Fade(wall, mix(wall, (0.5, 0.42, 0.4), 0.2)), shadow=0.4)
    sheet.rect(-0.36, 0.62, 0.36, 0.67, _CREAM, shadow=0.2)
    sheet.rect(-0.36, 1.12, 0.36, 1.18, _CREAM, shadow=0.2)
    sheet.poly(((-0.40, 1.18), (0.40, 1.18), (0.0, 1.60)), Accent(), shadow=0.2, edge=0.025)
    sheet.rect(-0.15, 0.0, 0.15, 0.46, _CREAM, r=0.1)
    sheet.rect(-0.115, 0.0, 0.115, 0.42, Accent(), r=0.09)
    if lamps:
        sheet.glow(0.0, 0.9, 0.5, LAMP, 0.45)
    sheet.disc(0.0, 0.9, 0.20, (0.40, 0.34, 0.30), shadow=0.2)
    sheet.disc(0.0, 0.9, 0.165, Lit((1.0, 0.92, 0.70)) if lamps else (0.94, 0.92, 0.85))
    sheet.line(0.0, 0.9, 0.0, 1.02, 0.016, (0.25, 0.22, 0.22))
    sheet.line(0.0, 0.9, 0.085, 0.86, 0.018, (0.25, 0.22, 0.22))
    snow_cap(sheet, ((-0.38, 1.21), (0.0, 1.6), (0.38, 1.21)))


def _shop(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    wall = (0.72, 0.66, 0.60)
    sheet.rect(-0.52, 0.0, 0.52, 1.32, Fade(wall, mix(wall, (0.5, 0.42, 0.4), 0.2)), shadow=0.4)
    sheet.rect(-0.56, 1.28, 0.56, 1.36, _CREAM, shadow=0.2)
    for x in (-0.26, 0.26):
        pane(sheet, (x - 0.1, 0.98, x + 0.1, 1.2), lamps)
    sheet.rect(-0.47, 0.0, 0.47, 0.66, (0.46, 0.38, 0.34))
    glass: Paint = Lit(LAMP) if lamps else Fade((0.66, 0.72, 0.74), (0.50, 0.57, 0.60))
    if lamps:
        sheet.glow(-0.14, 0.34, 0.6, LAMP, 0.4)
    sheet.rect(-0.43, 0.14, 0.12, 0.62, glass)
    sheet.discs(((-0.32, 0.19, 0.06), (-0.18, 0.19, 0.06), (-0.04, 0.19, 0.06)), (0.70, 0.50, 0.36))
    sheet.rect(0.17, 0.0, 0.43, 0.62, Accent(0.8))
    sheet.rect(0.22, 0.3, 0.38, 0.55, glass)
    awning(sheet.at(0.0, 0.0), 0.56, (0.58, 0.86), Accent(), Accent(cream=0.82))
    snow_cap(sheet, ((-0.52, 0.87), (0.52, 0.87)))


def awning(
    sheet: Sheet, half: float, span: tuple[float, float], colour: Paint, between: Paint
) -> None:
    """A striped awning with a scalloped hem, ``half`` wide to either side."""
    low, high = span
    count = 2 * round(half / 0.11) + 1
    step = 2 * half / count
    flare = 0.88

    def cloth(x: Tensor, y: Tensor) -> Tensor:
        narrow = flare + (1 - flare) * ((high - y) / (high - low)).clamp(0, 1)
        hem = low + step * (0.5 - (0.25 - ((x / step + 0.5) % 1 - 0.5) ** 2).clamp_min(0).sqrt())
        return shapes.both(shapes.both(x.abs() - half * narrow, y - high), hem - y)

    def stripes(x: Tensor, y: Tensor) -> Tensor:
        narrow = flare + (1 - flare) * ((high - y) / (high - low)).clamp(0, 1)
        part = (x / narrow / step + 0.5) % 2
        return shapes.both(cloth(x, y), (0.5 - (part - 0.5).abs() - 0.0) * -step)

    bounds = (-half, low - 0.02, half, high)
    sheet.shape(bounds, cloth, between, shadow=0.4)
    sheet.shape(bounds, stripes, colour)


# --- market ------------------------------------------------------------------------------------

_CLOTHS: tuple[Rgb, ...] = (
    (0.72, 0.55, 0.48), (0.55, 0.62, 0.60), (0.74, 0.66, 0.48), (0.62, 0.56, 0.64),
)  # fmt: skip
_GOODS: tuple[Rgb, ...] = (
    (0.80, 0.48, 0.34), (0.84, 0.68, 0.36), (0.56, 0.62, 0.38), (0.66, 0.42, 0.44),
    (0.78, 0.58, 0.42),
)  # fmt: skip


def market(studio: Studio) -> list[Layer]:
    """Stalls under bunting; a great fruit stall or a carousel; accent: its awning or canopy."""
    layers = heavens(studio, low=1.12)
    row = studio.sheet(0.38)
    _houses(row, 0.12, 0.9)
    layers.append(row.layer(0.5))
    back = studio.sheet(0.05)
    _bunting(back)
    for x in (-2.15, -1.28, -0.42, 0.42, 1.28, 2.15):
        if abs(x - studio.side * 0.84) > 0.55:
            cloth = studio.rng.choice(_CLOTHS)
            _stall(back.at(x + studio.rng.uniform(-0.05, 0.05), 0.08, 0.92), 0.38, cloth, _CREAM)
    layers.append(back.layer(0.85))
    floor = studio.sheet()
    stand = floor.at(studio.side * 0.9, 0.06, 1.0, studio.side)
    if studio.place.landmark == 0:
        _stall(stand.at(0.0, 0.0, 1.18), 0.46, Accent(), Accent(cream=0.82))
    else:
        _carousel(stand)
    ground(floor, (0.78, 0.72, 0.62), (0.62, 0.55, 0.48))
    seam = studio.mood.ground((0.68, 0.61, 0.52))
    for y in (0.0, -0.14, -0.32):
        floor.rect(-2.8, y - 0.009, 2.8, y + 0.009, seam)
    puddles(floor)
    other = -studio.side
    _basket(floor.at(other * studio.rng.uniform(0.85, 1.0), 0.04))
    _basket(floor.at(other * studio.rng.uniform(1.25, 1.4), 0.04))
    layers.append(floor.layer(1.0))
    return layers


def _bunting(sheet: Sheet) -> None:
    """Flags on a sagging string."""
    rng = sheet.studio.rng
    offset = rng.random()
    for i in range(22):
        x = -2.6 + 0.25 * i
        sag = ((x / 1.3 + offset) % 1 - 0.5) ** 2 * 0.6
        y = 1.22 + sag
        tone = _CLOTHS[(i + int(offset * 7)) % 4]
        sheet.poly(((x - 0.085, y), (x + 0.085, y), (x, y - 0.16)), tone, shadow=0.15)


def _stall(sheet: Sheet, half: float, colour: Paint, between: Paint) -> None:
    """A market stall about 1 high."""
    lamps = sheet.studio.mood.lamps
    sheet.rects(((-half + 0.02, 0.0, 0.06 - half, 0.9), (half - 0.06, 0.0, half - 0.02, 0.9)),
                TIMBER, shadow=0.2)  # fmt: skip
    sheet.rect(0.05 - half, 0.3, half - 0.05, 0.78, (0.44, 0.37, 0.34))
    if lamps:
        sheet.glow(0.0, 0.64, 0.5, LAMP, 0.75)
    goods = sheet.studio.rng.sample(_GOODS, 3)
    pitch = (2 * half - 0.08) / 3
    for i, tone in enumerate(goods):
        x = -half + 0.04 + pitch * (i + 0.5)
        r = pitch * 0.27
        sheet.discs(((x - r, 0.40, r), (x + r, 0.40, r), (x, 0.40 + 1.5 * r, r)), tone, shadow=0.15)
    sheet.rect(-half, 0.0, half, 0.40, (0.62, 0.48, 0.36), shadow=0.25)
    sheet.rect(-half - 0.02, 0.34, half + 0.02, 0.41, (0.72, 0.58, 0.44))
    sheet.rect(-half + 0.06, 0.08, half - 0.06, 0.27, (0.54, 0.42, 0.32))
    awning(sheet, half + 0.08, (0.78, 1.06), colour, between)
    snow_cap(sheet, ((-half, 1.07), (half, 1.07)))


def _carousel(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    sheet.rect(-0.13, 0.1, 0.13, 0.95, (0.78, 0.70, 0.58), shadow=0.2)
    if lamps:
        sheet.glow(0.0, 0.6, 0.8, LAMP, 0.5)
    for x, tone in ((-0.40, (0.88, 0.84, 0.78)), (0.36, (0.60, 0.48, 0.40))):
        sheet.rect(x - 0.018, 0.1, x + 0.018, 0.92, (0.80, 0.68, 0.42))
        _horse(sheet.at(x, 0.38), tone)
    sheet.rect(-0.58, 0.0, 0.58, 0.13, (0.66, 0.54, 0.44), shadow=0.3, r=0.03)
    awning(sheet, 0.64, (0.84, 1.0), Accent(), Accent(cream=0.82))
    sheet.poly(((-0.58, 0.98), (0.58, 0.98), (0.0, 1.36)), Accent(), shadow=0.25, edge=0.025)
    sheet.poly(((-0.2, 0.98), (0.2, 0.98), (0.0, 1.36)), Accent(cream=0.82))
    sheet.disc(0.0, 1.39, 0.05, (0.86, 0.74, 0.44))
    snow_cap(sheet, ((-0.5, 1.04), (0.0, 1.37), (0.5, 1.04)))


def _horse(sheet: Sheet, tone: Rgb) -> None:
    def field(x: Tensor, y: Tensor) -> Tensor:
        return shapes.join(
            shapes.capsule(x, y, -0.1, 0.0, 0.08, 0.0, 0.075),
            shapes.capsule(x, y, 0.1, 0.03, 0.16, 0.17, 0.05),
            shapes.capsule(x, y, 0.16, 0.18, 0.24, 0.13, 0.035),
            shapes.capsule(x, y, -0.12, -0.04, -0.18, -0.16, 0.03),
            shapes.capsule(x, y, 0.09, -0.04, 0.16, -0.14, 0.03),
        )

    sheet.shape((-0.22, -0.2, 0.28, 0.25), field, tone, shadow=0.25)
    sheet.line(-0.07, 0.05, 0.05, 0.05, 0.03, (0.66, 0.46, 0.40))


def _basket(sheet: Sheet) -> None:
    tone = sheet.studio.rng.choice(_GOODS)
    sheet.discs(((-0.09, 0.2, 0.07), (0.07, 0.2, 0.07), (-0.01, 0.26, 0.07)), tone, shadow=0.2)
    sheet.poly(((-0.18, 0.2), (0.18, 0.2), (0.13, 0.0), (-0.13, 0.0)), (0.72, 0.58, 0.40),
               shadow=0.25)  # fmt: skip
    if sheet.studio.mood.weather == "snow":
        sheet.oval(0.0, 0.25, 0.15, 0.05, SNOW)
    sheet.rect(-0.18, 0.15, 0.18, 0.2, mix(STONE, TIMBER, 0.6))
