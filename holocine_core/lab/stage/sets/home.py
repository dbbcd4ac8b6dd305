"""The kitchen and the bedroom."""

from __future__ import annotations

from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Accent, Fade, Lit
from holocine_core.lab.stage.sets.room import (  # fmt: skip
    Window,
    boards,
    curtains,
    frame,
    hanging_lamp,
    outlook,
    table_lamp,
    tiles,
    wall,
)
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio

_WOOD: Rgb = (0.62, 0.47, 0.34)
_DARK_WOOD: Rgb = (0.45, 0.33, 0.26)
_LINEN: Rgb = (0.90, 0.86, 0.78)
_BLANKETS: tuple[Rgb, ...] = ((0.66, 0.68, 0.70), (0.72, 0.64, 0.58), (0.64, 0.68, 0.60))
_COPPER: Rgb = (0.76, 0.50, 0.34)
_IRON: Rgb = (0.33, 0.34, 0.38)


def kitchen(studio: Studio) -> list[Layer]:
    """Tiles, a sink's counter, pots; a stove or a dresser; accent: the window's curtains."""
    other = -studio.side
    window = Window(x=other * (0.44 + studio.rng.uniform(-0.05, 0.05)), low=0.66, half=0.36)
    back = studio.sheet()
    tint = studio.rng.choice(((0.90, 0.82, 0.66), (0.82, 0.84, 0.74), (0.88, 0.79, 0.70)))
    wall(back, window, Fade(tint, mix(tint, (0.6, 0.5, 0.4), 0.2)))
    _wall_tiles(back, window)
    frame(back, window)
    curtains(back, window, Accent(), Accent(0.8))
    _shelf(back.at(other * 1.26, 0.92))
    _shelf(back.at(studio.side * 2.0, 0.9))
    floor = studio.sheet()
    counter = floor.at(other * 1.3)
    counter.rect(-0.62, 0.08, 0.62, 0.44, (0.66, 0.68, 0.60), shadow=0.3)
    counter.rect(-0.66, 0.42, 0.66, 0.49, _WOOD, shadow=0.25)
    for x in (-0.42, 0.0, 0.42):
        counter.rect(x - 0.17, 0.13, x + 0.17, 0.38, (0.74, 0.75, 0.66))
        counter.disc(x, 0.32, 0.022, _COPPER)
    _bowl(counter.at(studio.rng.uniform(-0.4, 0.4), 0.49))
    stand = floor.at(studio.side * 0.88, 0.08, 1.0, studio.side)
    (_stove if studio.place.landmark == 0 else _dresser)(stand)
    tiles(floor, (0.86, 0.80, 0.70), (0.66, 0.56, 0.48))
    hanging_lamp(floor, studio.side * 0.14, 1.30, (0.80, 0.66, 0.46))
    return [outlook(studio, window), back.layer(0.85), floor.layer(1.0)]


def _wall_tiles(sheet: Sheet, window: Window) -> None:
    pale = (0.80, 0.84, 0.82)
    top = window.low - 0.08
    sheet.rect(-2.8, 0.0, 2.8, top, pale)
    seam = (0.70, 0.75, 0.74)
    for i in range(-15, 16):
        sheet.rect(i * 0.18 - 0.008, 0.0, i * 0.18 + 0.008, top, seam)
    for y in (0.22, 0.40, top - 0.0):
        sheet.rect(-2.8, y - 0.009, 2.8, y + 0.009, seam)


def _shelf(sheet: Sheet) -> None:
    """A board with jars."""
    tones = ((0.72, 0.52, 0.42), (0.56, 0.62, 0.60), (0.78, 0.68, 0.46), (0.86, 0.82, 0.74))
    for x in (-0.26, -0.09, 0.08, 0.25):
        w, h = sheet.studio.rng.uniform(0.05, 0.07), sheet.studio.rng.uniform(0.13, 0.2)
        sheet.rect(x - w, 0.0, x + w, h, sheet.studio.rng.choice(tones), shadow=0.25, r=0.025)
    sheet.rect(-0.38, -0.05, 0.38, 0.0, _WOOD, shadow=0.35)


def _bowl(sheet: Sheet) -> None:
    sheet.discs(((-0.06, 0.12, 0.055), (0.06, 0.12, 0.055), (0.0, 0.16, 0.055)),
                (0.82, 0.56, 0.36), shadow=0.2)  # fmt: skip
    sheet.poly(((-0.16, 0.12), (0.16, 0.12), (0.08, 0.0), (-0.08, 0.0)), _LINEN, shadow=0.25)


def _stove(sheet: Sheet) -> None:
    lamps = sheet.studio.mood.lamps
    sheet.rect(-0.08, 1.3, 0.08, 2.2, _IRON, shadow=0.3)
    sheet.poly(((-0.44, 1.06), (0.44, 1.06), (0.14, 1.34), (-0.14, 1.34)), _COPPER, shadow=0.35)
    sheet.rect(-0.46, 1.02, 0.46, 1.09, mix(_COPPER, (1, 0.9, 0.7), 0.3))
    for x, r in ((-0.26, 0.085), (0.0, 0.07), (0.25, 0.09)):
        sheet.rect(x - 0.014, 0.84, x + 0.014, 1.02, _IRON)
        sheet.disc(x, 0.80, r, mix(_COPPER, (0.5, 0.25, 0.15), 0.25), shadow=0.25)
    sheet.rect(-0.46, 0.0, 0.46, 0.50, _IRON, shadow=0.35, r=0.02)
    sheet.rect(-0.50, 0.48, 0.50, 0.55, (0.50, 0.51, 0.54), shadow=0.25)
    glow = 0.6 if lamps else 0.3
    sheet.glow(-0.18, 0.22, 0.42, (1.0, 0.60, 0.28), glow)
    sheet.rect(-0.38, 0.10, 0.02, 0.38, (0.50, 0.51, 0.54), r=0.03)
    sheet.rect(-0.33, 0.15, -0.03, 0.33, Lit((0.97, 0.56, 0.22)), r=0.02)
    sheet.rect(0.12, 0.10, 0.38, 0.38, (0.42, 0.43, 0.47), r=0.03)
    sheet.disc(0.25, 0.24, 0.04, (0.72, 0.66, 0.56))
    sheet.rect(0.06, 0.55, 0.34, 0.72, (0.58, 0.60, 0.62), shadow=0.25, r=0.03)
    sheet.rect(0.04, 0.70, 0.36, 0.74, (0.70, 0.71, 0.72))


def _dresser(sheet: Sheet) -> None:
    rng = sheet.studio.rng
    wood = (0.50, 0.58, 0.56)
    inner = (0.36, 0.42, 0.42)
    sheet.rect(-0.48, 0.0, 0.48, 1.34, wood, shadow=0.35)
    sheet.rect(-0.54, 1.32, 0.54, 1.40, wood, shadow=0.3, r=0.02)
    sheet.rect(-0.42, 0.58, 0.42, 1.28, inner)
    tones = ((0.92, 0.90, 0.84), (0.70, 0.78, 0.82), (0.90, 0.80, 0.64))
    for y in (0.60, 0.95):
        for x in (-0.26, 0.0, 0.26):
            tone = rng.choice(tones)
            sheet.disc(x, y + 0.14, 0.115, tone, shadow=0.25)
            sheet.disc(x, y + 0.14, 0.065, mix(tone, (0.4, 0.5, 0.6), 0.25))
        sheet.rect(-0.44, y - 0.03, 0.44, y + 0.03, wood, shadow=0.25)
    sheet.rect(-0.54, 0.50, 0.54, 0.57, mix(wood, (1, 1, 1), 0.15), shadow=0.3)
    for x in (-0.23, 0.23):
        sheet.rect(x - 0.19, 0.06, x + 0.19, 0.44, mix(wood, (1, 1, 1), 0.12), shadow=0.15)
        sheet.disc(x * 0.35, 0.26, 0.028, _COPPER)


# --- bedroom -----------------------------------------------------------------------------------


def bedroom(studio: Studio) -> list[Layer]:
    """A bed, a night table; a four-poster or a wardrobe; accent: the canopy or the doors."""
    other, rng = -studio.side, studio.rng
    four_poster = studio.place.landmark == 0
    window = Window(x=other * 0.40, low=0.64, half=0.34)
    back = studio.sheet()
    paper = rng.choice(((0.74, 0.72, 0.80), (0.80, 0.70, 0.66), (0.68, 0.76, 0.72)))
    wall(back, window, Fade(paper, mix(paper, (0.5, 0.4, 0.45), 0.15)))
    _wallpaper(back, window, mix(paper, (1.0, 0.97, 0.92), 0.28))
    back.rect(-2.8, 0.0, 2.8, 0.24, _LINEN, shadow=0.2)
    frame(back, window)
    curtains(back, window, _LINEN, (0.80, 0.75, 0.67))
    _picture(back.at(other * 1.25, 1.1))
    _picture(back.at(studio.side * 1.85, 1.1))
    floor = studio.sheet()
    stand = floor.at(studio.side * 0.88, 0.06, 1.0, studio.side)
    if four_poster:
        _four_poster(stand)
    else:
        _wardrobe(stand)
        _small_bed(floor.at(other * 0.94, 0.04, 1.12, other))
    boards(floor, (0.70, 0.55, 0.42), (0.55, 0.42, 0.33))
    rug = rng.choice(((0.62, 0.52, 0.50), (0.50, 0.56, 0.58), (0.66, 0.60, 0.48)))
    floor.oval(0.0, -0.14, 0.85, 0.12, rug, shadow=0.2)
    floor.oval(0.0, -0.14, 0.62, 0.08, mix(rug, (1, 1, 1), 0.25))
    table = floor.at(other * 0.92 if four_poster else studio.side * 0.20, 0.06)
    table.rect(-0.17, 0.0, 0.17, 0.36, _WOOD, shadow=0.3)
    table.rect(-0.20, 0.34, 0.20, 0.40, mix(_WOOD, (1, 1, 1), 0.15), shadow=0.2)
    table.disc(0.0, 0.18, 0.025, _LINEN)
    table_lamp(table.at(0.0, 0.40), (0.84, 0.74, 0.56))
    return [outlook(studio, window), back.layer(0.85), floor.layer(1.0)]


def _wallpaper(sheet: Sheet, window: Window, stripe: Rgb) -> None:
    for i in range(-9, 10):
        x = i * 0.29 + 0.1
        left, right = x - 0.065, x + 0.065
        if right < window.x - window.half or left > window.x + window.half:
            sheet.rect(left, 0.0, right, 2.2, stripe)


def _picture(sheet: Sheet) -> None:
    """A framed landscape."""
    rng = sheet.studio.rng
    w, h = rng.uniform(0.15, 0.2), rng.uniform(0.12, 0.17)
    sheet.rect(-w - 0.04, -h - 0.04, w + 0.04, h + 0.04, _DARK_WOOD, shadow=0.35)
    sheet.rect(-w, -h, w, h, (0.78, 0.80, 0.76))
    sheet.poly(((-w, -h), (w, -h), (w, -0.2 * h), (0.2 * w, 0.3 * h), (-0.5 * w, -0.3 * h)),
               (0.55, 0.60, 0.52))  # fmt: skip
    sheet.disc(-0.45 * w, 0.45 * h, 0.04, (0.88, 0.74, 0.50))


def _four_poster(sheet: Sheet) -> None:
    for x in (-0.56, 0.56):
        sheet.rect(x - 0.035, 0.0, x + 0.035, 1.34, _DARK_WOOD, shadow=0.3)
    sheet.poly(((-0.56, 0.3), (-0.4, 0.3), (-0.46, 0.85), (-0.38, 1.3), (-0.56, 1.3)), Accent(0.85),
               shadow=0.3)  # fmt: skip
    sheet.poly(((0.56, 0.3), (0.4, 0.3), (0.46, 0.85), (0.38, 1.3), (0.56, 1.3)), Accent(0.85),
               shadow=0.3)  # fmt: skip
    sheet.rect(-0.5, 0.4, 0.5, 0.82, _WOOD, shadow=0.3, r=0.12)
    for x in (-0.22, 0.22):
        sheet.rect(x - 0.19, 0.44, x + 0.19, 0.66, (0.94, 0.92, 0.87), shadow=0.25, r=0.08)
    sheet.rect(-0.56, 0.08, 0.56, 0.47, Accent(), shadow=0.3, r=0.05)
    sheet.rect(-0.56, 0.40, 0.56, 0.49, (0.94, 0.92, 0.87), r=0.03)
    sheet.rect(-0.60, 0.06, 0.60, 0.14, _DARK_WOOD, shadow=0.2, r=0.02)
    for x in (-0.56, 0.56):
        sheet.rect(x - 0.04, 0.0, x + 0.04, 0.14, _DARK_WOOD)
    canopy = [(-0.62, 1.40)]
    canopy += [(-0.62 + 0.155 * i, 1.16 + 0.05 * (i % 2)) for i in range(9)]
    sheet.poly((*canopy, (0.62, 1.40)), Accent(), shadow=0.35, edge=0.025)


def _small_bed(sheet: Sheet) -> None:
    """A bed seen from its side, its head outwards (local +x)."""
    sheet.rect(0.38, 0.0, 0.46, 0.66, _DARK_WOOD, shadow=0.3, r=0.03)
    sheet.rect(-0.46, 0.0, -0.39, 0.42, _DARK_WOOD, shadow=0.3, r=0.03)
    sheet.rect(-0.42, 0.10, 0.42, 0.20, _WOOD)
    sheet.rect(-0.42, 0.18, 0.40, 0.34, sheet.studio.rng.choice(_BLANKETS),
               shadow=0.25, r=0.05)  # fmt: skip
    sheet.rect(0.14, 0.28, 0.39, 0.42, (0.94, 0.92, 0.87), shadow=0.25, r=0.06)


def _wardrobe(sheet: Sheet) -> None:
    sheet.rect(-0.48, 0.04, 0.48, 1.26, _WOOD, shadow=0.4)
    sheet.poly(((-0.54, 1.24), (0.54, 1.24), (0.54, 1.32), (0.0, 1.44), (-0.54, 1.32)), _DARK_WOOD,
               shadow=0.3)  # fmt: skip
    for x in (-0.225, 0.225):
        sheet.rect(x - 0.195, 0.30, x + 0.195, 1.19, Accent(), shadow=0.2, edge=0.022)
        sheet.rect(x - 0.13, 0.78, x + 0.13, 1.11, Accent(0.82), r=0.04)
        sheet.rect(x - 0.13, 0.38, x + 0.13, 0.70, Accent(0.82), r=0.04)
        sheet.disc(x * 0.28, 0.74, 0.028, (0.90, 0.78, 0.48))
    sheet.rect(-0.42, 0.09, 0.42, 0.25, mix(_WOOD, (1, 1, 1), 0.12), shadow=0.15)
    for x in (-0.4, 0.4):
        sheet.rect(x - 0.06, 0.0, x + 0.06, 0.06, _DARK_WOOD)
    if sheet.studio.mood.lamps:
        sheet.glow(-0.5, 0.6, 0.5, LAMP, 0.15)
