"""Animals of the paper theatre, seen from the side."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from holocine_core.stage.paper import CREAM, Paper
from holocine_core.stage.shapes import Pen, capsule, circle, ellipse, join, polygon
from holocine_core.stage.world import Animal

COAT: Mapping[str, tuple[float, float, float]] = {
    "white": (0.95, 0.93, 0.88),
    "black": (0.17, 0.16, 0.18),
    "brown": (0.50, 0.33, 0.20),
    "ginger": (0.88, 0.50, 0.20),
    "grey": (0.60, 0.60, 0.63),
}
_INK = (0.08, 0.07, 0.09)
_BEAK = (0.95, 0.62, 0.15)
_PINK = (0.92, 0.60, 0.58)


def animal_box(animal: Animal, action: str) -> tuple[float, float, float, float]:
    """What holds all that is drawn: x0, y0, x1, y1."""
    del animal
    return -0.46, -0.05, 0.42, 0.86 if action == "jump" else 0.74


def draw_animal(pen: Pen, animal: Animal, action: str, seconds: Tensor, *, facing: int = 1) -> None:
    """Draw an animal; arguments as :func:`holocine_core.stage.puppet.draw_person`."""
    inner = Pen(pen.x * facing, pen.y, pen.pixel)
    inner.rgba = pen.rgba
    paper = Paper.of(inner)
    beat = 2 * math.pi * seconds
    rise = torch.zeros_like(seconds)
    swing = torch.zeros_like(seconds)
    if action in ("walk", "run"):
        swing = (0.35 if action == "walk" else 0.6) * torch.sin(beat / 0.85)
        rise = 0.012 * torch.cos(2 * beat / 0.85)
    elif action == "jump":
        rise = 0.16 * torch.sin(beat / 1.2).clamp_min(0)
    y = inner.y - rise
    wag = torch.sin(beat / 0.9)
    if animal.kind == "hen":
        _hen(paper, inner.x, y, COAT[animal.coat], swing, wag)
    elif animal.kind == "rabbit":
        _rabbit(paper, inner.x, y, COAT[animal.coat], wag)
    else:
        _quadruped(paper, animal, inner.x, y, swing, wag, action == "sit")
    paper.lay()


def _quadruped(
    paper: Paper, animal: Animal, x: Tensor, y: Tensor, swing: Tensor, wag: Tensor, sits: bool
) -> None:
    """Dog, cat and fox: one body, told apart by ears, snout and tail."""
    coat = COAT[animal.coat]
    dark = tuple(0.78 * c for c in coat)
    tilt = 0.11 if sits else 0.0
    body = capsule(x, y, -0.15, 0.24 - tilt, 0.11, 0.26 + tilt * 0.5, 0.105, 0.095)
    for lx, sign in ((-0.17, 1), (-0.12, -1), (0.09, -1), (0.14, 1)):
        if sits and lx < 0:
            continue
        foot = lx + 0.16 * torch.sin(sign * swing)
        paper.part(capsule(x, y, lx, 0.22, foot, 0.03, 0.036, 0.03), dark if sign > 0 else coat)
    if sits:
        paper.part(ellipse(x, y, -0.15, 0.11, 0.12, 0.10), coat)
    _tail(paper, animal.kind, x, y, coat, wag, tilt)
    paper.part(body, coat)
    hx, hy = 0.20, 0.43 + tilt * 0.6
    _ears(paper, animal.kind, x - hx, y - hy, coat, dark)
    paper.part(circle(x, y, hx, hy, 0.118), coat)
    _snout(paper, animal.kind, x - hx, y - hy)
    paper.mark(ellipse(x, y, hx + 0.045, hy + 0.03, 0.021, 0.029), _INK)
    paper.mark(circle(x, y, hx + 0.053, hy + 0.041, 0.008), (1.0, 1.0, 1.0))
    if animal.kind == "dog":
        collar = capsule(x, y, hx - 0.10, hy - 0.09, hx + 0.03, hy - 0.125, 0.022)
        paper.mark(collar, (0.80, 0.20, 0.20))


def _tail(
    paper: Paper, kind: str, x: Tensor, y: Tensor, coat: tuple[float, ...], wag: Tensor, drop: float
) -> None:
    base = 0.28 - drop
    if kind == "fox":
        paper.part(capsule(x, y, -0.20, base, -0.35, base + 0.08 + 0.02 * wag, 0.045, 0.078), coat)
        paper.mark(circle(x, y, -0.365, base + 0.10 + 0.02 * wag, 0.048), CREAM)
    elif kind == "cat":
        first = capsule(x, y, -0.22, base, -0.32, base + 0.16, 0.028)
        second = capsule(x, y, -0.32, base + 0.16, -0.28 + 0.03 * wag, base + 0.30, 0.028)
        paper.part(join(first, second), coat)
    else:
        paper.part(capsule(x, y, -0.22, base, -0.32, base + 0.13 + 0.04 * wag, 0.032, 0.022), coat)


def _ears(
    paper: Paper, kind: str, x: Tensor, y: Tensor, coat: tuple[float, ...], dark: tuple[float, ...]
) -> None:
    if kind == "dog":
        paper.part(capsule(x, y, -0.075, 0.085, -0.115, -0.05, 0.045, 0.05), dark)
        return
    tall = 0.115 if kind == "fox" else 0.085
    for side, colour in ((-0.065, dark), (0.05, coat)):
        points = [(side - 0.055, 0.06), (side + 0.055, 0.06), (side + 0.005, 0.09 + tall)]
        paper.part(polygon(x, y, points) - 0.008, colour)


def _snout(paper: Paper, kind: str, x: Tensor, y: Tensor) -> None:
    if kind == "cat":
        paper.mark(ellipse(x, y, 0.075, -0.04, 0.055, 0.042), CREAM)
        paper.mark(circle(x, y, 0.09, -0.018, 0.014), _PINK)
    elif kind == "fox":
        paper.part(capsule(x, y, 0.05, -0.04, 0.165, -0.055, 0.062, 0.026), CREAM)
        paper.mark(circle(x, y, 0.18, -0.05, 0.022), _INK)
    else:
        paper.part(capsule(x, y, 0.06, -0.045, 0.14, -0.05, 0.06, 0.05), CREAM)
        paper.mark(circle(x, y, 0.175, -0.03, 0.026), _INK)


def _rabbit(paper: Paper, x: Tensor, y: Tensor, coat: tuple[float, ...], wag: Tensor) -> None:
    dark = tuple(0.82 * c for c in coat)
    paper.part(circle(x, y, -0.235, 0.13, 0.058), (0.99, 0.98, 0.95))
    paper.part(ellipse(x, y, -0.08, 0.15, 0.165, 0.145), coat)
    paper.part(ellipse(x, y, -0.11, 0.035, 0.11, 0.036), dark)
    paper.part(capsule(x, y, 0.06, 0.12, 0.09, 0.02, 0.036), coat)
    for ex, colour in ((0.05, dark), (0.13, coat)):
        tip = ex - 0.05 + 0.015 * wag
        paper.part(capsule(x, y, ex, 0.36, tip, 0.565, 0.036, 0.040), colour)
    paper.mark(capsule(x, y, 0.125, 0.40, 0.088 + 0.015 * wag, 0.545, 0.014), _PINK)
    paper.part(ellipse(x, y, 0.10, 0.31, 0.115, 0.105), coat)
    paper.mark(ellipse(x, y, 0.135, 0.335, 0.021, 0.028), _INK)
    paper.mark(circle(x, y, 0.195, 0.300, 0.018), _PINK)


def _hen(
    paper: Paper, x: Tensor, y: Tensor, coat: tuple[float, ...], swing: Tensor, wag: Tensor
) -> None:
    for lx, sign in ((-0.03, 1), (0.04, -1)):
        foot = lx + 0.08 * torch.sin(sign * swing)
        leg = join(
            capsule(x, y, lx, 0.12, foot, 0.015, 0.014),
            capsule(x, y, foot, 0.012, foot + 0.05, 0.012, 0.013),
        )
        paper.part(leg, _BEAK)
    tail = polygon(x, y, [(-0.14, 0.22), (-0.33, 0.42), (-0.27, 0.20)]) - 0.02
    paper.part(tail, tuple(0.75 * c for c in coat))
    paper.part(ellipse(x, y, -0.03, 0.22, 0.18, 0.145), coat)
    bob = 0.012 * wag
    comb = [circle(x, y, 0.13 + k * 0.042 + bob, 0.52, 0.034) for k in (-1, 0, 1)]
    paper.part(join(*comb), (0.85, 0.18, 0.16))
    paper.part(capsule(x, y, 0.08, 0.26, 0.14 + bob, 0.42, 0.09, 0.082), coat)
    paper.part(polygon(x, y, [(0.205, 0.455), (0.205, 0.385), (0.30, 0.415)]), _BEAK)
    paper.part(ellipse(x, y, 0.20 + bob, 0.355, 0.022, 0.036), (0.85, 0.18, 0.16))
    paper.mark(circle(x, y, 0.165 + bob, 0.45, 0.020), _INK)
    paper.mark(ellipse(x, y, -0.06, 0.22, 0.10, 0.07), tuple(0.82 * c for c in coat))
