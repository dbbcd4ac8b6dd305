"""People of the paper theatre: cut-out figures with large heads, drawn back to front.

Seen from the front, turned a little towards the side they face.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from holocine_core.lab.stage import faces, props
from holocine_core.lab.stage.body import BUILDS, COLLAR, Body, Point
from holocine_core.lab.stage.cutout import Box, Place, Rgb, View, darker, limb, oval, slab, span
from holocine_core.lab.stage.poses import HIP, SHOULDER
from holocine_core.lab.stage.shapes import Pen, both, box, join
from holocine_core.lab.stage.world import PALETTE, Person

_SHOE: Rgb = (0.27, 0.19, 0.17)
_WOOD: Rgb = (0.60, 0.42, 0.26)
_BUCKLE: Rgb = (0.98, 0.90, 0.55)
_SHADE: Rgb = (0.06, 0.0, 0.10)
_MARGIN = 0.037
"""Room for the cream edge and a soft pixel, in the person's own units."""
_MOMENTS = np.linspace(0.0, 2.4, 64, dtype=np.float32)
"""When a figure's reach is looked at."""


@lru_cache(maxsize=4096)
def person_box(person: Person, action: str) -> Box:
    """What holds all that is drawn during an action, whichever way the person faces."""
    x0, y0, x1, y1 = Body(person, action, _MOMENTS).reach()
    s = BUILDS[person.build].stature
    wide = (max(-x0, x1) + _MARGIN) * s
    return -wide, (y0 - _MARGIN) * s, wide, (y1 + _MARGIN) * s


def draw_person(
    pen: Pen,
    person: Person,
    action: str,
    seconds: Tensor,
    *,
    facing: int = 1,
    away: bool = False,
) -> None:
    """Draw a person.

    Args:
        pen: Its coordinates are the figure's own, feet at the origin, an adult 1 high.
        person: The look.
        action: One of the world's actions.
        seconds: Time of every frame [T, 1, 1].
        facing: -1 left, 1 right.
        away: Seen from behind.
    """
    stature = BUILDS[person.build].stature
    x0, y0, x1, y1 = (edge / stature for edge in person_box(person, action))
    root = View.of(pen, Place(wide=facing * stature, high=stature), (x0, y0, x1, y1))
    if root is None:
        return
    _Figure(root, Body(person, action, seconds.detach().cpu().numpy().reshape(-1)), away).draw()
    root.sheet.lay()


class _Figure:
    """One person while it is drawn."""

    def __init__(self, root: View, body: Body, away: bool) -> None:
        self._root, self._body, self._away = root, body, away
        self._person, self._build = body.person, body.build

    def draw(self) -> None:
        """Draw all that can be seen."""
        body, person, away = self._body, self._person, self._away
        head = self._root.to(body.head, (-0.32, 0.42, 0.32, 1.16))
        if person.prop in props.BEHIND:
            self._prop()
        if body.sits:
            self._seat()
        if head is not None and not away:
            faces.draw_back_hair(head, person)
        self._arm(body.far, 1)
        self._leg(body.far_leg, 1)
        self._leg(body.near_leg, -1)
        if person.bottom == "skirt":
            self._skirt()
        self._torso()
        if away:
            # Long hair falls over the arms.
            self._arm(body.near, -1)
            if head is not None:
                faces.draw_head_from_behind(head, person)
        else:
            if head is not None:
                faces.draw_head(head, person, body.at)
            self._arm(body.near, -1)
        if person.prop not in props.BEHIND:
            self._prop()

    # --- below the waist -------------------------------------------------------------------------

    def _seat(self) -> None:
        """A wooden box to sit on."""
        half = self._build.waist + 0.020
        found = self._root.within((-half, 0.0, half, 0.22))
        if found is None:
            return
        x, y = found.x, found.y
        cover = found.part(box(x, y, 0.0, 0.106, 2 * half, 0.212, 0.012), _WOOD)
        planks = join(slab(x, y - 0.075, 1.0, 0.008), slab(x, y - 0.150, 1.0, 0.008))
        found.wash(cover * found.sheet.cover(planks), darker(_WOOD, 0.62))

    def _leg(self, points: list[Point], side: int) -> None:
        person, thick = self._person, self._build.leg
        found = self._root.within(span(points, thick + 0.04))
        if found is None:
            return
        shade = 1.0 if side < 0 else 0.86
        bare = person.bottom == "skirt"
        colour = faces.SKIN[person.skin] if bare else PALETTE[person.bottom_colour]
        thick = thick * 0.62 if bare else thick
        found.part(limb(found, points, [thick, thick, thick * 0.86]), darker(colour, shade))
        ankle_x, ankle_y = points[2]
        x, y = found.x - found.number(ankle_x), found.y - found.number(ankle_y - 0.045)
        found.part(both(oval(x, y, 0.016, 0.008, 0.058, 0.044), -y), darker(_SHOE, shade))

    def _skirt(self) -> None:
        top, waist = HIP + 0.05, self._build.waist * 0.86
        hem, wide = self._body.skirt
        found = self._root.to(self._body.hips, (-wide, hem, wide, top))
        if found is None:
            return
        drop = (top - found.y) / (top - hem)
        width = waist + (wide - waist) * drop
        shape = box(found.x, found.y, 0.0, (top + hem) / 2, 2 * width, top - hem, 0.02)
        cover = found.part(shape, PALETTE[self._person.bottom_colour])
        # Two folds, deeper towards the hem.
        fold = found.sheet.cover((found.x.abs() - 0.045 - 0.05 * drop).abs() - 0.007)
        found.wash(cover * fold * (0.52 * drop).clamp(0, 0.26), _SHADE)

    # --- the trunk -------------------------------------------------------------------------------

    def _torso(self) -> None:
        person, build, hem = self._person, self._build, self._body.hem
        found = self._root.to(self._body.trunk, self._body.torso)
        if found is None:
            return
        x, y = found.x, found.y
        neck = box(x, y, 0.0, 0.605, 0.082, 0.12, 0.02)
        found.part(neck, darker(faces.SKIN[person.skin], 0.84))
        high = COLLAR + found.number(self._body.at.shrug)
        down = (SHOULDER - y).clamp(0, 0.26) / 0.26
        width = build.shoulder + (build.waist - build.shoulder) * down
        if person.top == "coat":
            width = width + 0.55 * (HIP + 0.02 - y).clamp(0, 0.08)
        torso = box(x, y, 0.0, (high + hem) / 2, 2 * width, high - hem, 0.045)
        torso = both(torso, -oval(x, y, 0.008, high + 0.012, 0.056, 0.046))
        cover = found.part(torso, PALETTE[person.top_colour])
        self._pattern(found, cover)
        shade = (0.5 - (x + 0.42 * width) * 40).clamp(0, 1)
        found.wash(cover * shade * 0.15, _SHADE)
        # The head's shadow on the chest.
        chin = found.sheet.cover(oval(x, y, -0.012, 0.628, 0.125, 0.052))
        found.wash(cover * chin * 0.20, _SHADE)
        if person.top == "coat":
            self._coat(found, cover)
        if person.accessory == "satchel":
            self._satchel(found)
        elif person.accessory == "scarf":
            self._scarf()

    def _coat(self, view: View, cover: Tensor) -> None:
        """What makes a coat of a top: an open front, lapels and buttons."""
        person, x, y = self._person, view.x, view.y
        dark = darker(PALETTE[person.top_colour], 0.56)
        if person.top_colour == "black":
            dark = (0.34, 0.34, 0.40)
        if self._away:
            vent = slab(x, y - 0.24, 0.007, 0.07)
            view.wash(cover * view.sheet.cover(vent), dark)
            return
        slit = view.sheet.cover((x - 0.012).abs() - 0.45 * (0.315 - y))
        view.wash(cover * slit, darker(PALETTE[person.bottom_colour], 0.82))
        # Lapels: a triangle below the collar without the one inside it; then the seam.
        across = (x - 0.010).abs()
        lapels = torch.maximum(across - 0.95 * (y - 0.500), 0.50 * (y - 0.520) - across)
        seam = slab(x - 0.012, y - 0.44, 0.006, 0.16)
        view.wash(cover * view.sheet.cover(join(lapels, seam)), dark)
        buttons = join(*(oval(x, y, 0.042, height, 0.0125, 0.0125) for height in (0.36, 0.44)))
        view.mark(buttons, dark)

    def _pattern(self, view: View, cover: Tensor) -> None:
        """Lay the pattern's colour over what is covered with the top's.

        A pattern covers a third of it or a little more: where it were half, a red top with white
        stripes would be a white one with red stripes.
        """
        kind, x, y = self._person.pattern, view.x, view.y
        if kind == "plain":
            return
        if kind == "striped":
            shape = _apart(y - 0.580, 0.078).abs() - 0.0130
        elif kind == "dotted":
            row = torch.round((y - 0.540) / 0.070)
            u, v = _apart(x - 0.044 * row, 0.088), y - 0.540 - 0.070 * row
            shape = (u.square() + v.square()).sqrt() - 0.0235
        else:
            u, v = _apart(x, 0.090).abs(), _apart(y - 0.545, 0.090).abs()
            shape = torch.minimum(u, v) - 0.0095
        view.wash(cover * view.sheet.cover(shape), PALETTE[self._person.pattern_colour])

    def _satchel(self, view: View) -> None:
        build, colour = self._build, PALETTE[self._person.accessory_colour]
        ends = [(-0.6 * build.shoulder, 0.625), (build.waist + 0.005, 0.36)]
        strap = limb(view, ends, [0.0165, 0.0165])
        view.mark(both(strap, view.y - COLLAR), darker(colour, 0.80))
        found = self._root.to(self._body.trunk, self._body.bag)
        if found is None:
            return
        x, y, middle = found.x, found.y, build.waist + 0.012
        bag = box(x, y, middle, 0.305, 0.155, 0.130, 0.022)
        found.part(bag, colour)
        found.mark(both(bag, 0.300 + 2.5 * (x - middle).square() - y), darker(colour, 0.70))
        found.mark(oval(x, y, middle, 0.305, 0.013, 0.013), _BUCKLE)

    def _scarf(self) -> None:
        found = self._root.to(self._body.trunk, (-0.14, 0.38, 0.14, 0.70))
        if found is None:
            return
        colour, at = PALETTE[self._person.accessory_colour], self._body.at
        x, y = found.x, found.y
        if not self._away:
            hang = x - 0.062 - found.number(0.5 * at.lean + 0.5 * at.sway) * (y - 0.6)
            tail = box(hang, y, 0.0, 0.510, 0.066, 0.20, 0.012)
            found.part(tail, darker(colour, 0.80))
            found.mark(both(tail, y - 0.432), darker(colour, 0.55))
        found.part(box(x, y - 1.2 * x.square(), 0.0, 0.612, 0.225, 0.068, 0.034), colour)

    # --- arms and what they hold -----------------------------------------------------------------

    def _arm(self, joints: list[Point], side: int) -> None:
        person, thick = self._person, self._build.arm
        shoulder, elbow, hand = joints
        found = self._root.to(self._body.trunk, span(joints, thick + 0.06))
        if found is None:
            return
        skin = darker(faces.SKIN[person.skin], 1.0 if side < 0 else 0.95)
        colour = darker(PALETTE[person.top_colour], 0.90 if side < 0 else 0.84)
        palm = oval(found.x, found.y, found.number(hand[0]), found.number(hand[1]), 0.036, 0.036)
        if side > 0 and self._body.points:
            palm = join(palm, limb(found, [hand, _along(elbow, hand, 1.55)], [0.014, 0.013]))
        if person.top == "coat":
            found.part(palm, skin)
            ends, radii = [shoulder, elbow, _along(elbow, hand, 0.80)], [thick] * 3
        else:
            found.part(join(limb(found, [elbow, hand], [0.030, 0.026]), palm), skin)
            ends, radii = [shoulder, elbow, _along(elbow, hand, 0.12)], [thick, thick * 1.06] * 2
        self._pattern(found, found.part(limb(found, ends, radii), colour))

    def _prop(self) -> None:
        person = self._person
        if person.prop == "none":
            return
        found = self._root.to(self._body.hand, self._body.held)
        if found is not None:
            props.draw_prop(found, person.prop, person.prop_colour, self._body.swing)


def _along(start: Point, end: Point, share: float) -> Point:
    """A point on the way from one to another, or beyond."""
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _apart(values: Tensor, period: float) -> Tensor:
    """How far values are from the nearest multiple of a period."""
    return values - period * torch.round(values / period)
