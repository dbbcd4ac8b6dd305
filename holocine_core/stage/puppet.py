"""People of the paper theatre: cut-out puppets with large heads, drawn back to front.

Units: the adult's crown is at 1, feet at 0; children are the same puppet, smaller and rounder.
Seen from the front, turned a little towards the side they face.
"""

from __future__ import annotations

import torch
from torch import Tensor

from holocine_core.stage.heads import SKIN, draw_head
from holocine_core.stage.held import draw_prop, hand_of
from holocine_core.stage.motion import Pose, pose
from holocine_core.stage.paper import Paper
from holocine_core.stage.shapes import Number, Pen, box, capsule, circle, cut, join, polygon
from holocine_core.stage.world import PALETTE, Person

STATURE = {"small": 0.78, "slim": 1.0, "broad": 1.0}
_SHOULDER = {"small": 0.125, "slim": 0.115, "broad": 0.185}
_HIP = {"small": 0.115, "slim": 0.095, "broad": 0.165}
_SHOE = (0.28, 0.22, 0.20)
_NECK, _WAIST, _HIPS = 0.615, 0.37, 0.33


def person_box(person: Person, action: str) -> tuple[float, float, float, float]:
    """What holds all that is drawn: x0, y0, x1, y1."""
    s = STATURE[person.build]
    reach = 0.40 if action in ("stand", "talk", "laugh", "nod") else 0.56
    top = 1.2 + (0.2 if action == "jump" else 0.0)
    if person.prop in ("umbrella", "balloon"):
        reach, top = max(reach, 0.50), top + 0.28
    return -reach * s, -0.08 * s, reach * s, top * s


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
        pen: Its coordinates are the figure's own, feet at the origin; its layer is still empty.
        person: The look.
        action: One of the world's actions.
        seconds: Time of every frame [T, 1, 1].
        facing: -1 left, 1 right.
        away: Seen from behind.
    """
    s = STATURE[person.build]
    inner = Pen(pen.x * facing / s, pen.y / s, pen.pixel / s)
    inner.rgba = pen.rgba
    at = pose(action, seconds, person.prop != "none")
    paper = Paper.of(inner).moved(torch.zeros_like(at.rise), at.rise)
    _legs(paper, person, at)
    _arm(paper, person, at, far=True)
    _torso(paper, person, at)
    draw_head(paper.moved(at.lean + 0.10 * at.bow, -0.17 * at.bow), person, at, away)
    _scarf_or_bag(paper, person, at)
    _arm(paper, person, at, far=False)
    if person.prop != "none":
        draw_prop(paper.moved(*hand_of(at, _SHOULDER[person.build])), person)
    paper.lay()


def _legs(paper: Paper, person: Person, at: Pose) -> None:
    view = paper.within(-0.42, -0.06, 0.42, 0.42)
    if view is None:
        return
    x, y = view.x, view.y
    hip, colour = _HIP[person.build], PALETTE[person.bottom_colour]
    skirt = person.bottom == "skirt"
    thick = 0.055 if person.build != "broad" else 0.07
    for side, angle in ((-1, at.left_leg), (1, at.right_leg)):
        hx = side * hip * 0.55
        length = _HIPS - 0.05 - 0.13 * at.fold
        foot_x = hx + length * torch.sin(angle) + side * 0.12 * at.fold
        foot_y = _HIPS - length * torch.cos(angle)
        leg = capsule(x, y, hx, _HIPS, foot_x, foot_y, thick, 0.042)
        view.part(leg, SKIN[person.skin] if skirt else colour)
        shoe = capsule(x, y, foot_x, foot_y - 0.018, foot_x + 0.05, foot_y - 0.022, 0.034, 0.026)
        view.part(shoe, _SHOE)
    if skirt:
        wide = hip + 0.10
        hem = 0.15 + 0.05 * at.fold
        points: list[tuple[Number, Number]] = [
            (-hip * 0.8, _WAIST + 0.02),
            (hip * 0.8, _WAIST + 0.02),
            (wide, hem),
            (-wide, hem),
        ]
        view.part(polygon(x, y, points) - 0.015, colour)


def _torso(paper: Paper, person: Person, at: Pose) -> None:
    view = paper.within(-0.32, 0.12, 0.32, 0.67)
    if view is None:
        return
    y = view.y
    shoulder, hip = _SHOULDER[person.build], _HIP[person.build]
    coat = person.top == "coat"
    bottom = 0.20 if coat else _WAIST - 0.05
    flare = hip + (0.05 if coat else 0.0)
    height = ((y - _WAIST) / (_NECK - _WAIST)).clamp(0, 1)
    x = view.x - at.lean * height - 0.06 * at.bow * height
    y = y + 0.05 * at.bow * height
    points = [
        (-shoulder * 0.75, _NECK), (shoulder * 0.75, _NECK), (shoulder, _NECK - 0.07),
        (flare, bottom), (-flare, bottom), (-shoulder, _NECK - 0.07),
    ]  # fmt: skip
    torso = polygon(x, y, points) - 0.02
    view.part(torso, PALETTE[person.top_colour])
    pattern = _pattern(person, x, y, paper.pixel)
    if pattern is not None:
        view.mark(torso, PALETTE[person.pattern_colour], pattern)
    # The side away from the light is a shade darker.
    view.mark(torso, (0.0, 0.0, 0.05), 0.16 * ((-x - 0.35 * shoulder) * 30).clamp(0, 1))
    if coat:
        seam = box(x, y, 0.012, (bottom + _NECK) / 2, 0.014, _NECK - bottom)
        view.mark(seam, tuple(0.55 * c for c in PALETTE[person.top_colour]))


def _pattern(person: Person, x: Tensor, y: Tensor, pixel: Number) -> Tensor | None:
    """Where the pattern's colour covers the top, 0..1."""
    soft = torch.as_tensor(pixel).clamp_min(0.004)

    def edge(d: Tensor) -> Tensor:
        return (0.5 - d / soft).clamp(0, 1)

    across = (torch.remainder(x + 0.034, 0.068) - 0.034).abs()
    along = (torch.remainder(y, 0.078) - 0.039).abs()
    match person.pattern:
        case "striped":
            return edge(along - 0.0195)
        case "dotted":
            shifted = torch.remainder(x + 0.039 * torch.floor(y / 0.078), 0.078) - 0.039
            return edge(torch.hypot(shifted, torch.remainder(y, 0.078) - 0.039) - 0.022)
        case "checked":
            u, v = across - 0.017, along - 0.0195
            return edge(torch.minimum(torch.maximum(u, -v), torch.maximum(-u, v)))
        case _:
            return None


def _arm(paper: Paper, person: Person, at: Pose, *, far: bool) -> None:
    """One arm: the far one lies behind the body, the other one before it."""
    side = -1 if far else 1
    angle, bend = (at.left_arm, at.left_bend) if far else (at.right_arm, at.right_bend)
    shoulder = _SHOULDER[person.build]
    ax = side * shoulder * 0.92 + at.lean * 0.8 + 0.05 * at.bow
    ay = _NECK - 0.055 - 0.04 * at.bow
    ex, ey = ax + side * 0.13 * torch.sin(angle), ay - 0.13 * torch.cos(angle)
    hx = ex + side * 0.12 * torch.sin(angle + bend)
    hy = ey - 0.12 * torch.cos(angle + bend)
    view = paper.within(
        float(torch.minimum(torch.minimum(ex, hx), ax + 0 * ex).min()) - 0.07,
        float(torch.minimum(torch.minimum(ey, hy), ay + 0 * ey).min()) - 0.07,
        float(torch.maximum(torch.maximum(ex, hx), ax + 0 * ex).max()) + 0.07,
        float(torch.maximum(torch.maximum(ey, hy), ay + 0 * ey).max()) + 0.07,
    )
    if view is None:
        return
    x, y = view.x, view.y
    thick = 0.045 if person.build != "broad" else 0.055
    sleeve = join(capsule(x, y, ax, ay, ex, ey, thick), capsule(x, y, ex, ey, hx, hy, thick * 0.9))
    shade = 0.86 if far else 0.93
    view.part(circle(x, y, hx, hy, 0.04), SKIN[person.skin])
    colour = tuple(shade * c for c in PALETTE[person.top_colour])
    view.part(cut(sleeve, circle(x, y, hx, hy, 0.045)), colour)
    if person.pattern == "striped":
        stripes = (torch.remainder(y, 0.078) - 0.039).abs() - 0.0195
        cover = (0.5 - stripes / paper.pixel).clamp(0, 1) * shade
        view.mark(cut(sleeve, circle(x, y, hx, hy, 0.045)), PALETTE[person.pattern_colour], cover)


def _scarf_or_bag(paper: Paper, person: Person, at: Pose) -> None:
    view = paper.within(-0.42, 0.18, 0.32, 0.72)
    if view is None or person.accessory not in ("scarf", "satchel"):
        return
    x, y = view.x - at.lean, view.y
    colour = PALETTE[person.accessory_colour]
    if person.accessory == "scarf":
        y = y + 0.08 * at.bow
        x = x - 0.05 * at.bow
        ring = box(x, y, 0.0, _NECK + 0.012, 0.21, 0.062, 0.03)
        tail = box(x, y, -0.07, _NECK - 0.08, 0.062, 0.19, 0.015)
        view.part(join(ring, tail), colour)
    elif person.accessory == "satchel":
        wide = _SHOULDER[person.build]
        strap = capsule(x, y, wide * 0.7, _NECK - 0.02, -wide * 0.95, 0.36, 0.014)
        bag = box(x, y, -wide - 0.02, 0.32, 0.15, 0.13, 0.02)
        flap = box(x, y, -wide - 0.02, 0.355, 0.15, 0.05, 0.015)
        view.part(join(strap, bag), colour)
        view.mark(flap, tuple(0.72 * c for c in colour))
