"""A picture file -> a frame of the film's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holocine_core.errors import InputError
from holocine_core.script.pictures import PictureFault, open_picture


def read_picture(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """A picture as RGB [H, W, 3] in sRGB, turned as its camera says and scaled to the film's size.

    Raises:
        InputError: It can't be read any more, or not as it is.
    """
    from PIL import Image

    try:
        shown = open_picture(path)
    except PictureFault as fault:
        raise InputError(
            f"the picture {fault.message}", where=str(path), hint=fault.hint
        ) from fault
    return np.asarray(shown.resize((width, height), Image.Resampling.LANCZOS), np.uint8)
