"""The camera: from a shot's truth to where every pixel looks, frame by frame.

Letters: T frame of the shot, H W pixel rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.lab.stage import world
from holocine_core.lab.stage.poses import travel
from holocine_core.lab.stage.world import Animal, Person, Scene, Shot

WIDE_HEIGHT, WIDE_MIDDLE = 1.65, 0.70
"""The wide shot's frame: units from bottom to top, and the height of its middle."""
STATURE = {"small": 0.78, "slim": 1.0, "broad": 1.0}
# Height of the frame and of its middle, in statures of the subject.
_PERSON = {"medium": (0.98, 0.70), "close-up": (0.60, 0.83), "extreme close-up": (0.33, 0.80)}
_ANIMAL = {"medium": (0.95, 0.32), "close-up": (0.62, 0.30)}
_KEYSTONE = {"eye-level": 0.0, "low": -0.26, "high": 0.26}
# How far the frame's middle moves, in frame heights: up when looking up.
_LIFT = {"eye-level": 0.0, "low": 0.14, "high": -0.12}
_STEADY_FRAMES = 24
"""A movement has its full reach in shots of at least this length, and less in shorter ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where the camera looks in every frame of a shot; all [T, 1, 1], in units.

    Attributes:
        x: Middle of the frame.
        y: Middle of the frame.
        height: What the frame shows from bottom to top, at the figures' depth.
        keystone: How much wider the frame's top shows than its middle (negative: narrower).
        horizon: How far distant things move down, in frame heights.
    """

    x: Tensor
    y: Tensor
    height: Tensor
    keystone: float
    horizon: float


def seconds_of(shot: Shot, device: torch.device | str) -> Tensor:
    """Time since the shot began [T, 1, 1]."""
    return torch.arange(len(shot.frames), device=device).view(-1, 1, 1) / world.FPS


def feet(shot: Shot, index: int, seconds: Tensor) -> Tensor:
    """Where a role stands in every frame [T, 1, 1]."""
    role = shot.roles[index]
    return role.x + role.facing * travel(role.action, seconds)


def track(scene: Scene, shot: Shot, aspect: float, device: torch.device | str = "cpu") -> Track:
    """The camera of a shot.

    Args:
        scene: Where the shot belongs.
        shot: One of its shots.
        aspect: Width over height of the frame.
        device: Where to compute.
    """
    seconds = seconds_of(shot, device)
    height, y = _framing(scene, shot)
    x = _aim(shot, seconds, height * aspect)
    frames = len(shot.frames)
    reach = min(1.0, frames / _STEADY_FRAMES)
    way = torch.linspace(-1, 1, frames, device=device).view(-1, 1, 1) * reach
    zoom = torch.ones_like(way)
    still = x.mean() if shot.movement != "tracking" else x
    x = still + torch.zeros_like(way)
    lift = torch.full_like(way, y + _LIFT[shot.angle] * height)
    match shot.movement:
        case "pan left":
            x = x - way * 0.2 * height * aspect
        case "pan right":
            x = x + way * 0.2 * height * aspect
        case "tilt up":
            lift = lift - (reach - way) * 0.14 * height
        case "tilt down":
            lift = lift + (reach - way) * 0.14 * height
        case "push in":
            zoom = torch.exp2(-0.33 * way)
        case "pull out":
            zoom = torch.exp2(0.33 * way)
    return Track(
        x=x,
        y=lift,
        height=height * zoom,
        keystone=_KEYSTONE[shot.angle],
        horizon=_LIFT[shot.angle],
    )


def _framing(scene: Scene, shot: Shot) -> tuple[float, float]:
    """Height of the frame and of its middle before the camera moves."""
    if shot.size == "wide" or not shot.roles:
        return WIDE_HEIGHT, WIDE_MIDDLE
    subjects = [scene.cast[role.who] for role in shot.roles]
    if shot.framing == "two-shot":
        tallest = max(STATURE[s.build] if isinstance(s, Person) else 0.6 for s in subjects)
        return 1.05 * tallest, 0.68 * tallest
    subject = subjects[0]
    if isinstance(subject, Animal):
        return _ANIMAL[shot.size]
    height, middle = _PERSON[shot.size]
    stature = STATURE[subject.build]
    return height * stature, middle * stature


def _aim(shot: Shot, seconds: Tensor, width: float) -> Tensor:
    """Where the frame's middle is when nothing but tracking moves it [T, 1, 1]."""
    if not shot.roles:
        return torch.zeros_like(seconds)
    subject = feet(shot, 0, seconds)
    if shot.framing == "two-shot":
        return (subject + feet(shot, 1, seconds)) / 2
    # A little room in front of the face.
    room = {"single": 0.05, "over-the-shoulder": 0.12}.get(shot.framing, 0.0)
    aim = subject + shot.roles[0].facing * room * width
    # In a wide shot people stand where they stand: the camera only leans towards them.
    return aim * 0.6 if shot.size == "wide" and shot.movement != "tracking" else aim


def look(track_: Track, height: int, width: int, depth: float = 1.0) -> tuple[Tensor, Tensor]:
    """World coordinates of every pixel's centre at a depth: x [T, H, W], y [T, H, 1].

    Distant things (depth 0) follow pans and zooms less than near ones.
    """
    device = track_.x.device
    u = (torch.arange(width, device=device) + 0.5) / width * 2 - 1
    v = 1 - (torch.arange(height, device=device) + 0.5) / height * 2
    u, v = u.view(1, 1, -1), v.view(1, -1, 1)
    zoom = track_.height / WIDE_HEIGHT
    shown = WIDE_HEIGHT * zoom ** (0.45 + 0.55 * depth)
    x = track_.x * depth + u * shown / 2 * (width / height) * (1 + track_.keystone * v)
    middle = WIDE_MIDDLE + (track_.y - WIDE_MIDDLE) * (0.35 + 0.65 * depth)
    y = middle + v * shown / 2 + track_.horizon * (1 - depth) * shown * 0.6
    return x, y
