"""Heads: hair, faces and what is worn on them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from holocine_core.stage.motion import Pose
from holocine_core.stage.paper import Paper
from holocine_core.stage.shapes import (
    Colour,
    both,
    box,
    capsule,
    circle,
    cut,
    ellipse,
    join,
    polygon,
)
from holocine_core.stage.world import PALETTE, Person

HAIR: Mapping[str, tuple[float, float, float]] = {
    "black": (0.13, 0.11, 0.13),
    "brown": (0.42, 0.26, 0.15),
    "ginger": (0.85, 0.42, 0.14),
    "blond": (0.95, 0.79, 0.40),
    "grey": (0.70, 0.70, 0.72),
}
_MIDDLE, _RX, _RY = 0.795, 0.148, 0.165
_INK = (0.10, 0.08, 0.10)


SKIN: Mapping[str, tuple[float, float, float]] = {
    "pale": (0.98, 0.86, 0.76),
    "tan": (0.90, 0.70, 0.52),
    "brown": (0.66, 0.45, 0.30),
    "dark": (0.40, 0.26, 0.19),
}


def draw_head(paper: Paper, person: Person, at: Pose, away: bool) -> None:
    """Draw a head.

    Args:
        paper: Coordinates in which the head is upright, the neck at (0, 0.615), facing right.
        person: The look.
        at: Where its parts are.
        away: Seen from behind.
    """
    view = paper.within(-0.36, 0.48, 0.36, 1.18)
    if view is None:
        return
    skin, hair = SKIN[person.skin], HAIR[person.hair_colour]
    x, y = view.x, view.y
    if not away:
        _back_hair(view, person, hair)
    view.part(box(x, y, 0.0, 0.61, 0.085, 0.10, 0.03), tuple(0.9 * c for c in skin))
    head = ellipse(x, y, 0.0, _MIDDLE, _RX, _RY)
    view.part(join(head, circle(x, y, -0.148, _MIDDLE - 0.015, 0.033)), skin)
    if away:
        if person.hair_style != "bald":
            view.part(ellipse(x, y, 0.0, _MIDDLE + 0.02, _RX + 0.012, _RY), hair)
        _back_hair(view, person, hair)
    else:
        face = view.moved(torch.zeros_like(at.nod), -at.nod)
        _face(face, person, at, skin)
        _front_hair(view, person, hair, head)
        if person.accessory == "glasses":
            _glasses(face)
    _headwear(view, person)


def _back_hair(paper: Paper, person: Person, hair: Colour) -> None:
    """What hangs behind the face."""
    x, y = paper.x, paper.y
    cap = ellipse(x, y, -0.008, _MIDDLE + 0.025, _RX + 0.022, _RY + 0.012)
    match person.hair_style:
        case "long":
            shape = join(cap, box(x, y, -0.01, 0.66, 0.36, 0.34, 0.10))
        case "curly":
            puffs = [
                circle(x, y, px, py, 0.085)
                for px, py in ((-0.15, 0.76), (0.14, 0.77), (-0.13, 0.88), (0.13, 0.88),
                               (0.0, 0.945), (-0.165, 0.67), (0.15, 0.68))
            ]  # fmt: skip
            shape = join(cap, *puffs)
        case "braids":
            left = capsule(x, y, -0.15, 0.76, -0.185, 0.52, 0.042, 0.030)
            right = capsule(x, y, 0.14, 0.76, 0.175, 0.52, 0.042, 0.030)
            shape = join(cap, left, right)
        case "bun":
            shape = join(cap, circle(x, y, -0.03, 0.995, 0.078))
        case "short":
            shape = cap
        case _:
            return
    paper.part(shape, hair)
    if person.hair_style == "braids":
        ties = join(circle(x, y, -0.182, 0.545, 0.03), circle(x, y, 0.172, 0.545, 0.03))
        paper.mark(ties, PALETTE[person.accessory_colour])


def _front_hair(paper: Paper, person: Person, hair: Colour, head: Tensor) -> None:
    """What lies over the brow."""
    x, y = paper.x, paper.y
    match person.hair_style:
        case "bald":
            return
        case "short":
            fringe = both(head - 0.012, -(y - 0.875 - 0.35 * (x + 0.02)))
        case "long":
            parting = circle(x, y, 0.05, 0.735, 0.15)
            fringe = cut(both(head - 0.014, -(y - 0.76)), parting)
        case "curly":
            puffs = [circle(x, y, px, 0.915, 0.058) for px in (-0.10, -0.02, 0.06, 0.12)]
            fringe = join(*puffs)
        case _:
            fringe = cut(both(head - 0.010, -(y - 0.83)), ellipse(x, y, 0.02, 0.76, 0.135, 0.125))
    paper.mark(fringe, hair)


def _face(paper: Paper, person: Person, at: Pose, skin: tuple[float, ...]) -> None:
    """Eyes, brows, nose, cheeks, mouth, beard; a little off the middle, towards the side faced."""
    view = paper.within(-0.19, 0.60, 0.20, 0.90)
    if view is None:
        return
    x, y = view.x, view.y
    head = ellipse(x, y, 0.0, _MIDDLE, _RX, _RY)
    turn = 0.022
    eye_y = 0.79
    if person.accessory == "beard":
        full = cut(head - 0.018, box(x, y, 0.0, 0.91, 0.5, 0.30))
        whiskers = join(
            capsule(x, y, -0.14, 0.80, -0.12, 0.70, 0.022),
            capsule(x, y, 0.145, 0.80, 0.125, 0.70, 0.02),
        )
        beard = join(both(full, y - 0.755), both(head, whiskers))
        view.part(beard, HAIR[person.hair_colour])
    cheek = tuple(0.75 * c + 0.25 * k for c, k in zip(skin, (0.95, 0.35, 0.35), strict=True))
    cheeks: list[Tensor] = []
    brows: list[Tensor] = []
    for side in (-1, 1):
        ex = turn + side * 0.066
        cheeks.append(circle(x, y, ex + side * 0.025, 0.735, 0.027))
        _eye(paper, at, ex, eye_y)
        brows.append(capsule(x, y, ex - 0.026, eye_y + 0.058, ex + 0.026, eye_y + 0.062, 0.0085))
    view.mark(join(*cheeks), cheek)
    view.mark(join(*brows), tuple(0.55 * c for c in HAIR[person.hair_colour]))
    nose = capsule(x, y, turn + 0.008, 0.765, turn + 0.018, 0.745, 0.011)
    view.mark(nose, tuple(0.80 * c for c in skin))
    _mouth(paper, at, turn)


def _eye(paper: Paper, at: Pose, ex: float, ey: float) -> None:
    """An open eye, or a happy arc while laughing."""
    view = paper.within(ex - 0.05, ey - 0.06, ex + 0.05, ey + 0.06)
    if view is None:
        return
    x, y = view.x, view.y
    arc = (torch.hypot(x - ex, y - ey + 0.012) - 0.027).abs() - 0.008
    arc = both(arc, -(y - ey + 0.008))
    open_ = 1 - at.merry
    if float(open_.max()) > 0:
        white = ellipse(x, y, ex, ey, 0.036, 0.043)
        pupil = ellipse(x, y, ex + 0.010, ey - 0.002, 0.023, 0.031)
        view.mark(white, (0.99, 0.99, 0.97), open_)
        view.mark(pupil, _INK, open_)
        view.mark(circle(x, y, ex + 0.018, ey + 0.012, 0.008), (1.0, 1.0, 1.0), open_)
    if float(at.merry.max()) > 0:
        view.mark(arc, _INK, at.merry)


def _mouth(paper: Paper, at: Pose, turn: float) -> None:
    """A smile that opens."""
    view = paper.within(turn - 0.07, 0.63, turn + 0.07, 0.75)
    if view is None:
        return
    x, y = view.x, view.y
    mx, my = turn + 0.004, 0.692
    smile = (torch.hypot(x - mx, y - my - 0.035) - 0.042).abs() - 0.0075
    smile = both(smile, y - my - 0.012)
    width = 0.030 + 0.012 * at.merry
    hole = ellipse(x, y, mx, my, width, 0.006 + 0.030 * at.mouth)
    open_ = (at.mouth * 6).clamp(0, 1)
    view.mark(smile, (0.55, 0.16, 0.16), 1 - open_)
    view.mark(hole, (0.48, 0.10, 0.12), open_)


def _glasses(paper: Paper) -> None:
    view = paper.within(-0.18, 0.70, 0.18, 0.88)
    if view is None:
        return
    x, y = view.x, view.y
    left = (torch.hypot(x - 0.022 + 0.066, y - 0.79) - 0.056).abs() - 0.0095
    right = (torch.hypot(x - 0.022 - 0.066, y - 0.79) - 0.056).abs() - 0.0095
    arm = capsule(x, y, -0.10, 0.795, -0.15, 0.80, 0.008)
    view.mark(join(left, right, arm), (0.12, 0.12, 0.16))


def _headwear(paper: Paper, person: Person) -> None:
    view = paper.within(-0.32, 0.82, 0.32, 1.18)
    if view is None:
        return
    x, y = view.x, view.y
    colour = PALETTE[person.headwear_colour]
    dark = tuple(0.62 * c for c in colour)
    match person.headwear:
        case "straw hat":
            brim = ellipse(x, y, 0.0, 0.895, 0.27, 0.040)
            crown = both(ellipse(x, y, 0.0, 0.90, 0.14, 0.155), -(y - 0.89))
            view.part(join(brim, crown), (0.93, 0.79, 0.47))
            view.mark(both(crown, (y - 0.925).abs() - 0.024), colour)
        case "cap":
            dome = both(ellipse(x, y, 0.0, 0.865, 0.165, 0.14), -(y - 0.875))
            peak = ellipse(x, y, 0.17, 0.878, 0.115, 0.028)
            view.part(dome, colour)
            view.part(peak, dark)
        case "woolly hat":
            dome = both(ellipse(x, y, 0.0, 0.87, 0.168, 0.185), -(y - 0.885))
            view.part(join(dome, box(x, y, 0.0, 0.885, 0.35, 0.062, 0.03)), colour)
            view.mark(box(x, y, 0.0, 0.885, 0.35, 0.062, 0.03), dark)
            view.part(circle(x, y, 0.0, 1.065, 0.050), (0.97, 0.96, 0.93))
        case "top hat":
            points = [(-0.125, 0.90), (0.125, 0.90), (0.142, 1.13), (-0.142, 1.13)]
            brim = box(x, y, 0.0, 0.905, 0.43, 0.042, 0.02)
            tall = polygon(x, y, points) - 0.008
            view.part(join(tall, brim), colour)
            view.mark(both(tall, (y - 0.955).abs() - 0.026), dark)
        case _:
            return
