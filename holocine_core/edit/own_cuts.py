"""Whether a scene changes where it was asked to, and nowhere else: looked for in every render.

No network: a frame is seen as a few cells of mean colour, and a cut is a change of them that is
large beside those around it. Most frames of a model are alike inside a latent frame and jump a
little into the next one, so that a change is measured by the larger ones around it. The two bounds
were read off the drawn world's scenes (``python -m benchmarks.own_cuts``); docs/evaluation.md says
how often they err.

Letters: T frame, H W rows and columns, R C rows and columns of cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holocine_core.edit.ffmpeg import Frames, read_frames

CELLS = (8, 14)
"""Rows and columns of cells."""
AROUND = 8
"""Frames on either side that a change is compared with."""
LARGE = 0.85
"""The quantile of their changes that it is compared with."""
STILL = 0.004
"""The least that it is compared with, of full scale: nothing in a still picture is a cut."""
SEEN, SUDDEN = 1.8, 2.5
"""Times as large: from where an asked cut is seen, and from where another change looks like one."""
NEAR = 1
"""Frames by which a cut may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCuts:
    """Where a scene cuts, in frames from its beginning; a cut is the first frame of its shot.

    Attributes:
        asked: Where it should.
        missing: Asked ones that are not seen.
        extra: Changes inside a shot that look like a cut.
    """

    asked: tuple[int, ...]
    missing: tuple[int, ...]
    extra: tuple[int, ...]

    def record(self) -> dict[str, list[int]]:
        """As JSON."""
        return {
            "asked": list(self.asked),
            "missing": list(self.missing),
            "extra": list(self.extra),
        }


def read_seen(record: Mapping[str, Any] | None) -> SeenCuts | None:
    """Back from :meth:`SeenCuts.record`; None where it is none."""
    try:
        parts = {name: tuple(map(int, record[name])) for name in ("asked", "missing", "extra")}  # type: ignore[index]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return SeenCuts(**parts)


class CutWatch:
    """Watches frames as they come."""

    def __init__(self) -> None:
        self._cells: list[NDArray[np.float32]] = []

    def add(self, frames: Frames) -> None:
        """Frames [T, H, W, 3] that follow those before."""
        self._cells.append(cells(frames))

    def seen(self, asked: Sequence[int]) -> SeenCuts:
        """What was seen of the cuts at these frames."""
        if not self._cells:
            return SeenCuts(asked=tuple(asked), missing=tuple(asked), extra=())
        return look(np.concatenate(self._cells), asked)


def watch(frames: Iterable[Frames], asked: Sequence[int]) -> SeenCuts:
    """What is seen of the cuts at these frames."""
    watching = CutWatch()
    for chunk in frames:
        watching.add(chunk)
    return watching.seen(asked)


def watch_clip(clip: Path, asked: Sequence[int]) -> SeenCuts:
    """The same of a clip on disk."""
    return watch(read_frames(clip), asked)


def cells(frames: Frames) -> NDArray[np.float32]:
    """Mean colours [T, R, C, 3], 0 to 1, of frames [T, H, W, 3]; rows and columns that fill no cell
    are left out."""
    rows, columns = (min(n, side) for n, side in zip(CELLS, frames.shape[1:3], strict=True))
    high, wide = frames.shape[1] // rows, frames.shape[2] // columns
    whole = frames[:, : rows * high, : columns * wide]
    parted = whole.reshape(len(frames), rows, high, columns, wide, 3)
    means: NDArray[np.float32] = parted.mean((2, 4), dtype=np.float32) / np.float32(255)
    return means


def sharpness(seen: NDArray[np.float32], asked: Sequence[int]) -> NDArray[np.float64]:
    """How large the change into every frame is beside those around it; 0 for the first.

    Asked cuts and their neighbours are no measure for others.
    """
    changes = np.abs(np.diff(seen, axis=0)).mean((1, 2, 3)).astype(np.float64)
    taken = _near(asked)
    found = np.zeros(len(seen))
    for frame in range(1, len(seen)):
        others = [
            changes[other - 1]
            for other in range(max(1, frame - AROUND), min(len(seen), frame + AROUND + 1))
            if other != frame and other not in taken
        ]
        usual = float(np.quantile(others, LARGE)) if others else 0.0
        found[frame] = changes[frame - 1] / max(usual, STILL)
    return found


def _near(asked: Sequence[int]) -> set[int]:
    """Asked cuts and the frames by which they may be off."""
    return {cut + off for cut in asked for off in range(-NEAR, NEAR + 1)}


def look(seen: NDArray[np.float32], asked: Sequence[int]) -> SeenCuts:
    """What is seen of the cuts at these frames, in cells [T, R, C, 3]."""
    sharp = sharpness(seen, asked)
    missing = tuple(
        cut for cut in asked if sharp[max(0, cut - NEAR) : cut + NEAR + 1].max(initial=0) < SEEN
    )
    near = _near(asked)
    extra = tuple(i for i in range(1, len(sharp)) if sharp[i] >= SUDDEN and i not in near)
    return SeenCuts(asked=tuple(asked), missing=missing, extra=extra)
