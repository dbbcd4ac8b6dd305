"""Poses: where a person's joints are at every moment of an action.

Units are the person's own (feet at 0, an adult's crown at 1, the way it faces is positive),
angles are radians; everything is one number per frame [T]. Actions repeat themselves and are slow
enough for 15 frames a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from holocine_core.lab.stage.cutout import Frames

_SPEED = {"walk": 0.35, "run": 0.8}
PERIOD = {
    "stand": 1.6, "walk": 1.0, "run": 0.8, "wave": 0.8, "jump": 1.5, "dance": 1.6, "sit": 1.6,
    "point": 1.2, "bow": 1.6, "talk": 1.2, "laugh": 0.8, "nod": 0.8,
}  # fmt: skip
"""Seconds after which an action begins again."""
HIP = 0.335
SHOULDER = 0.565
CARRYING: Mapping[str, tuple[float, float]] = {
    "lantern": (0.32, 1.05),
    "umbrella": (0.45, 2.60),
    "balloon": (0.45, 1.95),
    "book": (0.38, -0.85),
    "basket": (0.30, 0.95),
}
"""How the arm is held that carries a prop: angles of the upper arm and of the forearm."""


def travel(action: str, seconds: Tensor) -> Tensor:
    """Distance along the facing since the shot began."""
    return seconds * _SPEED.get(action, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Angles from hanging straight down; positive is away from the body."""

    upper: Frames
    fore: Frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A leg from its hip.

    Attributes:
        x: Of the foot, from straight below the hip.
        y: Of the foot, from the ground.
        knee: How far the knee stands out forwards (or sideways).
        lift: How far the knee is lifted.
    """

    x: Frames
    y: Frames
    knee: Frames
    lift: Frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A person at every moment.

    Attributes:
        rise: How far the hips are lifted.
        sway: How far they are shifted.
        lean: Slant of what is above the hips, sideways per height.
        bow: 0 upright .. 1 bent down deeply.
        shrug: How far the shoulders are lifted.
        near: The arm on the side away from where the person faces: it carries.
        far: The other one: it points and waves.
        near_leg: The leg on the side of the near arm.
        far_leg: The other one.
        tilt: Slant of the head against the body.
        pitch: How far the face looks down, in units.
        smiles: Whether the mouth stays closed.
        mouth: How far it is open, 0..1.
        merry: Whether the eyes are closed in laughter.
        lids: 1 open eyes .. 0 closed.
        brows: How far the brows are raised.
    """

    rise: Frames
    sway: Frames
    lean: Frames
    bow: Frames
    shrug: Frames
    near: Arm
    far: Arm
    near_leg: Leg
    far_leg: Leg
    tilt: Frames
    pitch: Frames
    smiles: bool
    mouth: Frames
    merry: bool
    lids: Frames
    brows: Frames


def pose(action: str, seconds: Frames, prop: str) -> Pose:
    """The pose of an action.

    Args:
        action: One of the world's.
        seconds: [T].
        prop: What the near arm holds, all through the action.
    """
    p = (2 * np.pi / PERIOD[action]) * seconds
    at = _MOVES[action](_rest(p, seconds), p)
    if prop in CARRYING:
        upper, fore = CARRYING[prop]
        at = replace(at, near=Arm(upper=_held(p, upper), fore=_held(p, fore)))
    return at


def _held(p: Frames, value: float) -> Frames:
    """The same in every frame."""
    return np.full_like(p, value)


def lids(seconds: Frames, first: float) -> Frames:
    """Eyes over time, 1 open .. 0 closed: every 2.4 seconds a blink of two frames."""
    off: Frames = np.abs(np.mod(seconds - first + 1.2, 2.4) - 1.2)
    open_: Frames = np.clip((off - 0.07) / 0.06, 0, 1)
    return open_


def _rest(p: Frames, seconds: Frames) -> Pose:
    """Standing: all that an action leaves alone."""
    still = _held(p, 0.0)
    foot = Leg(x=still, y=still, knee=still, lift=still)
    arm = Arm(upper=_held(p, 0.20), fore=_held(p, 0.08))
    return Pose(
        rise=still, sway=still, lean=still, bow=still, shrug=still,
        near=arm, far=arm, near_leg=foot, far_leg=foot,
        tilt=0.03 * np.sin(p), pitch=still, smiles=True, mouth=still, merry=False,
        lids=lids(seconds, 0.7), brows=still,
    )  # fmt: skip


def _stand(at: Pose, p: Frames) -> Pose:
    breath = 0.5 + 0.5 * np.sin(p)
    arm = Arm(upper=0.19 + 0.04 * breath, fore=0.06 + 0.04 * breath)
    return replace(at, shrug=0.007 * breath, near=arm, far=arm)


def _step(p: Frames, reach: float, lift: float, knee: float) -> Leg:
    """A foot that goes back on the ground and forward through the air."""
    up = np.clip(np.cos(p), 0, None)
    bent = 0.015 + knee * up
    return Leg(x=reach * np.sin(p), y=lift * up, knee=bent, lift=0.5 * bent)


def _walk(at: Pose, p: Frames) -> Pose:
    swing = np.sin(p)
    return replace(
        at,
        rise=0.010 * np.cos(2 * p) - 0.004,
        lean=0.04 + 0.02 * np.sin(2 * p),
        near=Arm(upper=0.22 + 0.40 * swing, fore=0.05 + 0.35 * swing),
        far=Arm(upper=0.22 + 0.40 * swing, fore=0.30 + 0.40 * swing),
        near_leg=_step(p, 0.10, 0.035, 0.035),
        far_leg=_step(p + np.pi, 0.10, 0.035, 0.035),
        tilt=0.05 * np.sin(p),
    )


def _run(at: Pose, p: Frames) -> Pose:
    swing = np.sin(p)
    return replace(
        at,
        rise=0.022 + 0.028 * np.cos(2 * p),
        lean=0.22 + 0.03 * np.sin(2 * p),
        near=Arm(upper=0.55 + 0.55 * swing, fore=-0.95 + 0.55 * swing),
        far=Arm(upper=0.30 + 0.55 * swing, fore=1.75 + 0.45 * swing),
        near_leg=_step(p, 0.145, 0.10, 0.075),
        far_leg=_step(p + np.pi, 0.145, 0.10, 0.075),
        tilt=-0.10 + 0.03 * swing,
        brows=_held(p, 0.006),
        smiles=False,
        mouth=_held(p, 0.30),
    )


def _wave(at: Pose, p: Frames) -> Pose:
    return replace(
        at,
        far=Arm(upper=1.72 + 0.10 * np.sin(p), fore=2.45 + 0.50 * np.sin(p)),
        lean=_held(p, -0.03),
        tilt=-0.06 + 0.05 * np.sin(p),
        brows=_held(p, 0.010),
        smiles=False,
        mouth=_held(p, 0.35),
    )


def _jump(at: Pose, p: Frames) -> Pose:
    # Up for three fifths of the period, crouching in between.
    phase = np.mod(p / (2 * np.pi), 1.0)
    air = np.where(phase < 0.6, np.sin(np.pi * phase / 0.6), 0.0) ** 2
    crouch = np.where(phase < 0.6, 0.0, np.sin(np.pi * (phase - 0.6) / 0.4)) ** 2
    lift = 0.5 - 0.5 * np.cos(p + 0.4)
    up = Arm(upper=0.45 + 1.45 * lift, fore=0.35 + 1.75 * lift)
    out, bent = 0.045 * air, 0.05 * (air + crouch)
    return replace(
        at,
        rise=0.19 * air - 0.055 * crouch,
        near=up,
        far=up,
        near_leg=Leg(x=-out, y=0.15 * air, knee=-bent, lift=0.5 * bent),
        far_leg=Leg(x=out, y=0.15 * air, knee=bent, lift=0.5 * bent),
        smiles=False,
        mouth=0.15 + 0.75 * air,
        brows=0.014 * air,
        pitch=0.012 * crouch - 0.010 * air,
    )


def _kick(way: int, kick: Frames, side: Frames) -> Leg:
    """A foot that is thrown out to its side."""
    bent = 0.05 * kick
    return Leg(x=way * 0.10 * kick - 0.03 * side, y=0.075 * kick, knee=way * bent, lift=0.5 * bent)


def _dance(at: Pose, p: Frames) -> Pose:
    side, beat = np.sin(p), np.cos(2 * p)
    kick = np.clip(side, 0, None) ** 2
    other = np.clip(-side, 0, None) ** 2
    return replace(
        at,
        rise=0.014 * beat,
        sway=0.045 * side,
        lean=-0.16 * side,
        near=Arm(upper=1.35 - 0.85 * side, fore=1.85 - 1.05 * side),
        far=Arm(upper=1.35 + 0.85 * side, fore=1.85 + 1.05 * side),
        near_leg=_kick(-1, kick, side),
        far_leg=_kick(1, other, side),
        tilt=0.16 * side,
        smiles=False,
        mouth=_held(p, 0.40),
        brows=_held(p, 0.008),
    )


def _sit(at: Pose, p: Frames) -> Pose:
    swing = np.sin(p)
    return replace(
        at,
        rise=_held(p, -0.115),
        near=Arm(upper=_held(p, 0.38), fore=_held(p, -0.42)),
        far=Arm(upper=_held(p, 0.38), fore=_held(p, -0.42)),
        near_leg=Leg(
            x=_held(p, -0.065), y=_held(p, 0.0), knee=_held(p, -0.040), lift=_held(p, 0.048)
        ),
        far_leg=Leg(
            x=0.085 + 0.030 * swing,
            y=0.020 + 0.018 * swing,
            knee=0.032 - 0.015 * swing,
            lift=_held(p, 0.040),
        ),
        tilt=0.07 * swing,
        shrug=0.004 * swing,
    )


def _point(at: Pose, p: Frames) -> Pose:
    push = np.sin(p)
    return replace(
        at,
        far=Arm(upper=1.50 + 0.09 * push, fore=1.60 + 0.13 * push),
        lean=0.05 + 0.02 * push,
        brows=_held(p, 0.012),
        smiles=False,
        mouth=0.20 + 0.15 * push,
        tilt=_held(p, 0.03),
    )


def _bow(at: Pose, p: Frames) -> Pose:
    down = (0.5 - 0.5 * np.cos(p)) ** 1.5
    return replace(
        at,
        bow=down,
        near=Arm(upper=0.20 + 0.75 * down, fore=0.10 + 0.85 * down),
        far=Arm(upper=0.20 + 0.20 * down, fore=0.10 - 1.45 * down),
        pitch=0.035 * down,
        lids=1 - np.clip(2.5 * down - 1, 0, 1),
        tilt=_held(p, 0.0),
    )


def _talk(at: Pose, p: Frames) -> Pose:
    # Three syllables, the last one long.
    voice = 0.5 + 0.5 * np.sin(3 * p)
    mouth = 0.12 + 0.88 * voice * (0.72 + 0.28 * np.sin(p))
    return replace(
        at,
        smiles=False,
        mouth=mouth,
        pitch=0.006 * np.sin(2 * p),
        tilt=0.07 * np.sin(p),
        brows=0.006 + 0.008 * np.sin(p),
        far=Arm(upper=0.42 + 0.14 * np.sin(p), fore=1.60 + 0.42 * np.sin(p + 0.6)),
    )


def _laugh(at: Pose, p: Frames) -> Pose:
    shake = np.sin(2 * p)
    return replace(
        at,
        shrug=0.016 + 0.013 * shake,
        rise=0.005 * shake,
        lean=-0.05 + 0.02 * np.sin(p),
        tilt=-0.10 + 0.08 * np.sin(p),
        pitch=-0.010 + 0.010 * shake,
        smiles=False,
        mouth=0.80 + 0.20 * shake,
        merry=True,
        brows=_held(p, 0.014),
        near=Arm(upper=_held(p, 0.42), fore=-0.95 + 0.07 * shake),
        far=Arm(upper=_held(p, 0.42), fore=-0.95 + 0.07 * shake),
    )


def _nod(at: Pose, p: Frames) -> Pose:
    return replace(
        at,
        pitch=0.010 + 0.030 * np.sin(p),
        tilt=_held(p, 0.0),
        brows=-0.004 * np.sin(p),
    )


_MOVES: Mapping[str, Callable[[Pose, Frames], Pose]] = {
    "stand": _stand, "walk": _walk, "run": _run, "wave": _wave, "jump": _jump, "dance": _dance,
    "sit": _sit, "point": _point, "bow": _bow, "talk": _talk, "laugh": _laugh, "nod": _nod,
}  # fmt: skip
