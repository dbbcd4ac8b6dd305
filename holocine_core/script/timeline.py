"""Exact film arithmetic: seconds, frames, latent frames, cuts.

The causal video VAE turns the first frame into one latent frame and every further four frames into
one more, so scene lengths and cut frames live on the grid 4t+1. A cut at frame ``c`` (the first
frame of the new shot) starts that shot at latent frame ``(c-1)//4 + 1``.

Nothing here rounds in silence: a value that has to move comes back as a :class:`Moved`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NewType

TEMPORAL_STRIDE = 4
Seconds = NewType("Seconds", float)
DeliveredFrame = NewType("DeliveredFrame", int)
"""A frame of the film that is handed on, counted at its own rate."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open interval: ``start`` is in, ``stop`` is out. Its kinds say of what: no room takes
    frames for latent frames."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"a span runs forward from 0, not {self.start} to {self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))


class FrameSpan(Span):
    """Frames of a scene or of a reel, at the model's rate."""

    __slots__ = ()


class DeliveredSpan(Span):
    """Frames of the film that is handed on, at its own rate."""

    __slots__ = ()

    @classmethod
    def of(cls, start: DeliveredFrame, stop: DeliveredFrame) -> DeliveredSpan:
        """From one frame to another."""
        return cls(start, stop)


class LatentSpan(Span):
    """Latent frames of a scene."""

    __slots__ = ()


class TokenSpan(Span):
    """A transformer's video tokens."""

    __slots__ = ()


class TextSpan(Span):
    """A prompt's tokens."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """A time as it was asked for and as the grid gives it, in frames."""

    asked: Fraction
    got: int

    @property
    def moved(self) -> bool:
        return self.asked != self.got


def on_grid(frame: int) -> bool:
    """Whether a frame number (or a frame count) is of the form 4t+1."""
    return frame >= 1 and (frame - 1) % TEMPORAL_STRIDE == 0


def nearest_on_grid(frames: Fraction | int) -> int:
    """The nearest 4t+1 of at least 1; exactly between two, the later one."""
    steps = math.floor(Fraction(frames - 1) / TEMPORAL_STRIDE + Fraction(1, 2))
    return max(0, steps) * TEMPORAL_STRIDE + 1


def latent_frames(frames: int) -> int:
    """Latent frames of a clip: 81 -> 21. Raises ValueError off the grid."""
    if not on_grid(frames):
        raise ValueError(f"{frames} frames are not 4t+1")
    return 1 + (frames - 1) // TEMPORAL_STRIDE


def latent_frame_of(frame: int) -> int:
    """The latent frame that holds pixel frame ``frame`` (counted from 0)."""
    return 0 if frame == 0 else (frame - 1) // TEMPORAL_STRIDE + 1


def pixel_span(latent: int) -> FrameSpan:
    """The pixel frames that latent frame ``latent`` decodes to."""
    if latent == 0:
        return FrameSpan(0, 1)
    return FrameSpan(TEMPORAL_STRIDE * (latent - 1) + 1, TEMPORAL_STRIDE * latent + 1)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A scene's length and cuts, all on the grid.

    Args:
        frames: Frames of the scene, 4t+1.
        cuts: First frame of every shot but the first, 4t+1, rising, inside the scene.
        fps: Frames per second.

    Raises:
        ValueError: Where a value is off the grid or a shot would be empty.
    """

    frames: int
    cuts: tuple[int, ...]
    fps: Fraction

    def __post_init__(self) -> None:
        if self.fps <= 0:
            raise ValueError("fps must be above 0")
        latent_frames(self.frames)
        for cut in self.cuts:
            if not on_grid(cut):
                raise ValueError(f"cut {cut} is not 4t+1")
        for before, after in pairwise((0, *self.cuts, self.frames)):
            if after <= before:
                raise ValueError(f"no room for a shot between frames {before} and {after}")

    @property
    def shots(self) -> int:
        return len(self.cuts) + 1

    @property
    def latent_frames(self) -> int:
        return latent_frames(self.frames)

    @property
    def shot_spans(self) -> tuple[FrameSpan, ...]:
        """Pixel frames of every shot."""
        return tuple(FrameSpan(a, b) for a, b in pairwise((0, *self.cuts, self.frames)))

    @property
    def latent_spans(self) -> tuple[LatentSpan, ...]:
        """Latent frames of every shot; each holds at least one."""
        starts = (0, *(latent_frame_of(cut) for cut in self.cuts), self.latent_frames)
        return tuple(LatentSpan(a, b) for a, b in pairwise(starts))

    def seconds(self, frames: int) -> Seconds:
        return Seconds(float(frames / self.fps))


def even_cuts(frames: int, shots: int) -> list[Moved]:
    """Evenly spaced cuts as the release places them: round(i*frames/N), then the nearest 4t+1.

    Shots of a latent frame or two collide so: where there is room, latent frames are shared out.
    """
    asked = [Fraction(round(Fraction(i * frames, shots))) for i in range(1, shots)]
    cuts = [Moved(cut, nearest_on_grid(cut)) for cut in asked]
    room = 1 + (frames - 1) // TEMPORAL_STRIDE
    ends = [0, *(cut.got for cut in cuts), frames]
    if shots > room or all(before < after for before, after in pairwise(ends)):
        return cuts
    shared = (pixel_span(i * room // shots).start for i in range(1, shots))
    return [Moved(cut, got) for cut, got in zip(asked, shared, strict=True)]


def cuts_from_lengths(lengths: Sequence[Fraction]) -> tuple[list[Moved], Moved]:
    """Cut points and scene length of shots that last ``lengths`` frames each."""
    ends: list[Fraction] = []
    total = Fraction(0)
    for length in lengths:
        total += length
        ends.append(total)
    moved = [Moved(end, nearest_on_grid(end)) for end in ends]
    return moved[:-1], moved[-1]


def timecode(frame: int, fps: Fraction) -> str:
    """``HH:MM:SS.mmm`` of a frame's start."""
    ms = round(Fraction(frame) / fps * 1000)
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, ms = divmod(rest, 1000)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{ms:03d}"
