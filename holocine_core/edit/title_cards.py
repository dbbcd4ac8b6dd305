"""Text that is filmed: cards around a film, and the slate in the picture of a draft.

Letters: n frames, H rows, W columns; frames are uint8 RGB ``[n, H, W, 3]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from holocine_core.edit.ffmpeg import Frames
from holocine_core.edit.lettering import Faces, Lettering, faces_for, named, shortened, wrap
from holocine_core.errors import InputError
from holocine_core.script.screenplay import Card
from holocine_core.script.timeline import FrameSpan, timecode

if TYPE_CHECKING:
    from PIL import Image

_LARGEST, _SMALL, _SMALLEST = 0.17, 0.1, 0.06
"""Height of the letters of a card's text, in heights of the picture; below the second, lines are
rather broken."""
_WIDEST, _HIGHEST = 0.84, 0.8
"""What a card's text may take of the picture."""
_UNDER = 0.5
"""Height of the smaller text's letters, in those of the larger."""
_FADE_SHARE, _FADE_S = 0.2, 0.4
"""A card fades for a fifth of its length, and at most so many seconds."""
_SLATE, _SLATE_WIDE = 0.075, 0.055
"""Height of a slate's letters, at most: in heights and in widths of the picture."""


def card_frames(card: Card, size: tuple[int, int], frames: int, fps: Fraction) -> Iterator[Frames]:
    """A card out of black and back into it, frame by frame [1, H, W, 3].

    Args:
        card: What it says.
        size: Width and height.
        frames: Its length.
        fps: Frames per second.
    """
    picture = np.asarray(card_picture(card, size)).astype(np.float32)
    fade = max(1, min(round(frames * _FADE_SHARE), round(float(fps) * _FADE_S)))
    for at in range(frames):
        light = min(1.0, min(at + 1, frames - at) / (fade + 1))
        yield (picture * np.float32(light) + np.float32(0.5)).astype(np.uint8)[None]


def check_card(card: Card, size: tuple[int, int], name: str) -> None:
    """Refuse a card that is not to be read in a picture of this size.

    Raises:
        InputError: Its text does not fit, or no font here has all of its letters.
    """
    faces = faces_of(card)
    if faces.lacking:
        raise InputError(
            f"no font on this machine has {named(faces.lacking)} of the {name} card",
            hint="install a font that does, such as a Noto Sans of that script or Noto Emoji, or "
            "write the card without",
        )
    lines = _fitting(card, faces, size)
    if _tall(lines) > size[1]:
        raise InputError(
            f"the {name} card's text does not fit into a picture of {size[0]}x{size[1]}: "
            f"it takes {len(lines)} lines",
            hint="shorten it, or make the film larger",
        )


def card_picture(card: Card, size: tuple[int, int]) -> Image.Image:
    """The card at its brightest: the largest letters with which all of it fits."""
    from PIL import Image, ImageDraw

    width, height = size
    lines = _fitting(card, faces_of(card), size)
    tall = _tall(lines)
    image = Image.new("RGB", size, card.paper)
    pen = ImageDraw.Draw(image)
    y = (height - tall) / 2
    for line, font in lines:
        font.write(pen, (width / 2, y), line, card.ink, "ma")
        y += _line_height(font)
    return image


Lines = list[tuple[str, Lettering]]


def faces_of(card: Card) -> Faces:
    """The fonts of a card's letters."""
    return faces_for(card.text + card.under)


def _tall(lines: Lines) -> float:
    return sum(_line_height(font) for _, font in lines)


def _fitting(card: Card, faces: Faces, size: tuple[int, int]) -> Lines:
    """The card's lines, as large as fits; rather smaller than broken where nobody broke them."""
    width, height = size
    room = round(width * _WIDEST)
    written = len(card.text.split("\n")) + (1 + len(card.under.split("\n")) if card.under else 0)
    lines: Lines = []
    for least, most in ((_SMALL, written), (_SMALLEST, None)):
        smallest = max(6, round(height * least))
        for letters in range(max(smallest, round(height * _LARGEST)), smallest - 1, -1):
            lines = _lines(card, faces, letters, room)
            if _tall(lines) <= height * _HIGHEST and (most is None or len(lines) <= most):
                return lines
    return lines


def _lines(card: Card, faces: Faces, letters: int, width: int) -> Lines:
    large = Lettering(faces, letters)
    small = Lettering(faces, max(6, round(letters * _UNDER)))
    found = [(line, large) for line in wrap(card.text, large, width)]
    if card.under:
        found += [("", small), *((line, small) for line in wrap(card.under, small, width))]
    return found


def _line_height(font: Lettering) -> float:
    return 1.3 * font.size


Labels = Sequence[tuple[FrameSpan, str]]
"""Frames of the reel, and what is written into them."""


def slated(reel: Iterator[Frames], labels: Labels, fps: Fraction) -> Iterator[Frames]:
    """The reel with a strip at the foot of every frame that a label covers: the label on the left,
    the frame's time on the right."""
    faces = faces_for("".join(label for _, label in labels))
    at = 0
    for chunk in reel:
        slate = np.empty_like(chunk)
        for i, frame in enumerate(chunk):
            label = next((text for span, text in labels if span.start <= at + i < span.stop), None)
            time = timecode(at + i, fps)
            slate[i] = frame if label is None else _with_slate(frame, label, time, faces)
        at += len(chunk)
        yield slate


def _with_slate(frame: Frames, label: str, time: str, faces: Faces) -> Frames:
    from PIL import Image, ImageDraw

    height, width = frame.shape[:2]
    font = Lettering(faces, max(8, round(min(height * _SLATE, width * _SLATE_WIDE))))
    strip = round(font.size * 1.4)
    image = Image.fromarray(np.ascontiguousarray(frame))
    image.paste((0, 0, 0), (0, height - strip, width, height))
    pen = ImageDraw.Draw(image)
    y, side = height - strip / 2, font.size / 2
    room = round(width - 3 * side - font.getlength(time))
    font.write(pen, (side, y), shortened(label, font, room), "#f2f2f2", "lm")
    font.write(pen, (width - side, y), time, "#f2f2f2", "rm")
    return np.asarray(image)
