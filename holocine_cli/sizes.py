"""Sizes of pictures on the command line."""

from __future__ import annotations

from holocine_core.errors import InputError


def pixels(size: str) -> tuple[int, int]:
    """``224x128`` -> width and height.

    Raises:
        InputError: It is no size.
    """
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"--size {size} is no size", hint="write width x height: 224x128")
    return int(width), int(height)
