"""Shots in a row -> scenes of about the wanted length, in the film's own order.

A film is parted where its shots are least alike; what fits no scene stays out and is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holocine_core.ingest.scan import Scan
from holocine_core.ingest.shots import SHORTEST, Shot
from holocine_core.script.timeline import FrameSpan

LENGTHS = (5.0, 15.0, 60.0)
"""Seconds of the paper's scenes (arXiv 2510.20822)."""
WITHIN = (0.6, 1.15)
"""Shares of the wanted length between which a scene may be."""
MOST_SHOTS = 13
"""Shots of a scene, as in the paper."""
_LEFT_OUT = 1.0
"""Cost of a second that no scene has, beside breaks and likeness."""
_UNLIKE = 3.0
"""Cost of passing over to a shot that is wholly unlike those before, within a scene; a break there
costs as much less."""
_RECALL = 3
"""Shots before it that a shot may be like: films go to and fro."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A shot's share in a sample.

    Attributes:
        shot: The shot.
        first: The film's frame that it was cut from: the shot's first, or that of a piece of it.
        begins: When its first frame in the clip is shown, in the film's seconds.
        frames: Of the clip, at the model's rate.
        trimmed: Seconds of the shot, or of the stretch of it that was meant, that are left out.
    """

    shot: Shot
    first: int
    begins: Fraction
    frames: int
    trimmed: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCut:
    """Consecutive shots that become one sample.

    Attributes:
        length: Seconds that were wanted.
    """

    length: float
    parts: tuple[Part, ...]

    @property
    def frames(self) -> int:
        return sum(part.frames for part in self.parts)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "frames": self.frames,
            "shots": [
                {
                    "first": part.first,
                    "begins": round(float(part.begins), 6),
                    "frames": part.frames,
                    "trimmed": round(float(part.trimmed), 6),
                }
                for part in self.parts
            ],
        }

    @property
    def spans(self) -> tuple[FrameSpan, ...]:
        """Each shot's frames in the clip."""
        edges = [0]
        for part in self.parts:
            edges.append(edges[-1] + part.frames)
        return tuple(map(FrameSpan, edges[:-1], edges[1:]))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A shot, or a piece of one that is longer than a scene."""

    shot: Shot
    first: int
    begins: Fraction
    ends: Fraction
    continues: bool


def compose(
    shots: Sequence[Shot], scan: Scan, length: float, *, fps: int, longest: int
) -> tuple[SceneCut, ...]:
    """Scenes of about ``length`` seconds.

    Args:
        shots: A film's, in order, with their flaws.
        scan: Of the film.
        length: Seconds that are wanted.
        fps: The model's frame rate.
        longest: Frames that no scene may exceed.
    """
    most = min(length * WITHIN[1], longest / fps)
    signs = [_sign(shot, scan) for shot in shots]
    scenes: list[SceneCut] = []
    for run in _runs(shots):
        stretches: list[_Stretch] = []
        unlike: list[float] = []
        for number in run:
            pieces = list(_pieces(shots[number], most))
            before = range(max(run[0], number - _RECALL), number)
            nearest = min((_unlike(signs[number], signs[n]) for n in before), default=1.0)
            stretches += pieces
            unlike += [nearest, *[1.0] * (len(pieces) - 1)]
        for begin, end in _parted(stretches, unlike, length, most):
            scene = _scene(stretches[begin:end], length, fps)
            if scene is not None:
                scenes.append(scene)
    return tuple(scenes)


def _runs(shots: Sequence[Shot]) -> Iterator[list[int]]:
    """Shots that may stand in one scene: none with a flaw, no open question between them."""
    run: list[int] = []
    for number, shot in enumerate(shots):
        if run and (shot.flaws or shot.asked or shot.broken):
            yield run
            run = []
        if not shot.flaws:
            run.append(number)
    if run:
        yield run


def _pieces(shot: Shot, most: float) -> Iterator[_Stretch]:
    """A shot, or as many equal pieces as make each short enough."""
    count = -(-shot.seconds // Fraction(most))
    each = shot.seconds / count
    for number in range(int(count)):
        begins = shot.begins + number * each
        first = shot.first + number * (shot.stop - shot.first) // int(count)
        yield _Stretch(shot, first, begins, begins + each, number > 0)


def _parted(
    stretches: Sequence[_Stretch], unlike: Sequence[float], length: float, most: float
) -> list[tuple[int, int]]:
    """Which stretches make a scene, half-open: the cheapest way to part them all."""
    least = min(WITHIN[0] * length, most)
    count = len(stretches)
    best: list[tuple[float, tuple[tuple[int, int], ...]]] = [(0.0, ())]
    for end in range(1, count + 1):
        last = stretches[end - 1]
        left_out = float(last.ends - last.begins) * _LEFT_OUT
        options = [(best[end - 1][0] + left_out, best[end - 1][1])]
        total = within = 0.0
        for begin in range(end - 1, max(-1, end - 1 - MOST_SHOTS), -1):
            total += float(stretches[begin].ends - stretches[begin].begins)
            if total > most + 1e-6:
                break
            if total >= least - 1e-6:
                # Every scene that could be longer costs a little: prefer those near the length.
                price = best[begin][0] + within + 0.1 * abs(total - length)
                options.append((price, (*best[begin][1], (begin, end))))
            if stretches[begin].continues:
                break  # Two pieces of one shot are no cut.
            within += _UNLIKE * unlike[begin] ** 2
        best.append(min(options, key=lambda option: option[0]))
    return list(best[-1][1])


def _scene(stretches: Sequence[_Stretch], length: float, fps: int) -> SceneCut | None:
    """A scene on the grid 4t+1: its first shot has 4t+1 frames, the others 4t."""
    parts = []
    for number, one in enumerate(stretches):
        fitting = int((one.ends - one.begins) * fps)
        first = 1 if number == 0 else 0
        frames = (fitting - first) // 4 * 4 + first
        if frames < SHORTEST - 1 + first:
            return None
        trimmed = one.ends - one.begins - Fraction(frames, fps)
        # As much from either end: what is nearest to a neighbour goes first.
        parts.append(
            Part(
                shot=one.shot,
                first=one.first,
                begins=one.begins + trimmed / 2,
                frames=frames,
                trimmed=trimmed,
            )
        )
    return SceneCut(length=length, parts=tuple(parts))


def _sign(shot: Shot, scan: Scan) -> NDArray[np.float32]:
    """A shot's colours: how much of its pictures has each of 64."""
    count = min(5, shot.stop - shot.first)
    at = [shot.first + int((i + 0.5) * (shot.stop - shot.first) / count) for i in range(count)]
    pixels = (scan.small_nHW3[at] >> 6).reshape(-1, 3).astype(np.int64)
    shades = np.bincount(pixels @ np.array([16, 4, 1]), minlength=64)
    sign: NDArray[np.float32] = (shades / shades.sum()).astype(np.float32)
    return sign


def _unlike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """0 where two shots have the same colours, 1 where they share none."""
    return float(1 - np.minimum(one, other).sum())
