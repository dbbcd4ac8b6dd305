"""A picture file -> a frame of the film's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holocine_core.errors import InputError


def read_picture(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """A picture as RGB [H, W, 3], turned as its camera says and scaled to the film's size.

    Raises:
        InputError: It can't be read any more.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as found:
            upright = ImageOps.exif_transpose(found).convert("RGB")
    except (OSError, ValueError) as error:
        raise InputError(
            f"the picture cannot be read: {error}",
            where=str(path),
            hint="save it again as PNG or JPEG",
        ) from error
    return np.asarray(upright.resize((width, height), Image.Resampling.LANCZOS), np.uint8)
