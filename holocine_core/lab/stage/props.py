"""What people carry, in coordinates whose origin is the hand that holds it."""

from __future__ import annotations

from collections.abc import Mapping

from holocine_core.lab.stage.cutout import Box, Rgb, Track, View, darker, limb, oval, slab
from holocine_core.lab.stage.shapes import both, box, join
from holocine_core.lab.stage.world import PALETTE

BOXES: Mapping[str, Box] = {
    "none": (0.0, 0.0, 0.0, 0.0),
    "lantern": (-0.085, -0.235, 0.085, 0.035),
    "umbrella": (-0.20, -0.09, 0.56, 0.72),
    "balloon": (-0.22, -0.03, 0.06, 0.70),
    "book": (-0.11, -0.12, 0.11, 0.15),
    "basket": (-0.125, -0.235, 0.125, 0.035),
}
"""How far each reaches around the hand."""
BEHIND = frozenset({"umbrella", "balloon"})
"""Props that are seen behind their bearer."""
_WOOD: Rgb = (0.55, 0.36, 0.21)
_IRON: Rgb = (0.23, 0.20, 0.22)
_PAGES: Rgb = (0.98, 0.96, 0.89)


def draw_prop(view: View, kind: str, colour_name: str, sway: Track) -> None:
    """Draw a prop.

    Args:
        view: Coordinates of the hand.
        kind: One of the world's props.
        colour_name: Of the palette.
        sway: How far what flies or hangs is swung to the side [T].
    """
    _DRAW[kind](view, PALETTE[colour_name], sway)


def _draw_lantern(view: View, colour: Rgb, sway: Track) -> None:
    x, y = view.x, view.y
    x = x + view.number(sway) * y
    ring = ((x.square() + (y + 0.030).square()).sqrt() - 0.030).abs() - 0.009
    roof = both(slab(x, y + 0.075, 0.045 - 0.8 * (y + 0.075), 0.022), -y - 0.05)
    view.part(join(ring, roof, box(x, y, 0.0, -0.222, 0.135, 0.026, 0.01)), _IRON)
    glass = box(x, y, 0.0, -0.152, 0.120, 0.125, 0.025)
    view.part(glass, colour)
    view.mark(oval(x, y, 0.0, -0.158, 0.030, 0.042), (1.0, 0.97, 0.82))


def _draw_umbrella(view: View, colour: Rgb, sway: Track) -> None:
    del sway
    x, y = view.x, view.y
    view.part(limb(view, [(0.0, -0.07), (0.16, 0.70)], [0.012, 0.012]), _WOOD)
    found = view.within((-0.20, 0.38, 0.56, 0.72))
    if found is None:
        return
    # Upright over the head: the coordinates lean back with the pole.
    x, y = found.x - 0.18, found.y - 0.44
    dome = oval(x, y, 0.0, 0.0, 0.375, 0.265)
    across = (x / 0.1875 - (x / 0.1875).round()) * 0.1875
    scallop = 0.038 - 4.0 * across.square()
    canopy = both(dome, scallop.clamp_min(-0.02) - y)
    cover = found.part(canopy, colour)
    gore = found.sheet.cover(oval(x, y, 0.0, 0.0, 0.135, 0.268))
    found.wash(cover * gore * 0.24, (0.05, 0.0, 0.08))


def _draw_balloon(view: View, colour: Rgb, sway: Track) -> None:
    top = -0.075 + sway
    view.part(limb(view, [(0.0, 0.0), (top, 0.42)], [0.007, 0.007]), (0.93, 0.90, 0.84))
    x, y = view.x - view.number(top), view.y
    view.part(box(x, y, 0.0, 0.415, 0.030, 0.026, 0.008), darker(colour, 0.75))
    view.part(oval(x, y, 0.0, 0.552, 0.118, 0.140), colour)
    view.mark(oval(x, y, -0.045, 0.605, 0.024, 0.036), (1.0, 1.0, 1.0), 0.75)


def _draw_book(view: View, colour: Rgb, sway: Track) -> None:
    del sway
    x, y = view.x, view.y
    view.part(box(x, y, 0.012, 0.010, 0.170, 0.225, 0.008), _PAGES)
    cover = box(x, y, -0.006, 0.016, 0.170, 0.225, 0.012)
    view.part(cover, colour)
    view.mark(both(cover, x + 0.062), darker(colour, 0.66))
    view.mark(box(x, y, 0.014, 0.055, 0.090, 0.060, 0.006), _PAGES)


def _draw_basket(view: View, colour: Rgb, sway: Track) -> None:
    x, y = view.x, view.y
    x = x + view.number(0.6 * sway) * y
    arc = ((x.square() + (y + 0.105).square() * 0.95).sqrt() - 0.100).abs() - 0.011
    view.part(both(arc, -0.110 - y), darker(_WOOD, 0.9))
    fruit = join(*(oval(x, y, cx, cy, 0.037, 0.037)
                   for cx, cy in ((-0.062, -0.108), (0.062, -0.108), (0.0, -0.088))))  # fmt: skip
    view.part(fruit, colour)
    bowl = box(x, y, 0.0, -0.175, 0.215 + 0.35 * (y + 0.175), 0.115, 0.03)
    cover = view.part(bowl, (0.74, 0.53, 0.30))
    weave = view.sheet.cover(((y + 0.175).abs() - 0.018).abs() - 0.008)
    view.wash(cover * weave, darker(_WOOD, 0.88))


_DRAW = {
    "lantern": _draw_lantern, "umbrella": _draw_umbrella, "balloon": _draw_balloon,
    "book": _draw_book, "basket": _draw_basket,
}  # fmt: skip
