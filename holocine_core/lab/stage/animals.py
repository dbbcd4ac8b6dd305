"""Animals of the paper theatre, seen from the side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from holocine_core.lab.stage.beasts import (
    PINK,
    SHADE,
    WHITE,
    Move,
    draw_bent,
    draw_cat,
    draw_dog,
    draw_eye,
    draw_fox,
    light,
    move,
)
from holocine_core.lab.stage.cutout import Box, Place, Rgb, View, darker, limb, oval
from holocine_core.lab.stage.shapes import Pen, box, join, polygon
from holocine_core.lab.stage.world import Animal

COAT: Mapping[str, Rgb] = {
    "white": (0.96, 0.94, 0.89),
    "black": (0.17, 0.16, 0.19),
    "brown": (0.50, 0.31, 0.18),
    "ginger": (0.90, 0.50, 0.17),
    "grey": (0.61, 0.62, 0.65),
}
_BEAK: Rgb = (0.97, 0.64, 0.14)
_COMB: Rgb = (0.86, 0.18, 0.16)


def draw_animal(pen: Pen, animal: Animal, action: str, seconds: Tensor, *, facing: int = 1) -> None:
    """Draw an animal.

    Args:
        pen: Its coordinates are the figure's own, feet at the origin.
        animal: Kind and coat.
        action: One of the world's actions of animals.
        seconds: Time of every frame [T, 1, 1].
        facing: -1 left, 1 right.
    """
    root = View.of(pen, Place(wide=float(facing)), animal_box(animal, action))
    if root is None:
        return
    moments = seconds.detach().cpu().numpy().reshape(-1).astype(np.float32)
    _DRAW[animal.kind](root, COAT[animal.coat], move(action, moments), action == "sit")
    root.sheet.lay()


def animal_box(animal: Animal, action: str) -> Box:
    """What holds all that is drawn during an action, whichever way the animal faces."""
    wide, top = _REACH[animal.kind][0], _REACH[animal.kind][1][action]
    return -wide, -0.04, wide, top


_REACH: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "dog": (0.445, {"stand": 0.53, "walk": 0.54, "run": 0.57, "sit": 0.57, "jump": 0.71}),
    "cat": (0.345, {"stand": 0.55, "walk": 0.56, "run": 0.60, "sit": 0.60, "jump": 0.73}),
    "fox": (0.470, {"stand": 0.57, "walk": 0.58, "run": 0.61, "sit": 0.61, "jump": 0.75}),
    "rabbit": (0.285, {"stand": 0.54, "walk": 0.58, "run": 0.62, "sit": 0.65, "jump": 0.72}),
    "hen": (0.295, {"stand": 0.54, "walk": 0.55, "run": 0.57, "sit": 0.44, "jump": 0.72}),
}
"""Half width, and height by action."""


# --- rabbit and hen ------------------------------------------------------------------------------


def _draw_rabbit(view: View, colour: Rgb, at: Move, sits: bool) -> None:
    # It hops: walking and running lift all of it.
    hop = np.clip(at.rise, 0, None) + 0.45 * at.stride * (at.lift + at.other_lift)
    found = view.to(Place().moved(0.0, hop), (-0.24, -0.03, 0.26, 0.62))
    if found is None:
        return
    x, y = found.x, found.y
    kick = found.number(at.stride * at.step + at.spread)
    fluff = (0.84, 0.82, 0.78) if sum(colour) > 2.5 else WHITE
    found.part(oval(x, y, -0.172, 0.120, 0.050, 0.048), fluff)
    _paw(found, kick, 0.040, sits, darker(colour, 0.80))
    chest = (
        oval(x, y, 0.015, 0.215, 0.088, 0.120) if sits else oval(x, y, 0.065, 0.145, 0.080, 0.105)
    )
    cover = found.part(join(oval(x, y, -0.045, 0.125, 0.130, 0.112), chest), colour)
    found.wash(cover * found.sheet.cover(y - 0.075) * 0.14, SHADE)
    _paw(found, kick, 0.0, sits, darker(colour, 0.92))
    heel = box(x + kick, y, -0.035, 0.024, 0.16, 0.046, 0.023)
    found.part(join(oval(x, y, -0.070, 0.092, 0.078, 0.076), heel), darker(colour, 0.91))
    middle = (0.060, 0.375) if sits else (0.118, 0.270)
    head = found.to(Place().moved(middle[0], middle[1] - at.nod), (-0.14, -0.10, 0.12, 0.27))
    if head is not None:
        _rabbit_head(head, colour, at)


def _paw(view: View, kick: float | Tensor, back: float, sits: bool, colour: Rgb) -> None:
    """A front paw: on the ground, or held before the chest."""
    x, y = view.x, view.y
    if sits:
        view.part(oval(x - 0.5 * (y - 0.22), y, 0.092 + 0.5 * back, 0.225, 0.026, 0.050), colour)
    else:
        view.part(oval(x - kick, y, 0.075 + back, 0.052, 0.030, 0.050), colour)


def _rabbit_head(view: View, colour: Rgb, at: Move) -> None:
    flop = 0.020 * at.wag
    zero = 0 * flop
    for root, shade in ((0.018, 0.84), (-0.034, 1.0)):
        tip = root - 0.042 + flop
        points = [(root + zero, 0.05 + zero), ((root + tip) / 2, 0.135 + zero), (tip, 0.215 + zero)]
        ear = limb(view, points, [0.024, 0.036, 0.020])
        view.part(ear, darker(colour, shade))
        view.mark(ear + 0.018, PINK)
    x, y = view.x, view.y
    cheek = oval(x, y, 0.045, -0.024, 0.055, 0.050)
    view.part(join(oval(x, y, 0.0, 0.0, 0.088, 0.082), cheek), colour)
    view.mark(oval(x, y, 0.062, -0.034, 0.036, 0.030), light(colour))
    view.mark(oval(x, y, 0.094, -0.014, 0.015, 0.013), PINK)
    draw_eye(view, at, 0.028, 0.020, 0.019)


def _draw_hen(view: View, colour: Rgb, at: Move, sits: bool) -> None:
    low = 0.095 if sits else 0.0
    if not sits:
        for shift, step, lift, shade in (
            (0.030, at.other_step, at.other_lift, 0.80), (-0.025, at.step, at.lift, 1.0),
        ):  # fmt: skip
            foot = shift + 0.75 * at.stride * step
            height = 0.012 + 0.035 * lift * (at.stride > 0) + np.clip(at.rise - 0.03, 0, 1)
            hip = (shift + 0 * foot, 0.150 + at.rise)
            points = [hip, (foot, height), (foot + 0.045, height - 0.002)]
            draw_bent(view, points, [0.014, 0.013, 0.012], darker(_BEAK, shade))
    found = view.to(
        Place().moved(0.0, at.rise - low).leaned(0.3 * at.slant, 0.2), (-0.24, 0.09, 0.26, 0.53)
    )
    if found is None:
        return
    x, y = found.x, found.y
    dark = darker(colour, 0.72) if max(colour) > 0.3 else (0.33, 0.32, 0.37)
    fan = [oval(x + 0.45 * (y - 0.30), y, cx, cy, 0.042, 0.092)
           for cx, cy in ((-0.185, 0.315), (-0.140, 0.330))]  # fmt: skip
    found.part(join(*fan), dark)
    belly = oval(x, y - 0.25 * x, -0.015, 0.225, 0.150, 0.118)
    bob = found.number(0.6 * at.nod)
    neck = limb(found, [(0.075, 0.24), (0.128 + 0.6 * at.nod, 0.400 + 0 * at.nod)], [0.078, 0.052])
    cover = found.part(join(belly, neck), colour)
    found.wash(cover * found.sheet.cover(y - 0.165) * 0.14, SHADE)
    wing = join(
        oval(x, y - 0.20 * x, -0.030, 0.245, 0.085, 0.056), oval(x, y, -0.100, 0.235, 0.042, 0.034)
    )
    found.mark(wing, dark)
    x = x - bob
    comb = join(*(oval(x, y, cx, cy, 0.024, 0.028)
                  for cx, cy in ((0.095, 0.462), (0.130, 0.475), (0.163, 0.460))))  # fmt: skip
    found.part(comb, _COMB)
    head = oval(x, y, 0.132, 0.408, 0.066, 0.062)
    found.part(head, colour)
    beak = polygon(x, y, [(0.185, 0.430), (0.240, 0.402), (0.185, 0.382)]) - 0.006
    found.part(beak, _BEAK)
    found.part(oval(x, y, 0.182, 0.360, 0.017, 0.027), _COMB)
    draw_eye(found, at, 0.148, 0.418, 0.015)


_DRAW: Mapping[str, Callable[[View, Rgb, Move, bool], None]] = {
    "dog": draw_dog, "cat": draw_cat, "fox": draw_fox,
    "rabbit": _draw_rabbit, "hen": _draw_hen,
}  # fmt: skip
