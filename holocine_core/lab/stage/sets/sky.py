"""Sky, clouds and what several exteriors share: hills, trees, lamps, puddles."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from holocine_core.lab.stage import shapes
from holocine_core.lab.stage.sets.mood import Rgb, mix
from holocine_core.lab.stage.sets.paints import LAMP, Fade, Lit, Paint
from holocine_core.lab.stage.sets.sheet import Layer, Sheet, Studio

_SUNS: dict[str, tuple[float, Rgb]] = {
    "dawn": (0.19, (1.0, 0.95, 0.74)),
    "day": (0.15, (1.0, 0.96, 0.72)),
    "dusk": (0.23, (0.98, 0.42, 0.24)),
    "night": (0.15, (0.95, 0.94, 0.84)),
}
BARK: Rgb = (0.44, 0.34, 0.27)
TIMBER: Rgb = (0.58, 0.45, 0.33)
STONE: Rgb = (0.68, 0.65, 0.60)
SNOW: Rgb = (0.95, 0.96, 0.98)


def heavens(studio: Studio, low: float = 0.72) -> list[Layer]:
    """Sky with sun or moon, and clouds; ``low`` is the height of the rising or setting sun."""
    sky = studio.sheet()
    backdrop(sky)
    weather = studio.mood.weather
    if weather in ("clear", "fog"):
        _sun(sky, low)
    if weather == "clear" and studio.mood.time == "night":
        stars = [
            (studio.rng.uniform(-2.2, 2.2), studio.rng.uniform(0.8, 1.75), 0.016) for _ in range(18)
        ]
        for star in stars:
            sky.disc(*star, Lit((0.86, 0.88, 0.95)))
    clouds = studio.sheet()
    if weather == "clear":
        _white_clouds(clouds)
    elif weather != "fog":
        _overcast(clouds)
    if weather in ("clear", "fog") and not studio.mood.lamps:
        _birds(sky)
    layers = [sky.layer(0.0)]
    if weather != "fog":
        layers.append(clouds.layer(0.1, drift=0.02))
    return layers


def backdrop(sheet: Sheet, horizon: float = 0.35, zenith: float = 1.6) -> None:
    """The sky's gradient over the whole sheet."""
    y = sheet.rows.view(1, 1, -1, 1)
    top, middle, low = (
        torch.tensor(c, device=y.device).view(3, 1, 1, 1) for c in sheet.studio.mood.sky
    )
    up = ((y - horizon) / (zenith - horizon)).clamp(0, 1) * 2
    colour = low + (middle - low) * up.clamp(max=1) + (top - middle) * (up - 1).clamp(min=0)
    sheet.rgba[:3] = colour
    sheet.rgba[3] = 1


def _sun(sky: Sheet, low: float) -> None:
    mood, sun = sky.studio.mood, sky.studio.sun
    radius, colour = _SUNS[mood.time]
    x, y = sun, 1.26 if mood.time in ("day", "night") else low
    veil = 0.55 if mood.weather == "fog" else 0.0
    halo = 0.35 if mood.time == "night" else 0.75
    sky.glow(x, y, radius * 4.2, mix(colour, mood.haze, 0.3), halo * (1 - veil))
    disc = Lit(mix(colour, mood.haze, veil))
    if mood.time == "night":
        crescent(sky.at(x, y, radius, 1 if sun > 0 else -1), disc)
    else:
        sky.disc(x, y, radius, disc)


def crescent(sheet: Sheet, paint: Paint) -> None:
    """A crescent moon of radius 1."""

    def field(x: Tensor, y: Tensor) -> Tensor:
        return shapes.cut(shapes.circle(x, y, 0, 0, 1), shapes.circle(x, y, -0.48, 0.24, 0.88))

    sheet.shape((-1, -1, 1, 1), field, paint)


def _birds(sky: Sheet) -> None:
    """A bird or two, far away."""
    mood, rng = sky.studio.mood, sky.studio.rng
    tone = Lit(mix((0.38, 0.42, 0.48), mood.haze, 0.35))
    for i in range(rng.randrange(4)):
        x = sky.studio.sun * (0.2 - 0.55 * i + rng.uniform(-0.1, 0.1))
        y = rng.uniform(0.98, 1.22)
        sky.line(x - 0.085, y + 0.04, x, y, 0.014, tone)
        sky.line(x, y, x + 0.085, y + 0.04, 0.014, tone)


def _white_clouds(sheet: Sheet) -> None:
    mood, rng = sheet.studio.mood, sheet.studio.rng
    pale = {
        "dawn": ((1.0, 0.93, 0.88), (0.96, 0.80, 0.78)),
        "day": ((0.98, 0.99, 0.99), (0.84, 0.91, 0.95)),
        "dusk": ((0.88, 0.50, 0.46), (0.60, 0.33, 0.45)),
        "night": ((0.22, 0.28, 0.46), (0.15, 0.20, 0.36)),
    }[mood.time]
    sun = sheet.studio.sun
    for i, x in enumerate((-2.1, -0.95, 0.25, 1.3, 2.3)):
        # Where the sun is, the sky stays free.
        height = 1.2 + 0.2 * rng.random() + 0.1 * (i % 2)
        if abs(x - sun) < 0.45:
            height += 0.35
        _cloud(sheet.at(x + rng.uniform(-0.2, 0.2), height, rng.uniform(0.75, 1.15)), pale)


def _cloud(sheet: Sheet, pale: tuple[Rgb, Rgb]) -> None:
    lobes = ((-0.2, 0.02, 0.09), (-0.05, 0.07, 0.13), (0.13, 0.03, 0.11), (0.26, 0.0, 0.06))

    def field(x: Tensor, y: Tensor) -> Tensor:
        return torch.maximum(
            shapes.join(*(shapes.circle(x, y, *lobe) for lobe in lobes)), -0.03 - y
        )

    bounds = (-0.3, -0.03, 0.33, 0.21)
    mood = sheet.studio.mood
    sheet.shape(bounds, field, Lit(mix(pale[1], mood.haze, 0.1)))
    sheet.at(0.015, 0.035, 0.84).shape(bounds, field, Lit(pale[0]))


def _overcast(sheet: Sheet) -> None:
    """Two banks of heavy cloud that hang down in scallops."""
    mood, rng = sheet.studio.mood, sheet.studio.rng
    light = 0.10 if mood.weather == "snow" else 0.0
    far = mix(mood.sky[1], (1.0, 1.0, 1.0), 0.07 + light)
    near = mix(mood.sky[0], (0.0, 0.0, 0.0), 0.16 - light)
    for base, deep, width, colour in ((1.16, 0.10, 0.62, far), (1.34, 0.13, 0.78, near)):
        hang = curtain(scallops(rng.random(), width, -deep, base))
        sheet.shape((-2.7, base - deep, 2.7, 2.2), hang, Lit(colour), shadow=0.16)


# --- curves ------------------------------------------------------------------------------------


def curtain(curve: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Everything above a curve."""
    return lambda x, y: curve(x) - y


def scallops(
    offset: float, width: float, height: float, base: float = 0.0
) -> Callable[[Tensor], Tensor]:
    """A row of round bumps of a ``height`` (negative: dents) over ``base``."""

    def curve(x: Tensor) -> Tensor:
        part = (x / width + offset) % 1 * 2 - 1
        return base + height * (1 - part * part).clamp_min(0).sqrt()

    return curve


def hills(studio: Studio, base: float, swing: float, wave: float) -> Callable[[Tensor], Tensor]:
    """Rolling land around ``base``, at most 1.5 ``swing`` away, ``wave`` long."""
    a, b = (studio.rng.uniform(0, 2 * math.pi) for _ in range(2))
    k = 2 * math.pi / wave

    def curve(x: Tensor) -> Tensor:
        return base + swing * (torch.sin(k * x + a) + 0.5 * torch.sin(1.7 * k * x + b))

    return curve


# --- what stands about -------------------------------------------------------------------------


def ground(sheet: Sheet, far: Rgb, near: Rgb, top: float = 0.12) -> None:
    """The floor plane that people stand on."""
    mood = sheet.studio.mood
    sheet.rect(
        -2.8, -0.7, 2.8, top, Fade(mood.ground(far), mood.ground(near)), edge=0.022, shadow=0.3
    )


def puddles(sheet: Sheet) -> None:
    """Where it rains, the floor mirrors the sky."""
    studio = sheet.studio
    if studio.mood.weather != "rain":
        return
    shine = Lit(mix(studio.mood.sky[2], (1.0, 1.0, 1.0), 0.12))
    for x in (-2.0, -1.0, 0.15, 1.05, 2.0):
        x += studio.rng.uniform(-0.2, 0.2)
        sheet.oval(x, studio.rng.uniform(-0.10, 0.04), studio.rng.uniform(0.16, 0.26), 0.026, shine)


def conifer(sheet: Sheet, green: Rgb, snowy: bool) -> None:
    """A fir 1 high, in three tiers."""
    sheet.rect(-0.035, 0.0, 0.035, 0.2, BARK)
    for low, wide, high in ((0.12, 0.25, 0.52), (0.34, 0.20, 0.74), (0.56, 0.145, 1.0)):
        sheet.poly(
            ((-wide, low), (wide, low), (0.0, high)), Fade(mix(green, (1, 1, 1), 0.12), green),
            shadow=0.22,
        )  # fmt: skip
        if snowy:
            cap = 0.5
            sheet.poly(
                ((-wide * cap, low + (high - low) * (1 - cap)),
                 (0.0, low + (high - low) * (0.9 - cap)),
                 (wide * cap, low + (high - low) * (1 - cap)), (0.0, high)),
                SNOW,
            )  # fmt: skip


def round_tree(sheet: Sheet, green: Rgb, lobes: Sequence[tuple[float, float, float]]) -> None:
    """A leafy tree about 1 high; ``lobes`` are its crown's circles."""
    mood = sheet.studio.mood
    sheet.poly(((-0.06, 0.0), (0.06, 0.0), (0.035, 0.6), (-0.035, 0.6)), BARK)
    sheet.discs(lobes, mood.leaf(green), shadow=0.25)
    lighter = [(x - 0.02, y + 0.03, r * 0.7) for x, y, r in lobes]
    sheet.discs(lighter, mood.leaf(mix(green, (1.0, 1.0, 0.8), 0.16)))


def street_lamp(sheet: Sheet, post: Rgb = (0.30, 0.31, 0.33)) -> None:
    """A lamp post 1.16 high; lit when lamps are."""
    lamps = sheet.studio.mood.lamps
    sheet.rect(-0.02, 0.0, 0.02, 0.95, post, shadow=0.2)
    sheet.rect(-0.05, 0.0, 0.05, 0.08, post)
    if lamps:
        sheet.glow(0.0, 1.02, 0.55, LAMP, 0.55)
    glass: Paint = Lit((1.0, 0.93, 0.68)) if lamps else (0.86, 0.88, 0.86)
    sheet.poly(((-0.05, 0.94), (0.05, 0.94), (0.075, 1.09), (-0.075, 1.09)), glass)
    sheet.poly(((-0.1, 1.09), (0.1, 1.09), (0.0, 1.17)), post)


def snow_cap(sheet: Sheet, points: Sequence[tuple[float, float]]) -> None:
    """Snow along a roof's line, where it snows."""
    if sheet.studio.mood.weather != "snow":
        return
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        sheet.line(ax, ay, bx, by, 0.035, SNOW)


def pane(sheet: Sheet, box: tuple[float, float, float, float], lit: bool) -> None:
    """A house's window, left, bottom, right, top: dark by day, warm when lit."""
    x0, y0, x1, y1 = box
    sheet.rect(x0 - 0.018, y0 - 0.018, x1 + 0.018, y1 + 0.018, (0.90, 0.87, 0.80))
    glass: Paint = Lit(LAMP) if lit else Fade((0.58, 0.66, 0.72), (0.42, 0.50, 0.58))
    sheet.rect(x0, y0, x1, y1, glass)
    if sheet.studio.mood.weather == "snow":
        sheet.rect(x0 - 0.02, y0 - 0.03, x1 + 0.02, y0, SNOW)
