"""A film on disk, and what lies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holocine_core.edit.own_cuts import SeenCuts
    from holocine_core.edit.sound import Loudness


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Files that were made of a film, and where."""

    shots: tuple[Path, ...] = ()
    """A clip per shot, in the film's order."""
    storyboard: Path | None = None
    otio: Path | None = None
    """A cut list for editing programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film on disk, as probed."""

    path: Path
    frames: int
    width: int
    height: int
    fps: Fraction
    seconds: float
    up_to_date: bool
    """Whether it was there already, made by this very plan."""
    loudness: Loudness | None = None
    """Of its sound, as measured in the finished file; None without sound."""
    cuts: Mapping[str, SeenCuts] = field(default_factory=dict)
    """By scene, whether it cuts where it was asked to; empty where nobody looked."""
    beside: Beside = Beside()
