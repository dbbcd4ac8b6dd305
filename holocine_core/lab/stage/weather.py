"""What falls before the camera: rain, snow and fog over finished frames.

Letters: T frame, H W pixel rows and columns.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor

from holocine_core.lab.stage.sets.mood import Rgb, mix, mood_of
from holocine_core.lab.stage.shapes import capsule
from holocine_core.lab.stage.world import Place

_FINE = 2
"""Drops are drawn this much finer than pixels, so that they move smoothly."""
_PERIOD = 1.5
"""Height, in frames, after which falling drops repeat."""
_SLANT = 0.2
"""Sideways part of a streak's length."""


def fall(rgb: Tensor, place: Place, seconds: Tensor, zoom: float) -> Tensor:
    """Finished frames with their weather; clear ones, and interiors, as they are.

    Args:
        rgb: Frames [3, T, H, W].
        place: Where they play.
        seconds: Since the scene began [T, 1, 1].
        zoom: How much larger than in a wide shot things are seen.
    """
    mood = mood_of(place)
    if mood.indoors or mood.weather == "clear":
        return rgb
    if mood.weather == "fog":
        return _fog(rgb, mood.haze, seconds, zoom)
    rgb = rgb.clone()
    rng = random.Random(place.seed)
    pale = (0.95, 0.97, 1.0)
    for near in (0, 1):
        size = (0.75 + 0.35 * near) * zoom**0.35
        if mood.weather == "rain":
            tile = 0.6 * _strewn(rgb, rng, 14, (0.055 * size, 0.009 * size))
            colour = mix(mood.haze, pale, 0.55)
            down = (1.0 + 0.3 * near) * seconds
            aside = -_SLANT * down
        else:
            tile = 0.92 * _strewn(rgb, rng, 26, (0.0, 0.017 * size))
            colour = mix(mood.haze, pale, 0.85)
            down = (0.15 + 0.09 * near) * seconds
            aside = (0.03 + 0.02 * near) * torch.sin(1.6 * seconds + 2.5 * near)
        _let_fall(rgb, tile, torch.stack([down, aside]).flatten(1), colour)
    return rgb


def _let_fall(rgb: Tensor, tile: Tensor, shift: Tensor, colour: Rgb) -> None:
    """Lay a tile of drops over the frames, moved down and aside [2, T] by frame heights."""
    height, width = rgb.shape[2:]
    steps = (shift * height * _FINE).round().long()
    rows = torch.arange(height, device=rgb.device) * _FINE - steps[0].view(-1, 1)
    columns = torch.arange(width, device=rgb.device) * _FINE - steps[1].view(-1, 1)
    cover = tile[(rows % tile.shape[0]).unsqueeze(2), (columns % tile.shape[1]).unsqueeze(1)]
    for channel, value in zip(rgb, colour, strict=True):
        channel.add_((value - channel).mul_(cover))


def _scatter(rng: random.Random, aspect: float, count: int) -> list[tuple[float, float]]:
    """Points spread evenly, with jitter, over a tile ``_PERIOD`` high and ``aspect`` wide."""
    rows = max(2, round((count * _PERIOD / aspect) ** 0.5))
    per_row = max(2, round(count / rows))
    return [
        (
            (i + 0.5 * (j % 2) + rng.uniform(0.15, 0.85)) / per_row % 1 * aspect,
            (j + rng.uniform(0.2, 0.8)) / rows * _PERIOD,
        )
        for j in range(rows)
        for i in range(per_row)
    ]


def _strewn(rgb: Tensor, rng: random.Random, count: int, size: tuple[float, float]) -> Tensor:
    """A tile of about ``count`` drops of ``size`` (half length, radius), cover 0..1.

    The tile repeats in both directions; lengths are in frame heights, y runs down.
    """
    unit = rgb.shape[2] * _FINE
    rows, columns = round(_PERIOD * unit), rgb.shape[3] * _FINE
    long, thick = size
    points = torch.tensor(_scatter(rng, columns / unit, count), device=rgb.device) * unit
    lean, tall = _SLANT * long * unit, long * unit
    across, down = (int(v + thick * unit) + 2 for v in (lean, tall))
    x = torch.arange(-across, across + 1, device=rgb.device).view(1, 1, -1)
    y = torch.arange(-down, down + 1, device=rgb.device).view(1, -1, 1)
    base = points.floor()
    u, v = x - (points - base)[:, :1, None], y - (points - base)[:, 1:, None]
    # An edge as soft as a pixel of the frame.
    cover = (0.5 - capsule(u, v, lean, -tall, -lean, tall, thick * unit) / _FINE).clamp(0, 1)
    column, row = base.long().T[..., None, None]
    where = (row + y) % rows * columns + (column + x) % columns
    tile = torch.zeros(rows * columns, device=rgb.device)
    tile.scatter_reduce_(0, where.flatten(), cover.flatten(), "amax")
    return tile.view(rows, columns)


def _fog(rgb: Tensor, haze: Rgb, seconds: Tensor, zoom: float) -> Tensor:
    """A soft veil, thicker towards the ground, whose banks drift."""
    height, width = rgb.shape[2:]
    x = torch.linspace(0, width / height, width, device=rgb.device)
    y = torch.linspace(1, 0, height, device=rgb.device).view(-1, 1)
    bank = torch.sin(4.1 * x + 3.0 * y - 0.35 * seconds)
    bank = bank + torch.sin(2.3 * x - 5.0 * y + 0.22 * seconds)
    low = (1 - y).square()
    thick = (0.16 + 0.30 * low + 0.055 * bank * (0.5 + low)) / zoom
    colour = torch.tensor(haze, device=rgb.device).view(3, 1, 1, 1)
    return rgb + (colour - rgb) * thick
