"""Poses: where a person's parts are at every moment of an action.

Everything is a tensor [T, 1, 1] in the person's own units (feet at 0, an adult's crown at 1) or
radians; motion is periodic and slow enough for 15 frames a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_SPEED = {"walk": 0.35, "run": 0.8}


def travel(action: str, seconds: Tensor) -> Tensor:
    """Distance walked or run along the facing since the shot began."""
    return seconds * _SPEED.get(action, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A person at every moment.

    Attributes:
        rise: How far the body is lifted (negative: sunk).
        lean: Sideways shift of the head against the hips; positive is forward.
        bow: How far the head comes down and forward, 0..1.
        left_leg: Angle of the leg from straight down; positive is forward.
        right_leg: As ``left_leg``.
        fold: How far the legs are folded for sitting, 0..1.
        left_arm: Angle of the upper arm from hanging down; positive is outwards.
        right_arm: As ``left_arm``; this is the arm on the side the person faces.
        left_bend: Angle of the forearm against the upper arm.
        right_bend: As ``left_bend``.
        mouth: How far the mouth is open, 0..1.
        merry: How closed the eyes are in laughter, 0..1.
        nod: How far the face looks down, in units.
    """

    rise: Tensor
    lean: Tensor
    bow: Tensor
    left_leg: Tensor
    right_leg: Tensor
    fold: Tensor
    left_arm: Tensor
    right_arm: Tensor
    left_bend: Tensor
    right_bend: Tensor
    mouth: Tensor
    merry: Tensor
    nod: Tensor


def pose(action: str, seconds: Tensor, carries: bool) -> Pose:
    """The pose of an action.

    Args:
        action: One of the world's actions.
        seconds: Time [T, 1, 1].
        carries: Whether the hand on the far side holds something and stays up.
    """
    at = _at_rest(seconds) | _doing(action, seconds)
    if carries:
        at["left_arm"], at["left_bend"] = 0.55 + 0.03 * _breath(seconds), at["bow"] * 0 - 0.9
    return Pose(**at)


def _breath(seconds: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * seconds / 2.4)


def _at_rest(seconds: Tensor) -> dict[str, Tensor]:
    """Standing and breathing."""
    none, breath = torch.zeros_like(seconds), _breath(seconds)
    return {
        "rise": 0.004 * breath, "lean": none, "bow": none, "fold": none, "nod": none,
        "left_leg": none - 0.07, "right_leg": none + 0.07,
        "left_arm": none + 0.22 + 0.03 * breath, "right_arm": none + 0.22 + 0.03 * breath,
        "left_bend": none + 0.15, "right_bend": none + 0.15,
        "mouth": none, "merry": none,
    }  # fmt: skip


def _doing(action: str, seconds: Tensor) -> dict[str, Tensor]:
    """What an action changes of standing."""
    none, breath = torch.zeros_like(seconds), _breath(seconds)
    beat = 2 * math.pi * seconds
    at: dict[str, Tensor] = {}
    match action:
        case "walk" | "run":
            period, reach = (1.0, 0.42) if action == "walk" else (0.8, 0.62)
            swing = torch.sin(beat / period)
            at |= {"left_leg": reach * swing, "right_leg": -reach * swing}
            at |= {"left_arm": 0.15 - reach * swing, "right_arm": 0.15 + reach * swing}
            at["left_bend"] = at["right_bend"] = none + (0.3 if action == "walk" else 1.2)
            at["rise"] = (0.012 if action == "walk" else 0.03) * torch.cos(2 * beat / period)
            at["lean"] = none + (0.01 if action == "walk" else 0.045)
        case "wave":
            at["right_arm"] = none + 2.45
            at["right_bend"] = 0.25 + 0.55 * torch.sin(beat / 0.9)
        case "point":
            at["right_arm"] = none + 1.5 + 0.05 * breath
            at["right_bend"] = none
        case "jump":
            hop = torch.sin(beat / 1.2).clamp_min(0)
            at["rise"] = 0.17 * hop
            at["left_arm"] = at["right_arm"] = 0.35 + 1.5 * hop
            at["left_leg"], at["right_leg"] = -0.1 - 0.3 * hop, 0.1 + 0.3 * hop
        case "dance":
            sway = torch.sin(beat / 1.4)
            at |= {"lean": 0.05 * sway, "rise": 0.02 * torch.cos(2 * beat / 1.4)}
            at |= {"left_arm": 1.6 + 0.7 * sway, "right_arm": 1.6 - 0.7 * sway}
            at |= {"left_leg": -0.2 + 0.16 * sway, "right_leg": 0.2 + 0.16 * sway}
        case "sit":
            at |= {"fold": none + 1, "rise": none - 0.17 + 0.004 * breath}
            at |= {"left_arm": none + 0.35, "right_arm": none + 0.35}
            at |= {"left_bend": none - 0.7, "right_bend": none - 0.7}
        case "bow":
            down = 0.5 - 0.5 * torch.cos(beat / 1.6)
            at |= {"bow": down, "left_arm": 0.2 + 0.3 * down, "right_arm": 0.2 - 0.9 * down}
        case "talk":
            at["mouth"] = (0.5 + 0.5 * torch.sin(beat / 0.5)) * (
                0.75 + 0.25 * torch.sin(beat / 1.7)
            )
            at["right_arm"] = 0.45 + 0.2 * torch.sin(beat / 1.3)
            at["right_bend"] = none - 1.1
        case "laugh":
            at |= {"merry": none + 1, "mouth": none + 0.9}
            at["rise"] = 0.012 * torch.sin(beat / 0.4)
        case "nod":
            at["nod"] = 0.022 * (1 - torch.cos(beat / 0.9))
        case _:
            pass
    return at
