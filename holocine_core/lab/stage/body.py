"""Bodies: how a person's parts lie in every frame, before anything is drawn.

Units: an adult's crown is at 1, the feet are at 0; the way a person faces is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holocine_core.lab.stage import hats, props
from holocine_core.lab.stage.cutout import Box, Frames, Place, Track, span
from holocine_core.lab.stage.poses import HIP, SHOULDER, Arm, Leg, pose
from holocine_core.lab.stage.world import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Proportions, in the person's own units (half widths and radii).

    Attributes:
        stature: Height of the crown.
        shoulder: Half width at the shoulders.
        waist: Half width at the hips.
        arm: Radius of a sleeve.
        leg: Radius of a trouser leg.
        head: How wide the head is, against a slim one's.
    """

    stature: float
    shoulder: float
    waist: float
    arm: float
    leg: float
    head: float


BUILDS = {
    "small": Build(stature=0.78, shoulder=0.122, waist=0.128, arm=0.042, leg=0.052, head=1.06),
    "slim": Build(stature=1.0, shoulder=0.122, waist=0.106, arm=0.038, leg=0.046, head=1.0),
    "broad": Build(stature=1.0, shoulder=0.190, waist=0.188, arm=0.054, leg=0.066, head=1.05),
}
COLLAR, NECK = 0.618, 0.62
_UPPER, _FORE = 0.125, 0.118
LIVELY = {"walk": 0.025, "run": 0.040, "dance": 0.040, "jump": 0.030}
"""How far props swing."""
SWING = 1.6
"""Seconds after which they swing again."""
_HAIR = {"curly": 0.212, "braids": 0.222, "long": 0.192}
"""Half widths; other hair ends at the ears."""

Point = tuple[Track, Track]


class Body:
    """One person's parts in every frame of an action.

    Attributes:
        at: The pose.
        build: Proportions.
        hips: Coordinates of what hangs from the hips, as all places in the person's own.
        trunk: Coordinates of the trunk and arms.
        head: Coordinates of the head, as tall as if it stood upright.
        near: Shoulder, elbow and hand of the carrying arm, in the trunk's coordinates.
        far: Those of the other arm.
        near_leg: Hip, knee and ankle of the leg on the carrying side.
        far_leg: Those of the other leg.
        swing: How far what hangs or flies is swung to the side.
    """

    def __init__(self, person: Person, action: str, seconds: Frames) -> None:
        at = pose(action, seconds, person.prop)
        self.person, self.at = person, at
        self.sits, self.points = action == "sit", action == "point"
        self.swing = LIVELY.get(action, 0.012) * np.sin(2 * np.pi / SWING * seconds)
        self.build = BUILDS[person.build]
        self.hips = Place().moved(at.sway, at.rise)
        self.trunk = self.hips.leaned(at.lean + 0.42 * at.bow, HIP).pressed(1 - 0.24 * at.bow, HIP)
        neck = self.trunk.moved(0.0, NECK + 0.9 * at.shrug)
        self.head = Place(
            left=neck.left + 0.04 * at.bow,
            low=neck.low - NECK - 0.05 * at.bow - 0.3 * at.pitch,
            wide=self.build.head,
        ).leaned(at.tilt + 0.35 * at.lean + 0.20 * at.bow, NECK)
        self.near, self.far = self._joints(at.near, -1), self._joints(at.far, 1)
        self.near_leg, self.far_leg = self._leg(at.near_leg, -1), self._leg(at.far_leg, 1)

    @property
    def hand(self) -> Place:
        """Upright coordinates around the hand that carries."""
        there = self.trunk.moved(*self.near[2])
        return Place(left=there.left, low=there.low)

    @property
    def hem(self) -> float:
        """Where a shirt or coat ends, in the trunk's coordinates."""
        if self.person.top == "shirt":
            return 0.325
        return 0.285 if self.sits else 0.185

    @property
    def skirt(self) -> tuple[float, float]:
        """Where a skirt ends and how wide it is there, in the hips' coordinates."""
        low = 0.105 if self.person.top == "coat" else 0.150
        if self.sits:
            return low + 0.100, self.build.waist + 0.13
        return low, self.build.waist + 0.105

    @property
    def torso(self) -> Box:
        """What holds the top, in the trunk's coordinates."""
        flare = 0.045 if self.person.top == "coat" else 0.0
        wide = max(self.build.shoulder, self.build.waist + flare)
        return -wide, self.hem, wide, COLLAR + 0.03

    @property
    def bag(self) -> Box:
        """What holds a satchel's bag, in the trunk's coordinates."""
        side = self.build.waist + 0.012
        return side - 0.0775, 0.24, side + 0.0775, 0.37

    @property
    def held(self) -> Box:
        """What holds a prop, in the hand's coordinates."""
        x0, y0, x1, y1 = props.BOXES[self.person.prop]
        sway = float(np.abs(self.swing).max())
        return x0 - sway, y0, x1 + sway, y1

    def _joints(self, arm: Arm, side: int) -> list[Point]:
        """Shoulder, elbow and hand in the trunk's coordinates."""
        sx = side * (self.build.shoulder - self.build.arm * 0.80)
        sy = SHOULDER + self.at.shrug
        ex = sx + side * _UPPER * np.sin(arm.upper)
        ey = sy - _UPPER * np.cos(arm.upper)
        hand = ex + side * _FORE * np.sin(arm.fore), ey - _FORE * np.cos(arm.fore)
        return [(sx + 0 * sy, sy), (ex, ey), hand]

    def _leg(self, leg: Leg, side: int) -> list[Point]:
        """Hip, knee and ankle."""
        at = self.at
        hip_x = side * (self.build.waist - self.build.leg) * 0.92
        foot = (hip_x + leg.x, 0.045 + leg.y)
        hip = (hip_x + at.sway, HIP - 0.02 + at.rise)
        knee_x = (hip[0] + foot[0]) / 2 + leg.knee
        return [hip, (knee_x, (hip[1] + foot[1]) / 2 + leg.lift), foot]

    def reach(self) -> Box:
        """What holds everything in every frame."""
        person, build = self.person, self.build
        ears = _HAIR.get(person.hair_style, 0.178)
        bare = person.headwear == "none"
        crown = 1.055 if bare and person.hair_style in ("curly", "bun") else 0.998
        parts = [
            self.head.around((-ears, 0.60, ears, 0.85)),
            self.head.around((-0.175, 0.84, 0.175, crown)),
            self.head.around(hats.BOXES[person.headwear]),
            self.trunk.around(self.torso),
            span(self.near_leg, max(build.leg, 0.046)),
            span(self.far_leg, max(build.leg, 0.046)),
            span([(x + 0.076, y) for x, y in (self.near_leg[2], self.far_leg[2])], 0.0),
            self._swept(self.near, 0.038),
            self._swept(self.far, 0.080 if self.points else 0.038),
        ]
        if person.bottom == "skirt":
            low, wide = self.skirt
            parts.append(self.hips.around((-wide, low, wide, HIP)))
        if person.accessory == "satchel":
            parts.append(self.trunk.around(self.bag))
        if person.prop != "none":
            parts.append(self.hand.around(self.held))
        return (
            min(p[0] for p in parts), min(p[1] for p in parts),
            max(p[2] for p in parts), max(p[3] for p in parts),
        )  # fmt: skip

    def _swept(self, joints: list[Point], around: float) -> Box:
        """What holds an arm."""
        there = [self.trunk.moved(x, y) for x, y in joints]
        hands = span([(there[2].left, there[2].low)], around)
        sleeves = span([(place.left, place.low) for place in there[:2]], self.build.arm * 1.1)
        return (
            min(hands[0], sleeves[0]), min(hands[1], sleeves[1]),
            max(hands[2], sleeves[2]), max(hands[3], sleeves[3]),
        )  # fmt: skip
