"""Text in pictures: fonts that have the letters, and lines that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from holocine_core.edit.fonts import font_files, has_letter
from holocine_core.errors import MachineError

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

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
_JOINER = "\u200d"
_SHAPED = ((0x0590, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF))
"""Scripts whose letters change by those beside them: Hebrew to Sinhala, Tibetan, Burmese, Khmer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """The fonts of a text.

    Attributes:
        main: Of the most letters; None is Pillow's own.
        others: Fonts of the letters that the main one lacks.
        where: Those letters, and which of ``others`` has each.
        lacking: Letters that no font here has, in order; they would be drawn as boxes.
    """

    main: str | None
    others: tuple[str, ...] = ()
    where: Mapping[str, int] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()


class Lettering:
    """Fonts of one size, which write one text together."""

    def __init__(self, faces: Faces, size: int) -> None:
        self.size = size
        """Height of the letters in pixels."""
        self._where = faces.where
        self._fonts = [font_of(path, size) for path in (faces.main, *faces.others)]

    def getlength(self, text: str) -> float:
        """Pixels that a line is wide."""
        return sum(font.getlength(run) for font, run in self._runs(text))

    def write(
        self,
        pen: ImageDraw.ImageDraw,
        xy: tuple[float, float],
        text: str,
        fill: str,
        anchor: str = "la",
    ) -> None:
        """Draw a line; ``anchor`` is Pillow's: left or middle or right, then ascender or middle."""
        runs = list(self._runs(text))
        if len(runs) == 1:
            pen.text(xy, text, fill, runs[0][0], anchor=anchor)
            return
        ascent, descent = self._fonts[0].getmetrics()
        down = {"a": float(ascent), "m": (ascent - descent) / 2}[anchor[1]]
        x = xy[0] - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * self.getlength(text)
        for font, run in runs:
            pen.text((x, xy[1] + down), run, fill, font, anchor="ls")
            x += font.getlength(run)

    def _runs(self, text: str) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
        """A text in pieces of one font each; one piece, which may be empty, without others."""
        if not self._where:
            yield self._fonts[0], text
            return
        at, marked = 0, []
        for cluster in clusters(text):
            if not cluster.isspace():  # A space stays with the font before it.
                at = self._where.get(cluster[0], -1) + 1
            marked.append((at, cluster))
        for at, run in groupby(marked, key=lambda one: one[0]):
            yield self._fonts[at], "".join(cluster for _, cluster in run)


def font_of(path: str | None, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise MachineError(
            "this Pillow has no FreeType", hint="reinstall pillow from PyPI: pip install pillow"
        )
    return font


def faces_for(text: str) -> Faces:
    """The fonts that have a text's letters: one where there is one, else others for what it lacks.

    Raises:
        MachineError: The text is in a script that this Pillow can't shape.
    """
    letters = sorted(set(text) - set("\n\r\t"))
    main, missing = _main(letters)
    lacks = [letter for letter in missing if _is_drawn(letter)]
    others: list[str] = []
    where: dict[str, int] = {}
    while lacks:
        counted = [(sum(has_letter(path, one) for one in lacks), path) for path in font_files()]
        most, path = max(counted, key=lambda each: each[0], default=(0, None))
        if path is None or not most:
            break
        where |= {one: len(others) for one in lacks if has_letter(path, one)}
        others.append(str(path))
        lacks = [one for one in lacks if one not in where]
    _require_shaping(letters)
    return Faces(main=main, others=tuple(others), where=where, lacking=tuple(lacks))


def _is_drawn(letter: str) -> bool:
    """Whether a letter has a shape: no space, no sign that only says how others are shown."""
    kind = unicodedata.category(letter)
    return kind[0] != "Z" and kind not in ("Cc", "Cf") and not 0xFE00 <= ord(letter) <= 0xFE0F


def _main(letters: list[str]) -> tuple[str | None, list[str]]:
    """The first of the usual fonts that has every letter, else the one with most; and what it
    lacks."""
    best: tuple[str | None, list[str]] = (None, _missing(None, letters))
    for path in _WIDER_FONTS:
        if not best[1]:
            break
        try:
            lacking = _missing(path, letters)
        except OSError:
            continue  # this machine does not have that font
        if len(lacking) < len(best[1]):
            best = path, lacking
    return best


def _missing(path: str | None, letters: list[str]) -> list[str]:
    """The letters that a font draws as its box for missing ones."""
    font = font_of(path, 20)
    box = bytes(font.getmask("\uffff"))
    return [letter for letter in letters if bytes(font.getmask(letter)) == box]


def _require_shaping(letters: list[str]) -> None:
    from PIL import features

    shaped = [one for one in letters if any(a <= ord(one) <= b for a, b in _SHAPED)]
    if shaped and not features.check("raqm"):
        raise MachineError(
            f"this Pillow cannot join the letters of the script of '{shaped[0]}'",
            hint="install libraqm and fribidi, or pillow from PyPI: pip install pillow",
        )


def named(letters: tuple[str, ...]) -> str:
    """Letters by their code points: ``'灯' (U+706F), '台' (U+53F0)``, the first few of many."""
    told = [f"'{letter}' (U+{ord(letter):04X})" for letter in letters[:5]]
    more = f" and {len(letters) - 5} more" if letters[5:] else ""
    return ", ".join(told) + more


def clusters(text: str) -> Iterator[str]:
    """A text in pieces that stay together: a letter with its marks, and what is joined to it."""
    piece = ""
    for letter in text:
        joined = piece and (
            unicodedata.category(letter)[0] == "M"
            or letter in (_JOINER, "\u200c")
            or 0x1F3FB <= ord(letter) <= 0x1F3FF  # the colour of an emoji's skin
            or piece[-1] == _JOINER
            or unicodedata.combining(piece[-1]) == 9  # a virama, which joins two consonants
        )
        if piece and not joined:
            yield piece
            piece = ""
        piece += letter
    if piece:
        yield piece


def wrap(text: str, font: Lettering, width: int) -> list[str]:
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


def _broken(word: str, font: Lettering, width: int) -> list[str]:
    """A word in pieces of at most ``width`` pixels (or one letter)."""
    first, *rest = clusters(word)
    pieces = [first]
    for letter in rest:
        if font.getlength(pieces[-1] + letter) <= width:
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def shortened(text: str, font: Lettering, width: int) -> str:
    """One line of at most ``width`` pixels, its end replaced by dots where it is longer."""
    first = _broken(text, font, width)[0] if text else ""
    if first == text:
        return text
    return _broken(text, font, width - round(font.getlength("...")))[0] + "..."
