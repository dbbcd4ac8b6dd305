"""What people carry."""

from __future__ import annotations

import torch
from torch import Tensor

from holocine_core.stage.motion import Pose
from holocine_core.stage.paper import Paper
from holocine_core.stage.shapes import both, box, capsule, circle, cut, ellipse, join
from holocine_core.stage.world import PALETTE, Person

_WOOD = (0.52, 0.35, 0.22)
_BOXES = {
    "lantern": (-0.10, -0.24, 0.10, 0.05),
    "umbrella": (-0.28, -0.10, 0.46, 0.80),
    "balloon": (-0.26, -0.05, 0.10, 0.80),
    "book": (-0.10, -0.13, 0.14, 0.14),
    "basket": (-0.16, -0.24, 0.16, 0.06),
}


def hand_of(at: Pose, shoulder: float) -> tuple[Tensor, Tensor]:
    """Where the carrying hand is."""
    ax, ay = -shoulder * 0.92 + at.lean * 0.8 + 0.05 * at.bow, 0.56 - 0.04 * at.bow
    turned = at.left_arm + at.left_bend
    x = ax - 0.13 * torch.sin(at.left_arm) - 0.12 * torch.sin(turned)
    return x, ay - 0.13 * torch.cos(at.left_arm) - 0.12 * torch.cos(turned)


def draw_prop(paper: Paper, person: Person) -> None:
    """Draw what the hand at the origin holds."""
    x0, y0, x1, y1 = _BOXES[person.prop]
    view = paper.within(x0, y0, x1, y1)
    if view is None:
        return
    x, y = view.x, view.y
    colour = PALETTE[person.prop_colour]
    dark = tuple(0.65 * c for c in colour)
    match person.prop:
        case "lantern":
            view.part(capsule(x, y, 0.0, 0.0, 0.0, -0.04, 0.01), _WOOD)
            view.part(box(x, y, 0.0, -0.115, 0.115, 0.15, 0.02), (0.25, 0.22, 0.22))
            view.mark(box(x, y, 0.0, -0.115, 0.078, 0.098, 0.02), colour)
            view.mark(ellipse(x, y, 0.0, -0.125, 0.017, 0.032), (1.0, 0.98, 0.86))
        case "umbrella":
            view.part(capsule(x, y, 0.0, -0.06, 0.08, 0.56, 0.011), _WOOD)
            dome = both(ellipse(x, y, 0.09, 0.56, 0.33, 0.20), -(y - 0.56))
            bites = [circle(x, y, 0.09 + k * 0.165, 0.545, 0.075) for k in (-1.45, -0.5, 0.5, 1.45)]
            view.part(cut(dome, *bites), colour)
            view.mark(cut(both(dome, (x - 0.09).abs() - 0.085), *bites), dark)
        case "balloon":
            view.part(capsule(x, y, 0.0, 0.0, -0.07, 0.44, 0.007), (0.85, 0.83, 0.80))
            view.part(ellipse(x, y, -0.08, 0.60, 0.135, 0.165), colour)
            view.mark(ellipse(x, y, -0.125, 0.66, 0.03, 0.045), (1.0, 1.0, 1.0))
        case "book":
            view.part(box(x, y, 0.02, 0.01, 0.17, 0.20, 0.015), colour)
            view.mark(box(x, y, 0.02, 0.045, 0.10, 0.05, 0.01), (0.97, 0.95, 0.88))
        case "basket":
            ring = (torch.hypot(x, y + 0.06) - 0.085).abs() - 0.013
            view.part(both(ring, -(y + 0.08)), _WOOD)
            fruit = [circle(x, y, k * 0.058, -0.092, 0.042) for k in (-1, 0, 1)]
            view.part(join(*fruit), colour)
            view.part(box(x, y, 0.0, -0.15, 0.23, 0.105, 0.035), (0.72, 0.52, 0.31))
        case _:
            return
