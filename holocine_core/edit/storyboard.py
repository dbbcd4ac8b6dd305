"""Shots -> one printable page: a few pictures of every shot beside its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holocine_core.edit.atomic import replacing
from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import InputError, MachineError
from holocine_core.script.timeline import Span, timecode

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

# The page in pixels, at 200 to the inch: as wide as a sheet of A4 held sideways.
_DPI = 200
_WIDTH, _MARGIN, _GAP = 2338, 120, 24
_NUMBER_WIDTH, _PICTURE_WIDTH, _PICTURE_HEIGHT = 236, 376, 376
_PICTURES_WIDTH = 3 * (_PICTURE_WIDTH + _GAP)
_TEXT_LEFT = _MARGIN + _NUMBER_WIDTH + _PICTURES_WIDTH + 20
_TEXT_WIDTH = _WIDTH - _MARGIN - _TEXT_LEFT
_ROW_SPACE = 34

_PAPER, _INK, _MUTED, _RULE, _ACCENT = "#fbfaf7", "#1d1d1f", "#77756f", "#d9d6cd", "#a33b20"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryboardRow:
    """One shot. ``span`` is its place in the film."""

    scene: str
    shot: int
    """Number of the shot as people count it, from 1."""
    prompt: str
    span: Span
    fps: Fraction
    pictures: tuple[tuple[str, Frames], ...]
    """What stands below each picture, and the picture, uint8 RGB ``[H, W, 3]``."""

    def __post_init__(self) -> None:
        for _, frame in self.pictures:
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(f"expected uint8 [H, W, 3], got {frame.dtype} {frame.shape}")
        if not len(self.span) or not self.pictures:
            raise ValueError("a shot holds at least one frame and shows at least one picture")

    @property
    def box(self) -> int:
        """Widest a picture may be, in pixels of the page."""
        return min(_PICTURE_WIDTH, _PICTURES_WIDTH // len(self.pictures) - _GAP)


def storyboard(rows: Sequence[StoryboardRow], out: Path, title: str) -> None:
    """Write the storyboard as a PNG; replaces a file there.

    Raises:
        InputError: ``out`` is no ``.png``.
        MachineError: The folder or disk cannot take it, or Pillow lacks its font engine.
    """
    if out.suffix.lower() != ".png":
        raise InputError("a storyboard is a PNG", where=str(out), hint="end the name in .png")
    if not rows:
        raise ValueError("a storyboard needs at least one shot")
    page = _Page(rows, title)
    with replacing(out) as made:
        page.draw().save(made, format="PNG", dpi=(_DPI, _DPI))


class _Page:
    """Lays the rows out once, so that the page is as high as they need."""

    def __init__(self, rows: Sequence[StoryboardRow], title: str) -> None:
        self.rows, self.title = rows, title
        letters = set(title).union(*(row.prompt + row.scene for row in rows))
        path = _font_for("".join(sorted(letters - set("\n\r\t"))))
        self.large, self.medium, self.body, self.small = (
            _font(path, size) for size in (68, 40, 27, 22)
        )
        self.title_lines = _wrap(title, self.large, _WIDTH - 2 * _MARGIN - 20)
        self.texts = [_wrap(row.prompt, self.body, _TEXT_WIDTH) for row in rows]

    def draw(self) -> Image.Image:
        from PIL import Image, ImageDraw

        heights = [self._row_height(row, text) for row, text in self._pairs()]
        scenes = len(list(groupby(row.scene for row in self.rows)))
        head = _MARGIN + 80 * len(self.title_lines) + 90
        height = head + scenes * 96 + sum(heights) + _MARGIN
        page = Image.new("RGB", (_WIDTH, height), _PAPER)
        pen = ImageDraw.Draw(page)
        self._draw_head(pen, scenes)
        y, scene = head, None
        for (row, text), row_height in zip(self._pairs(), heights, strict=True):
            if row.scene != scene:
                y = self._draw_scene(pen, row.scene, y)
                scene = row.scene
            else:
                pen.line((_MARGIN + _NUMBER_WIDTH, y, _WIDTH - _MARGIN, y), _RULE, 2)
            self._draw_row(page, pen, row, text, y + _ROW_SPACE)
            y += row_height
        return page

    def _pairs(self) -> list[tuple[StoryboardRow, list[str]]]:
        return list(zip(self.rows, self.texts, strict=True))

    def _row_height(self, row: StoryboardRow, text: list[str]) -> int:
        pictures = max(_fitted(frame, row.box)[1] for _, frame in row.pictures) + 44
        return max(pictures, 40 * len(text), 200) + 2 * _ROW_SPACE

    def _draw_head(self, pen: ImageDraw.ImageDraw, scenes: int) -> None:
        y = _MARGIN
        for line in self.title_lines:
            pen.text((_MARGIN, y), line, _INK, self.large)
            y += 80
        seconds = max(float(row.span.stop / row.fps) for row in self.rows)
        counted = (_count(scenes, "scene"), _count(len(self.rows), "shot"), f"{seconds:.1f} s")
        pen.text((_MARGIN, y + 12), "Storyboard  /  " + "  /  ".join(counted), _MUTED, self.body)

    def _draw_scene(self, pen: ImageDraw.ImageDraw, scene: str, y: int) -> int:
        pen.line((_MARGIN, y + 8, _WIDTH - _MARGIN, y + 8), _INK, 4)
        pen.text((_MARGIN, y + 32), "SCENE", _ACCENT, self.small)
        left = _MARGIN + _NUMBER_WIDTH
        name = _shortened(scene, self.medium, _WIDTH - _MARGIN - left)
        pen.text((left, y + 20), name, _INK, self.medium)
        return y + 80

    def _draw_row(
        self,
        page: Image.Image,
        pen: ImageDraw.ImageDraw,
        row: StoryboardRow,
        text: list[str],
        y: int,
    ) -> None:
        pen.text((_MARGIN, y - 14), str(row.shot), _INK, self.large)
        times = (timecode(row.span.start, row.fps), timecode(row.span.stop, row.fps))
        for down, label, value in zip((76, 110), ("in", "out"), times, strict=True):
            pen.text((_MARGIN, y + down), label, _MUTED, self.small)
            pen.text((_MARGIN + 50, y + down), value, _INK, self.small)
        length = f"{float(len(row.span) / row.fps):.2f} s, {len(row.span)} fr"
        pen.text((_MARGIN, y + 144), length, _MUTED, self.small)
        left = _MARGIN + _NUMBER_WIDTH
        for caption, frame in row.pictures:
            width, height = _fitted(frame, row.box)
            x = left + (row.box - width) // 2
            page.paste(_scaled(frame, row.box), (x, y))
            pen.rectangle((x - 1, y - 1, x + width, y + height), outline=_RULE)
            pen.text(
                (x, y + height + 10), _shortened(caption, self.small, row.box), _MUTED, self.small
            )
            left += row.box + _GAP
        for line_number, line in enumerate(text):
            pen.text((_TEXT_LEFT, y - 5 + 40 * line_number), line, _INK, self.body)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _fitted(frame: Frames, box: int) -> tuple[int, int]:
    """Width and height of a picture scaled into a box so wide."""
    height, width = frame.shape[:2]
    scale = min(box / width, _PICTURE_HEIGHT / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _scaled(frame: Frames, box: int) -> Image.Image:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(frame))
    return picture.resize(_fitted(frame, box), Image.Resampling.LANCZOS)


def _font(path: str | None, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise MachineError(
            "this Pillow has no FreeType", hint="reinstall pillow from PyPI: pip install pillow"
        )
    return font


def _font_for(letters: str) -> str | None:
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
    font = _font(path, 20)
    box = bytes(font.getmask("\uffff"))
    return sum(bytes(font.getmask(letter)) == box for letter in letters)


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
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


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """One line of at most ``width`` pixels, its end replaced by dots where it is longer."""
    first = _broken(text, font, width)[0] if text else ""
    if first == text:
        return text
    return _broken(text, font, width - round(font.getlength("...")))[0] + "..."
