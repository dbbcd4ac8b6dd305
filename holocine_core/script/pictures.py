"""A picture file -> the colours that a screen shows of it: upright, 8 bits, sRGB."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_AGAIN = "save it again as an sRGB PNG or JPEG"
_CLEAR = ("RGBA", "LA", "PA", "RGBa", "La")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of grey pictures of 16 bits."""


class PictureFault(Exception):
    """A picture that cannot be shown as it is, and what to do about it."""

    def __init__(self, message: str, hint: str = _AGAIN) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def open_picture(path: Path) -> Image.Image:
    """A picture in RGB, turned as its camera says.

    Deeper ones are scaled to 8 bits, and colours go from the file's profile to sRGB.

    Raises:
        PictureFault: It can't be read, parts of it are transparent, or its numbers or profile leave
            open what they look like.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as found:
            found.load()  # Some damage shows only then.
            upright = ImageOps.exif_transpose(found)
            return _in_srgb(_opaque(_eight_bits(upright, found.format)), found.info)
    except (
        UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise PictureFault(f"cannot be read: {error}", "save it again as PNG or JPEG") from error


def _eight_bits(picture: Image.Image, kind: str | None) -> Image.Image:
    """A picture with at most 8 bits a channel."""
    from PIL import Image

    deep = picture.mode in _SIXTEEN or (picture.mode == "I" and kind in ("PNG", "PPM"))
    if not deep:
        if picture.mode in ("I", "F"):
            raise PictureFault(
                f"has numbers of {'whole' if picture.mode == 'I' else 'floating'} 32 bits, which "
                "do not say what is white"
            )
        return picture
    import numpy as np  # Only such pictures need it; a plan without any stays light.

    levels = np.asarray(picture).astype(np.int64)
    clear = picture.info.get("transparency")
    if isinstance(clear, int) and (levels == clear).any():
        raise _see_through()
    return Image.fromarray(((levels * 255 * 2 + 65535) // (2 * 65535)).astype(np.uint8))


def _see_through() -> PictureFault:
    return PictureFault(
        "is transparent in parts, and what lies behind them is nowhere said",
        "lay it on a background and save it without transparency",
    )


def _opaque(picture: Image.Image) -> Image.Image:
    """A picture without its alpha channel, which has to be opaque everywhere."""
    if picture.mode in _CLEAR or "transparency" in picture.info:
        whole = picture.convert("RGBA")
        least = whole.getchannel("A").getextrema()[0]
        if least != 255:
            raise _see_through()
    if picture.mode in ("LA", "La"):
        return picture.convert("LA").getchannel("L")
    return picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")


def _in_srgb(picture: Image.Image, info: dict[str | tuple[int, int], object]) -> Image.Image:
    """A grey, RGB or CMYK picture in sRGB, by its file's profile; it is sRGB where that is none."""
    held = info.get("icc_profile")
    if not isinstance(held, bytes) or not held:
        return picture.convert("RGB")
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(held))
        space = profile.profile.xcolor_space.strip()
        if ImageCms.getProfileDescription(profile).startswith("sRGB"):
            return picture.convert("RGB")
        if space == "RGB" and picture.mode == "L":
            picture = picture.convert("RGB")
        if space != {"L": "GRAY"}.get(picture.mode, picture.mode):
            raise PictureFault(f"is {picture.mode}, and its colour profile is for {space}")
        shown = ImageCms.profileToProfile(
            picture,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError) as error:
        raise PictureFault(f"has a colour profile that cannot be read: {error}") from error
    if shown is None:
        raise PictureFault("has a colour profile that cannot be used")
    return shown
