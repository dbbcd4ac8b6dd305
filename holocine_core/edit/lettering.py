"""Text in pictures: fonts that have the letters, and lines that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holocine_core.errors import MachineError

if TYPE_CHECKING:
    from PIL import ImageFont

# Pillow's own font holds little more than ASCII; these are asked in turn where a text needs more.
_WIDER_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "msyh.ttc",
)


def font_of(path: str | None, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise MachineError(
            "this Pillow has no FreeType", hint="reinstall pillow from PyPI: pip install pillow"
        )
    return font


def font_for(letters: str) -> str | None:
    """The first font that has every letter, else the one with most; None is Pillow's own.

    What no font here has is drawn as that font's box for a missing letter.
    """
    best: tuple[int, str | None] = (_missing(None, letters), None)
    for path in _WIDER_FONTS:
        if best[0] == 0:
            break
        try:
            lacking = _missing(path, letters)
        except OSError:
            continue  # this machine does not have that font
        best = min(best, (lacking, path), key=lambda each: each[0])
    return best[1]


def _missing(path: str | None, letters: str) -> int:
    """How many of the letters a font draws as its box for missing ones."""
    font = font_of(path, 20)
    box = bytes(font.getmask("\uffff"))
    return sum(bytes(font.getmask(letter)) == box for letter in letters)


def wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines of at most ``width`` pixels: broken at spaces, inside words that are too long."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}" if line else word
            if font.getlength(joined) <= width:
                line = joined
                continue
            lines += [line] if line else []
            *full, line = _broken(word, font, width)
            lines += full
        lines.append(line)
    return lines


def _broken(word: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """A word in pieces of at most ``width`` pixels (or one letter)."""
    pieces = [word[0]]
    for letter in word[1:]:
        if font.getlength(pieces[-1] + letter) <= width:
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """One line of at most ``width`` pixels, its end replaced by dots where it is longer."""
    first = _broken(text, font, width)[0] if text else ""
    if first == text:
        return text
    return _broken(text, font, width - round(font.getlength("...")))[0] + "..."
