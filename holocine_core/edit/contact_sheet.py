"""Frames -> one picture: a row per film, a frame from the middle of every shot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from holocine_core.edit.ffmpeg import Frames
from holocine_core.script.timeline import FrameSpan
from holocine_core.store.files import replacing

_GAP = 4
_PAPER = 251


def middles(frames: Frames, shots: Sequence[FrameSpan]) -> list[Frames]:
    """The middle frame [H, W, 3] of every shot."""
    return [frames[(shot.start + shot.stop - 1) // 2] for shot in shots]


def write_contact_sheet(rows: Sequence[Sequence[Frames]], path: Path) -> None:
    """Write rows of equally large frames as a PNG, or a JPEG (``.jpg``); shorter rows end in paper.

    Raises:
        ValueError: No frames, or frames of different sizes.
    """
    shapes = {frame.shape for row in rows for frame in row}
    if len(shapes) != 1:
        raise ValueError(f"a contact sheet takes frames of one size, not {len(shapes)}")
    ((height, width, _),) = shapes
    columns = max(map(len, rows))
    across, down = columns * (width + _GAP) + _GAP, len(rows) * (height + _GAP) + _GAP
    page = np.full((down, across, 3), _PAPER, np.uint8)
    for i, row in enumerate(rows):
        for j, frame in enumerate(row):
            top, left = _GAP + i * (height + _GAP), _GAP + j * (width + _GAP)
            page[top : top + height, left : left + width] = frame
    from PIL import Image

    with replacing(path) as partial:
        image = Image.fromarray(page)
        if path.suffix == ".jpg":
            image.save(partial, format="JPEG", quality=88)
        else:
            image.save(partial, format="PNG", optimize=True)
