"""Heads: hair, faces and what is worn on them.

Coordinates are those of an upright head that faces right: chin at 0.63, crown at 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from holocine_core.lab.stage.cutout import INK, Place, Rgb, View, darker, oval, slab
from holocine_core.lab.stage.hats import draw_hat
from holocine_core.lab.stage.poses import Pose
from holocine_core.lab.stage.shapes import both, box, cut, join
from holocine_core.lab.stage.world import Person

SKIN: Mapping[str, Rgb] = {
    "pale": (0.98, 0.85, 0.75),
    "tan": (0.89, 0.67, 0.48),
    "brown": (0.64, 0.42, 0.27),
    "dark": (0.35, 0.21, 0.17),
}
HAIR: Mapping[str, Rgb] = {
    "black": (0.13, 0.12, 0.16),
    "brown": (0.48, 0.28, 0.13),
    "ginger": (0.86, 0.40, 0.12),
    "blond": (0.96, 0.80, 0.38),
    "grey": (0.70, 0.71, 0.74),
}
NECK = 0.62
_HAT_LINE = 0.905
"""Under a hat hair ends here."""
_TURN = 0.018
"""How far a face looks past the middle of its head."""
_EYE, _EYES_APART = 0.808, 0.064
_MOUTH = 0.706
_RED = (0.55, 0.10, 0.11)
_LIPS = (0.86, 0.42, 0.36)
_TONGUE = (0.90, 0.42, 0.40)
_WHITE = (0.99, 0.985, 0.97)
_SHADOW = (0.06, 0.0, 0.08)
_DROP = 0.010
"""How far hair casts its shadow on a face."""
_BLUSH = (0.93, 0.40, 0.34)


def draw_back_hair(view: View, person: Person) -> None:
    """Draw the hair that is seen behind a head and its shoulders."""
    if person.hair_style == "long":
        _draw_fall(view, darker(HAIR[person.hair_colour], 0.86))
    elif person.hair_style == "bun":
        # A hat leaves it no room on top.
        cx, cy, r = (-0.15, 0.70, 0.062) if person.headwear != "none" else (-0.01, 0.985, 0.068)
        found = view.within((cx - r, cy - r, cx + r, cy + r))
        if found is not None:
            found.part(oval(found.x, found.y, cx, cy, r, r), HAIR[person.hair_colour])


def _draw_fall(view: View, colour: Rgb) -> None:
    """Long hair, down to the shoulder blades."""
    found = view.within((-0.20, 0.44, 0.20, 0.95))
    if found is not None:
        width = 0.325 + 0.10 * (0.80 - found.y).clamp(-0.1, 0.4)
        found.part(box(found.x, found.y, 0.0, 0.70, width, 0.49, 0.08), colour)


def draw_head(view: View, person: Person, at: Pose) -> None:
    """Draw a head seen from the front."""
    x, y = view.x, view.y
    skin, hair = SKIN[person.skin], HAIR[person.hair_colour]
    cloud = _cloud(view, person)
    if cloud is not None:
        view.part(cloud, darker(hair, 0.86))
    face = oval(x, y, 0.0, 0.795, 0.148, 0.168)
    head = join(face, oval(x.abs(), y, 0.146, 0.780, 0.030, 0.036))
    covered = view.part(head, skin)
    # The side away from the light is a shade darker.
    shade = (0.5 - (x + 0.098 - 0.9 * (y - 0.80).square()) * 40).clamp(0, 1)
    view.wash(covered * shade * 0.11, (0.25, 0.05, 0.10))
    look = view.to(Place().moved(_TURN, -at.pitch), (-0.17, 0.60, 0.17, 0.91))
    if look is not None:
        _draw_face(look, person, at)
    if person.hair_style != "bald":
        _draw_hair(view, person, hair, face, cloud)
    elif person.headwear == "none":
        gleam = oval(x, y, 0.055, 0.925, 0.034, 0.014)
        view.mark(gleam, (1.0, 1.0, 1.0), 0.35)
    draw_hat(view, person, away=False)


def draw_head_from_behind(view: View, person: Person) -> None:
    """Draw the back of a head."""
    x, y = view.x, view.y
    hair = HAIR[person.hair_colour]
    hatted = person.headwear != "none"
    skin = SKIN[person.skin]
    view.part(
        join(oval(x, y, 0.0, 0.795, 0.148, 0.165), oval(x.abs(), y, 0.146, 0.780, 0.030, 0.036)),
        skin,
    )
    if person.hair_style != "bald":
        shape = _cloud(view, person)
        if shape is None:
            nape = 0.665 if person.hair_style != "short" else 0.685
            shape = both(oval(x, y, 0.0, 0.825, 0.163, 0.170), nape - y)
        if hatted:
            shape = both(shape, y - _HAT_LINE)
        if person.hair_style == "braids":
            shape = join(shape, _braids(x, y))
        view.part(shape, hair)
        _draw_back_of_hair(view, person, hair)
    draw_hat(view, person, away=True)


def _draw_back_of_hair(view: View, person: Person, hair: Rgb) -> None:
    """What tells a style from behind."""
    x, y = view.x, view.y
    if person.hair_style == "braids":
        view.mark(both(slab(x, y - 0.83, 0.007, 0.15), y - _top(person)), darker(hair, 0.6))
        _tie(view, person)
    elif person.hair_style == "bun":
        knot = oval(x, y, 0.0, 0.745 if person.headwear != "none" else 0.975, 0.068, 0.062)
        view.sheet.widen(knot, view.at)
        view.mark(knot - 0.010, darker(hair, 0.82))
        view.mark(knot, hair)
    elif person.hair_style == "long":
        _draw_fall(view, hair)


def _top(person: Person) -> float:
    return _HAT_LINE if person.headwear != "none" else 0.995


# --- hair ----------------------------------------------------------------------------------------


def _cloud(view: View, person: Person) -> Tensor | None:
    """Curls all around the head."""
    if person.hair_style != "curly":
        return None
    u, v = view.x, view.y - 0.825
    bumps = torch.cos(torch.atan2(v, u) * 5.5).abs()
    cloud = (u.square() * 0.92 + v.square()).sqrt() - 0.168 - 0.040 * bumps
    low = (0.655 - view.y) if person.headwear == "none" else torch.maximum(
        0.655 - view.y, view.y - _HAT_LINE
    )  # fmt: skip
    return both(cloud, low)


def _draw_hair(view: View, person: Person, hair: Rgb, face: Tensor, cloud: Tensor | None) -> None:
    """The hair around a face."""
    x, y = view.x, view.y
    style = person.hair_style
    if style == "curly":
        assert cloud is not None
        bumps = torch.cos((x - 0.012) * 45).abs()
        window = oval(x, y, 0.012, 0.758, 0.144, 0.140) + 0.022 * bumps
        window = join(window, slab(x - 0.012, y - 0.680, 0.134, 0.070))
        locks = cut(cloud, window)
        view.mark(both(locks - _DROP, face), _SHADOW, 0.30)
        view.mark(locks, hair)
        return
    shape = oval(x, y, 0.0, 0.828, 0.164, 0.168)
    if style == "short":
        # Combed to one side.
        window = torch.maximum(
            oval(x, y, 0.030, 0.745, 0.148, 0.138), (y - 0.882) * 0.9 - (x - 0.02) * 0.24
        )
        shape = both(cut(shape, window), 0.770 - y)
    elif style == "long":
        locks = box(x.abs(), y, 0.155, 0.675, 0.056, 0.27, 0.025)
        shape = join(cut(shape, oval(x.abs(), y, 0.022, 0.735, 0.112, 0.150)), locks)
    elif style == "braids":
        shape = cut(both(shape, 0.735 - y), oval(x.abs(), y, 0.028, 0.745, 0.112, 0.132))
        shape = join(shape, _braids(x, y))
    else:
        shape = both(cut(shape, oval(x, y, 0.008, 0.750, 0.136, 0.152)), 0.750 - y)
    if person.headwear != "none":
        shape = both(shape, y - _HAT_LINE)
    view.mark(both(shape - _DROP, face), _SHADOW, 0.30)
    view.part(shape, hair)
    if style == "braids":
        _tie(view, person)
    if style in ("long", "braids") and person.headwear == "none":
        part = slab(x, y - 0.94, 0.006, 0.052)
        view.mark(part, darker(hair, 0.62))


def _braids(x: Tensor, y: Tensor) -> Tensor:
    """Two plaits, each a row of beads."""
    beads = 0.027 + 0.016 * torch.sin((y - 0.475) * (np.pi / 0.062)).abs()
    return slab(x.abs() - 0.172, y - 0.600, beads, 0.125) - 0.006


def _tie(view: View, person: Person) -> None:
    """Ribbons around the ends of braids."""
    found = view.within((-0.22, 0.42, 0.22, 0.52))
    if found is None:
        return
    x, y = found.x.abs(), found.y
    found.part(box(x, y, 0.172, 0.447, 0.052, 0.062, 0.02), HAIR[person.hair_colour])
    found.mark(box(x, y, 0.172, 0.479, 0.062, 0.024, 0.008), _RIBBON)


_RIBBON = (0.97, 0.94, 0.86)


# --- faces ---------------------------------------------------------------------------------------


def _draw_face(view: View, person: Person, at: Pose) -> None:
    skin, hair = SKIN[person.skin], HAIR[person.hair_colour]
    cheeks = view.within((-0.14, 0.69, 0.14, 0.77))
    if cheeks is not None:
        cheek = oval((cheeks.x + 0.006).abs(), cheeks.y, 0.091, 0.735, 0.028, 0.024)
        cheeks.mark(cheek, _BLUSH, 0.20 if person.skin == "dark" else 0.34)
    if person.accessory == "beard":
        _draw_beard(view, hair)
    nose = view.within((-0.01, 0.72, 0.07, 0.79))
    if nose is not None:
        nose.mark(oval(nose.x, nose.y, 0.024, 0.754, 0.022, 0.020), darker(skin, 0.80))
    _draw_mouth(view, person, at)
    _draw_eyes(view, at, hair)
    if person.accessory == "glasses":
        _draw_glasses(view)


def _draw_beard(view: View, hair: Rgb) -> None:
    found = view.within((-0.18, 0.55, 0.16, 0.80))
    if found is None:
        return
    x, y = found.x + _TURN, found.y
    chin = oval(x, y, 0.006, 0.755, 0.152, 0.182)
    line = 0.722 + 2.4 * x.square()
    beard = both(chin, (y - line) * 0.85)
    found.mark(both(chin, beard - _DROP), _SHADOW, 0.30)
    found.part(beard, hair)


def _draw_mouth(view: View, person: Person, at: Pose) -> None:
    found = view.within((-0.08, 0.63, 0.08, 0.75))
    if found is None:
        return
    x, y = found.x - 0.004, found.y
    bearded = person.accessory == "beard"
    if at.smiles:
        smile = y - (_MOUTH - 0.012) - 8.0 * x.square()
        colour = _RED if person.skin in ("pale", "tan") else (0.30, 0.05, 0.07)
        colour = _LIPS if bearded else colour
        found.mark(slab(x, smile, 0.046, 0.0085), colour)
        return
    opened = found.number(at.mouth)
    half = 0.007 + 0.047 * opened
    # Corners stay up: an open mouth is a bowl under a nearly straight lip.
    bowl = oval(x, y, 0.0, _MOUTH, 0.050, 1.0 * half)
    lip = y - (_MOUTH + 0.45 * half)
    mouth = both(bowl, lip)
    if bearded:
        found.mark(mouth - 0.010, _LIPS)
    cover = found.mark(mouth, (0.40, 0.06, 0.09))
    teeth = found.sheet.cover(_MOUTH + 0.12 * half - y)
    tongue = found.sheet.cover(oval(x, y, 0.004, _MOUTH - half, 0.034, 0.55 * half))
    found.wash(cover * tongue, _TONGUE)
    found.wash(cover * teeth, _WHITE)


def _draw_eyes(view: View, at: Pose, hair: Rgb) -> None:
    found = view.within((-0.12, 0.75, 0.12, 0.91))
    if found is None:
        return
    x, y = found.x, found.y
    # Both eyes at once, not mirrored: they look the same way.
    u = x - _EYES_APART * torch.sign(x)
    _draw_brows(found, at, hair)
    if at.merry:
        arch = y - (_EYE + 0.016) + 15.0 * u.square()
        found.mark(slab(u, arch, 0.037, 0.0095), INK)
        return
    lids = found.number(at.lids)
    tall = 0.006 + 0.041 * lids
    ball = oval(u, y, 0.0, _EYE, 0.036, tall)
    found.mark(oval(u, y, 0.0, _EYE + 0.005, 0.040, tall + 0.004), INK)
    white = found.mark(ball, _WHITE, (4 * torch.as_tensor(lids)).clamp(0, 1))
    iris = found.sheet.cover(oval(u, y, 0.009, _EYE - 0.002, 0.0245, 0.032))
    found.wash(white * iris, INK)
    glint = found.sheet.cover(oval(u, y, 0.001, _EYE + 0.013, 0.0095, 0.0105))
    found.wash(white * glint, _WHITE)


def _draw_brows(view: View, at: Pose, hair: Rgb) -> None:
    x, y = view.x, view.y
    out = x.abs() - _EYES_APART
    line = y - view.number(at.brows + np.float32(0.872)) + 6.0 * out.square() + 0.10 * out
    view.mark(slab(out, line, 0.034, 0.0075), darker(hair, 0.55))


def _draw_glasses(view: View) -> None:
    found = view.within((-0.18, 0.73, 0.16, 0.88))
    if found is None:
        return
    x, y = found.x, found.y
    u = x.abs() - (_EYES_APART + 0.004)
    lens = (u.square() + (y - _EYE).square()).sqrt()
    found.mark(lens - 0.056, (0.80, 0.93, 1.0), 0.12)
    rim = (lens - 0.0555).abs() - 0.0085
    bridge = slab(x, y - _EYE - 0.008, 0.014, 0.006)
    arms = both(slab(x.abs() - 0.145, y - _EYE - 0.012, 0.022, 0.006), x + _TURN - 0.148)
    found.mark(join(rim, bridge, arms), INK)
