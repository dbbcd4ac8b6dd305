"""Animals on four legs, and what all animals share: how they move, eyes and pale fur.

Seen from the side, facing right; feet at 0, an adult person is 1 high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holocine_core.lab.stage.cutout import (
    INK,
    Box,
    Frames,
    Place,
    Rgb,
    Track,
    View,
    darker,
    limb,
    oval,
    slab,
    span,
)
from holocine_core.lab.stage.poses import lids
from holocine_core.lab.stage.shapes import both, box, join, polygon

PINK: Rgb = (0.93, 0.60, 0.58)
WHITE: Rgb = (0.99, 0.985, 0.97)
SHADE: Rgb = (0.06, 0.0, 0.10)
_COLLAR: Rgb = (0.20, 0.55, 0.62)
_PERIOD = {"stand": 1.2, "walk": 0.9, "run": 0.8, "sit": 1.2, "jump": 1.4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An animal at every moment [T], in units and radians.

    Attributes:
        rise: How far it is lifted.
        slant: How steeply the body points upwards.
        step: Where the first foot is in its stride, from -1 (back) to 1.
        lift: How far that foot is lifted, 0..1.
        other_step: As ``step``, of the second foot.
        other_lift: As ``lift``.
        stride: How far feet reach.
        spread: How far the front feet are stretched forwards and the hind feet backwards.
        wag: -1..1, of the tail.
        nod: How far the head is shifted down.
        lids: 1 open eyes .. 0 closed.
    """

    rise: Frames
    slant: Frames
    step: Frames
    lift: Frames
    other_step: Frames
    other_lift: Frames
    stride: Frames
    spread: Frames
    wag: Frames
    nod: Frames
    lids: Frames


def move(action: str, seconds: Frames) -> Move:
    """How an animal moves during an action; time is float32 [T]."""
    p = (2 * np.pi / _PERIOD[action]) * seconds
    still = np.zeros_like(p)
    at = {
        "rise": still, "slant": still, "step": still, "lift": still, "other_step": still,
        "other_lift": still, "stride": still, "spread": still,
        "wag": np.sin(p), "nod": 0.006 * np.sin(p),
        "lids": lids(seconds, 0.4),
    }  # fmt: skip
    if action in ("walk", "run"):
        runs = action == "run"
        at |= {
            "step": np.sin(p), "lift": np.clip(np.cos(p), 0, None),
            "other_step": -np.sin(p), "other_lift": np.clip(-np.cos(p), 0, None),
            "stride": still + (0.105 if runs else 0.065),
            "rise": (0.030 if runs else 0.007) * (0.5 + 0.5 * np.cos(2 * p)),
            "slant": (0.10 if runs else 0.02) * np.sin(p if runs else 2 * p),
            "nod": (0.020 if runs else 0.010) * np.sin(2 * p),
        }  # fmt: skip
    elif action == "jump":
        phase = np.mod(p / (2 * np.pi), 1.0)
        air = np.where(phase < 0.65, np.sin(np.pi * phase / 0.65), 0.0) ** 2
        crouch = np.where(phase < 0.65, 0.0, np.sin(np.pi * (phase - 0.65) / 0.35)) ** 2
        pitch = np.where(phase < 0.65, np.sin(2 * np.pi * phase / 0.65), 0.0)
        at |= {
            "rise": 0.18 * air - 0.035 * crouch, "slant": 0.15 * pitch,
            "spread": 0.075 * air, "nod": 0.02 * crouch,
        }  # fmt: skip
    return Move(**{name: np.asarray(value, dtype=np.float32) for name, value in at.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beast:
    """Proportions of an animal on four legs.

    Attributes:
        back: Height of the body's axis.
        length: Half the distance from shoulders to hips.
        girth: Radius of the body.
        leg: Radius of a leg.
        head: Middle of the head, from the shoulders.
    """

    back: float
    length: float
    girth: float
    leg: float
    head: tuple[float, float]


_DOG = _Beast(back=0.225, length=0.120, girth=0.080, leg=0.032, head=(0.105, 0.165))
_CAT = _Beast(back=0.195, length=0.110, girth=0.066, leg=0.024, head=(0.085, 0.150))
_FOX = _Beast(back=0.205, length=0.115, girth=0.066, leg=0.024, head=(0.100, 0.150))


def _legs(view: View, beast: _Beast, colour: Rgb, at: Move, far: bool) -> None:
    """Two of the four legs: those behind the body, or those before it."""
    shade = 0.78 if far else 0.93
    shift = 0.045 if far else -0.010
    for x0, front in ((beast.length, True), (-beast.length, False)):
        first = front != far
        step, lift = (at.step, at.lift) if first else (at.other_step, at.other_lift)
        foot = x0 + shift + at.stride * step + (at.spread if front else -at.spread)
        height = 0.026 + 0.045 * lift * (at.stride > 0.06) + np.clip(at.rise - 0.03, 0, 1)
        top = (x0 + shift, beast.back - 0.03 + at.rise + at.slant * x0)
        points: list[tuple[Track, Track]] = [top, (foot, height), (foot + 0.022, height - 0.004)]
        found = view.within(span(points, beast.leg + 0.01))
        if found is not None:
            radii = [beast.leg * 1.15, beast.leg * 0.84, beast.leg * 0.80]
            found.part(limb(found, points, radii), darker(colour, shade))


def _body(view: View, beast: _Beast, colour: Rgb, at: Move, sits: bool) -> tuple[Track, Track]:
    """Body and legs; where the shoulders are."""
    if sits:
        return _seated(view, beast, colour, at)
    _legs(view, beast, colour, at, far=True)
    hips = (-beast.length + 0 * at.rise, beast.back + at.rise - at.slant * beast.length)
    chest = (beast.length + 0 * at.rise, beast.back + 0.012 + at.rise + at.slant * beast.length)
    found = view.within(span([hips, chest], beast.girth + 0.02))
    if found is not None:
        trunk = limb(found, [hips, chest], [beast.girth * 0.94, beast.girth * 1.06])
        cover = found.part(trunk, colour)
        belly = found.sheet.cover(found.y - found.number(at.rise) - beast.back + 0.030)
        found.wash(cover * belly * 0.14, SHADE)
    _legs(view, beast, colour, at, far=False)
    return chest


def _seated(view: View, beast: _Beast, colour: Rgb, at: Move) -> tuple[Track, Track]:
    still = 0 * at.rise
    chest = (0.065 + still, beast.back + 0.055 + 0.004 * at.wag)
    hips = (-0.075 + still, 0.105 + still)
    found = view.within((-0.22, -0.01, 0.20, beast.back + 0.16))
    if found is not None:
        x, y = found.x, found.y
        far = limb(found, [(0.115, beast.back), (0.125, 0.030), (0.145, 0.026)], [beast.leg] * 3)
        found.part(far, darker(colour, 0.78))
        trunk = limb(found, [hips, chest], [beast.girth * 1.25, beast.girth * 0.95])
        found.part(trunk, colour)
        near = limb(found, [(0.070, beast.back), (0.082, 0.030), (0.104, 0.026)], [beast.leg] * 3)
        found.part(near, darker(colour, 0.93))
        thigh = join(
            oval(x, y, -0.070, 0.095, 0.085, 0.080), box(x, y, -0.025, 0.028, 0.13, 0.052, 0.026)
        )
        found.part(thigh, darker(colour, 0.93))
    return chest


def _head_view(
    view: View, beast: _Beast, at: Move, chest: tuple[Track, Track], reach: Box
) -> View | None:
    """Coordinates around the middle of a head; the neck is drawn in passing."""
    hx = chest[0] + beast.head[0] - 0.25 * at.slant * beast.head[1]
    hy = chest[1] + beast.head[1] - at.nod
    return view.to(Place(left=hx, low=hy), reach)


def _neck(
    view: View, beast: _Beast, colour: Rgb, at: Move, chest: tuple[Track, Track]
) -> tuple[Track, Track]:
    head = (chest[0] + beast.head[0] - 0.02, chest[1] + beast.head[1] - 0.02 - at.nod)
    found = view.within(span([chest, head], beast.girth))
    if found is not None:
        neck = limb(found, [chest, head], [beast.girth * 0.85, beast.girth * 0.70])
        found.part(neck, colour)
    return head


def draw_eye(view: View, at: Move, x: float, y: float, size: float = 0.019) -> None:
    found = view.within((x - 0.04, y - 0.04, x + 0.04, y + 0.04))
    if found is None:
        return
    tall = 0.004 + (1.15 * size - 0.004) * found.number(at.lids)
    found.mark(oval(found.x, found.y, x, y, size + 0.009, tall + 0.008), WHITE, 0.9)
    cover = found.mark(oval(found.x, found.y, x + 0.003, y, size, tall), INK)
    glint = found.sheet.cover(oval(found.x, found.y, x + 0.009, y + 0.008, 0.007, 0.007))
    found.wash(cover * glint, WHITE)


def draw_bent(
    view: View, points: Sequence[tuple[Track, Track]], radii: list[float], colour: Rgb
) -> View | None:
    found = view.within(span(points, max(radii) + 0.01))
    if found is not None:
        found.part(limb(found, points, radii), colour)
    return found


def draw_dog(view: View, colour: Rgb, at: Move, sits: bool) -> None:
    beast = _DOG
    base = (-0.15, 0.10) if sits else (-beast.length - 0.04, beast.back + 0.03)
    bx, by = base[0] + 0 * at.rise, base[1] + (0 if sits else 1) * (at.rise - 0.15 * at.slant)
    tip = (bx - 0.085 + 0.035 * at.wag, by + 0.105 + 0.01 * at.wag)
    draw_bent(view, [(bx, by), (bx - 0.055, by + 0.040), tip], [0.030, 0.027, 0.020], colour)
    chest = _body(view, beast, colour, at, sits)
    head = _neck(view, beast, colour, at, chest)
    band = view.within(span([chest, head], 0.10))
    if band is not None:
        cx, cy = (chest[0] + head[0]) / 2 + 0.01, (chest[1] + head[1]) / 2 - 0.010
        ring = limb(band, [(cx - 0.058, cy + 0.034), (cx + 0.052, cy - 0.034)], [0.017, 0.017])
        band.part(ring, _COLLAR)
    face = _head_view(view, beast, at, chest, (-0.12, -0.13, 0.20, 0.12))
    if face is None:
        return
    x, y = face.x, face.y
    muzzle = box(x, y, 0.095, -0.034, 0.135, 0.085, 0.038)
    face.part(join(oval(x, y, 0.0, 0.0, 0.094, 0.090), muzzle), colour)
    face.mark(muzzle, light(colour))
    face.mark(slab(x - 0.118, y + 0.056, 0.040, 0.006), INK)
    face.part(oval(x, y, 0.155, 0.000, 0.025, 0.021), INK)
    draw_eye(face, at, 0.040, 0.026, 0.018)
    # A floppy ear that swings a little.
    swing = face.number(0.010 * at.wag)
    ear = oval(x - swing * (0.06 - y) * 8, y - 0.35 * (x + 0.05), -0.058, -0.010, 0.040, 0.085)
    face.part(ear, darker(colour, 0.62) if max(colour) > 0.3 else (0.33, 0.32, 0.37))


def draw_cat(view: View, colour: Rgb, at: Move, sits: bool) -> None:
    beast = _CAT
    dark = darker(colour, 0.66) if max(colour) > 0.3 else (0.33, 0.32, 0.37)
    if sits:
        zero = 0 * at.rise
        points = [
            (-0.13 + zero, 0.045 + zero),
            (-0.215 + zero, 0.060 + zero),
            (-0.235 + 0.02 * at.wag, 0.150 + zero),
            (-0.205 + 0.03 * at.wag, 0.205 + zero),
        ]
    else:
        bx, by = -beast.length - 0.035 + 0 * at.rise, beast.back + 0.03 + at.rise
        by = by - at.slant * 0.14
        points = [(bx, by), (bx - 0.065, by + 0.055), (bx - 0.062 + 0.012 * at.wag, by + 0.160),
                  (bx - 0.105 + 0.028 * at.wag, by + 0.225)]  # fmt: skip
    draw_bent(view, points, [0.022, 0.021, 0.020, 0.018], colour)
    draw_bent(view, points[2:], [0.020, 0.018], dark)
    chest = _body(view, beast, colour, at, sits)
    if not sits:
        stripes = view.within((-0.16, 0.17, 0.10, 0.50))
        if stripes is not None:
            lift = stripes.number(beast.back + at.rise)
            x, y = stripes.x, stripes.y - lift - stripes.number(at.slant) * stripes.x
            marks = [
                slab(x - cx - 0.25 * y, y - 0.045, 0.012, 0.026) for cx in (-0.085, -0.02, 0.045)
            ]
            stripes.mark(join(*marks), dark)
    _neck(view, beast, colour, at, chest)
    face = _head_view(view, beast, at, chest, (-0.13, -0.12, 0.14, 0.17))
    if face is None:
        return
    x, y = face.x, face.y
    ears = [
        polygon(x, y, [(cx - 0.042, 0.040), (cx + 0.042, 0.040), (cx + lean, 0.152)])
        for cx, lean in ((-0.050, -0.018), (0.056, 0.014))
    ]
    face.part(join(*ears) - 0.006, colour)
    face.mark(join(*ears) + 0.016, PINK)
    face.part(oval(x, y, 0.0, 0.0, 0.106, 0.090), colour)
    face.mark(
        join(
            slab(x - 0.006, y - 0.070, 0.009, 0.026),
            slab((x - 0.006).abs() - 0.034, y - 0.068, 0.008, 0.018),
        ),
        dark,
    )
    face.mark(oval(x, y, 0.026, -0.042, 0.050, 0.034), light(colour))
    face.mark(oval(x, y, 0.028, -0.022, 0.016, 0.011), PINK)
    draw_eye(face, at, -0.028, 0.014, 0.018)
    draw_eye(face, at, 0.066, 0.014, 0.018)


def draw_fox(view: View, colour: Rgb, at: Move, sits: bool) -> None:
    beast = _FOX
    dark: Rgb = (0.20, 0.15, 0.15) if max(colour) > 0.3 else (0.40, 0.39, 0.44)
    tip_colour: Rgb = (0.99, 0.98, 0.95) if sum(colour) < 2.5 else (0.45, 0.44, 0.48)
    zero = 0 * at.rise
    if sits:
        points = [
            (-0.11 + zero, 0.06 + zero),
            (-0.20 + zero, 0.070 + zero),
            (-0.275 + zero, 0.125 + 0.010 * at.wag),
            (-0.280 + zero, 0.195 + 0.018 * at.wag),
        ]
    else:
        bx, by = -beast.length - 0.03 + zero, beast.back + 0.01 + at.rise - at.slant * 0.14
        points = [(bx, by), (bx - 0.085, by - 0.005), (bx - 0.185, by + 0.035 + 0.012 * at.wag),
                  (bx - 0.240, by + 0.090 + 0.024 * at.wag)]  # fmt: skip
    draw_bent(view, points, [0.028, 0.056, 0.062, 0.022], colour)
    end = ((points[2][0] + points[3][0]) / 2, (points[2][1] + points[3][1]) / 2)
    draw_bent(view, [end, points[3]], [0.046, 0.022], tip_colour)
    chest = _body(view, beast, colour, at, sits)
    _neck(view, beast, colour, at, chest)
    bib = view.within(span([chest], 0.12))
    if bib is not None:
        left, low = bib.number(chest[0] + 0.045), bib.number(chest[1] + 0.035)
        bib.mark(oval(bib.x, bib.y, left, low, 0.036, 0.060), light(colour))
    face = _head_view(view, beast, at, chest, (-0.12, -0.12, 0.22, 0.19))
    if face is None:
        return
    x, y = face.x, face.y
    ears = [
        polygon(x, y, [(cx - 0.040, 0.035), (cx + 0.040, 0.035), (cx + lean, 0.156)])
        for cx, lean in ((-0.050, -0.022), (0.046, 0.010))
    ]
    face.part(join(*ears) - 0.006, colour)
    face.mark(both(join(*ears), 0.108 - y), dark)
    skull = oval(x, y, 0.0, 0.0, 0.098, 0.082)
    snout = polygon(x, y, [(0.02, 0.062), (0.190, -0.036), (0.182, -0.058), (0.00, -0.082)]) - 0.008
    head = join(skull, snout)
    cover = face.part(head, colour)
    cheek = face.sheet.cover(y + 0.012 + 0.16 * (x - 0.02))
    face.wash(cover * cheek, light(colour))
    face.part(oval(x, y, 0.190, -0.040, 0.023, 0.020), INK)
    draw_eye(face, at, 0.038, 0.026, 0.018)


def light(colour: Rgb) -> Rgb:
    """The paper of muzzles, bibs and bellies."""
    if sum(colour) > 2.5:
        return 0.86, 0.84, 0.80
    return tuple(0.35 * c + 0.65 * w for c, w in zip(colour, (1.0, 0.98, 0.94), strict=True))  # type: ignore[return-value]
