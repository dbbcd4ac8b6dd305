"""What people wear on their heads, in the coordinates of an upright head."""

from __future__ import annotations

from collections.abc import Mapping

from holocine_core.lab.stage.cutout import CREAM, Box, Rgb, View, darker, oval, slab
from holocine_core.lab.stage.shapes import both, box, ellipse
from holocine_core.lab.stage.world import PALETTE, Person

STRAW: Rgb = (0.93, 0.78, 0.46)
BOXES: Mapping[str, Box] = {
    "none": (-0.16, 0.84, 0.16, 0.998),
    "straw hat": (-0.305, 0.84, 0.305, 1.085),
    "cap": (-0.180, 0.84, 0.318, 1.060),
    "woolly hat": (-0.190, 0.84, 0.190, 1.145),
    "top hat": (-0.262, 0.84, 0.262, 1.155),
}
"""How far each reaches, with what its edge adds at the tips of a brim."""


def draw_hat(view: View, person: Person, away: bool) -> None:
    """Draw what a person wears on the head, if anything."""
    kind = person.headwear
    if kind == "none":
        return
    found = view.within(BOXES[kind])
    if found is None:
        return
    colour = PALETTE[person.headwear_colour]
    if kind == "straw hat":
        _draw_straw_hat(found, colour)
    elif kind == "cap":
        _draw_cap(found, colour, away)
    elif kind == "woolly hat":
        _draw_woolly_hat(found, colour)
    else:
        _draw_top_hat(found, colour)


def _draw_straw_hat(view: View, colour: Rgb) -> None:
    x, y = view.x, view.y
    crown = box(x, y, 0.0, 0.985, 0.28, 0.19, 0.075)
    view.part(crown, STRAW)
    view.mark(both(crown, slab(x, y - 0.947, 1.0, 0.034)), colour)
    brim = ellipse(x, y + 0.25 * x.square(), 0.0, 0.905, 0.278, 0.036)
    view.part(brim, darker(STRAW, 0.94))
    view.mark(both(brim, y - 0.897 + 0.25 * x.square()), darker(STRAW, 0.80))


def _draw_cap(view: View, colour: Rgb, away: bool) -> None:
    x, y = view.x, view.y
    dome = both(oval(x, y, 0.0, 0.893, 0.172, 0.150), 0.872 - y)
    cover = view.part(dome, colour)
    shade = (0.5 - (x + 0.085) * 60).clamp(0, 1)
    view.wash(cover * shade * 0.16, (0.05, 0.0, 0.08))
    view.part(oval(x, y, 0.0, 1.040, 0.020, 0.014), darker(colour, 0.75))
    if away:
        view.mark(box(x, y, 0.0, 0.890, 0.11, 0.050, 0.02), darker(colour, 0.55))
        return
    peak = ellipse(x, y - 0.16 * (x - 0.13), 0.135, 0.888, 0.155, 0.033)
    view.part(peak, darker(colour, 0.72))


def _draw_woolly_hat(view: View, colour: Rgb) -> None:
    x, y = view.x, view.y
    dome = both(oval(x, y, 0.0, 0.905, 0.168, 0.175), 0.89 - y)
    cover = view.part(dome, colour)
    rib = (0.5 - ((x / 0.056 - (x / 0.056).round()).abs() - 0.16) * 9).clamp(0, 1)
    view.wash(cover * rib * 0.14, (0.05, 0.0, 0.08))
    view.part(box(x, y, 0.0, 0.902, 0.365, 0.074, 0.034), darker(colour, 0.74))
    view.part(oval(x, y, 0.0, 1.092, 0.050, 0.046), CREAM)


def _draw_top_hat(view: View, colour: Rgb) -> None:
    x, y = view.x, view.y
    width = 0.270 + 0.16 * (y - 0.93).clamp_min(0)
    tube = box(x, y, 0.0, 1.020, width, 0.26, 0.015)
    cover = view.part(tube, colour)
    shade = (0.5 - (x + 0.075) * 60).clamp(0, 1)
    view.wash(cover * shade * 0.16, (0.05, 0.0, 0.08))
    view.mark(both(tube, slab(x, y - 0.950, 1.0, 0.026)), darker(colour, 0.50))
    brim = ellipse(x, y, 0.0, 0.905, 0.232, 0.030)
    view.part(brim, colour)
    view.mark(both(brim, y - 0.900), darker(colour, 0.78))
