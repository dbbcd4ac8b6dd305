"""Shots -> one printable page: a few pictures of every shot beside its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holocine_core.edit.ffmpeg import Frames
from holocine_core.edit.lettering import Lettering, faces_for, shortened, wrap
from holocine_core.errors import InputError
from holocine_core.script.timeline import FrameSpan, timecode
from holocine_core.store.files import Ready, replacing

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

# The page in pixels, at 200 to the inch: as wide as a sheet of A4 held sideways.
_DPI = 200
_WIDTH, _MARGIN, _GAP = 2338, 120, 24
_NUMBER_WIDTH, _PICTURE_WIDTH, _PICTURE_HEIGHT = 236, 376, 376
_PICTURES_WIDTH = 3 * (_PICTURE_WIDTH + _GAP)
_TEXT_LEFT = _MARGIN + _NUMBER_WIDTH + _PICTURES_WIDTH + 20
_TEXT_WIDTH = _WIDTH - _MARGIN - _TEXT_LEFT
_ROW_SPACE = 34
_NAME_HEIGHT, _LINE = 200, 30

_Lines = list[tuple[str, str]]
"""Of a text, with the colour of each."""
_PAPER, _INK, _MUTED, _RULE, _ACCENT = "#fbfaf7", "#1d1d1f", "#77756f", "#d9d6cd", "#a33b20"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryboardRow:
    """One shot. ``span`` is its place in the film."""

    scene: str
    name: str
    """Of the shot; see ``script.shot_names``."""
    prompt: str
    span: FrameSpan
    fps: Fraction
    pictures: tuple[tuple[str, Frames], ...]
    """What stands below each picture, and the picture, uint8 RGB ``[H, W, 3]``."""
    camera: str = ""
    """Its size, angle and movement in words."""

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


def storyboard(
    rows: Sequence[StoryboardRow],
    out: Path,
    title: str,
    ready: Ready = lambda made, out: None,
    kind: str = "Storyboard",
) -> None:
    """Write the storyboard as a PNG; replaces a file there. ``ready`` is called right before it
    gets its name; ``kind`` is what it calls itself below its title.

    Raises:
        InputError: ``out`` is no ``.png``.
        MachineError: The folder or disk cannot take it, or Pillow lacks its font engine.
    """
    if out.suffix.lower() != ".png":
        raise InputError("a storyboard is a PNG", where=str(out), hint="end the name in .png")
    if not rows:
        raise ValueError("a storyboard needs at least one shot")
    page = _Page(rows, title, kind)
    with replacing(out, ready) as made:
        page.draw().save(made, format="PNG", dpi=(_DPI, _DPI))


class _Page:
    """Lays the rows out once, so that the page is as high as they need."""

    def __init__(self, rows: Sequence[StoryboardRow], title: str, kind: str) -> None:
        self.rows, self.title, self.kind = rows, title, kind
        faces = faces_for(title + "".join(row.prompt + row.scene + row.name for row in rows))
        self.large, self.medium, self.body, self.small = (
            Lettering(faces, size) for size in (68, 40, 27, 22)
        )
        self.title_lines = wrap(title, self.large, _WIDTH - 2 * _MARGIN - 20)
        self.texts = [
            [(line, _MUTED) for line in wrap(row.camera, self.body, _TEXT_WIDTH) if row.camera]
            + [(line, _INK) for line in wrap(row.prompt, self.body, _TEXT_WIDTH)]
            for row in rows
        ]
        self.names = self._letters_of_names()

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

    def _pairs(self) -> list[tuple[StoryboardRow, _Lines]]:
        return list(zip(self.rows, self.texts, strict=True))

    def _row_height(self, row: StoryboardRow, text: _Lines) -> int:
        pictures = max(_fitted(frame, row.box)[1] for _, frame in row.pictures) + 44
        name = _NAME_HEIGHT + self._further(row)
        return max(pictures, 40 * len(text), name) + 2 * _ROW_SPACE

    def _letters_of_names(self) -> Lettering:
        """As large as every shot's name fits in a line; small where none does."""
        for letters in (self.large, self.medium, self.body):
            if all(letters.getlength(row.name) <= _NUMBER_WIDTH - _GAP for row in self.rows):
                return letters
        return self.small

    def _name(self, row: StoryboardRow) -> list[str]:
        """A shot's name in lines: a shortened one could not be typed."""
        return wrap(row.name, self.names, _NUMBER_WIDTH - _GAP)

    def _further(self, row: StoryboardRow) -> int:
        """Pixels by which a name of many lines moves what stands below it."""
        return max(0, len(self._name(row)) - 2) * _LINE

    def _draw_head(self, pen: ImageDraw.ImageDraw, scenes: int) -> None:
        y = _MARGIN
        for line in self.title_lines:
            self.large.write(pen, (_MARGIN, y), line, _INK)
            y += 80
        seconds = max(float(row.span.stop / row.fps) for row in self.rows)
        counted = (_count(scenes, "scene"), _count(len(self.rows), "shot"), f"{seconds:.1f} s")
        self.body.write(pen, (_MARGIN, y + 12), "  /  ".join((self.kind, *counted)), _MUTED)

    def _draw_scene(self, pen: ImageDraw.ImageDraw, scene: str, y: int) -> int:
        pen.line((_MARGIN, y + 8, _WIDTH - _MARGIN, y + 8), _INK, 4)
        self.small.write(pen, (_MARGIN, y + 32), "SCENE", _ACCENT)
        left = _MARGIN + _NUMBER_WIDTH
        name = shortened(scene, self.medium, _WIDTH - _MARGIN - left)
        self.medium.write(pen, (left, y + 20), name, _INK)
        return y + 80

    def _draw_row(
        self,
        page: Image.Image,
        pen: ImageDraw.ImageDraw,
        row: StoryboardRow,
        text: _Lines,
        y: int,
    ) -> None:
        high = y - 14 if self.names is self.large else y
        for number, line in enumerate(self._name(row)):
            self.names.write(pen, (_MARGIN, high + number * _LINE), line, _INK)
        below = y + self._further(row)
        times = (timecode(row.span.start, row.fps), timecode(row.span.stop, row.fps))
        for down, label, value in zip((76, 110), ("in", "out"), times, strict=True):
            self.small.write(pen, (_MARGIN, below + down), label, _MUTED)
            self.small.write(pen, (_MARGIN + 50, below + down), value, _INK)
        length = f"{float(len(row.span) / row.fps):.2f} s, {len(row.span)} fr"
        self.small.write(pen, (_MARGIN, below + 144), length, _MUTED)
        left = _MARGIN + _NUMBER_WIDTH
        for caption, frame in row.pictures:
            width, height = _fitted(frame, row.box)
            x = left + (row.box - width) // 2
            page.paste(_scaled(frame, row.box), (x, y))
            pen.rectangle((x - 1, y - 1, x + width, y + height), outline=_RULE)
            told = shortened(caption, self.small, row.box)
            self.small.write(pen, (x, y + height + 10), told, _MUTED)
            left += row.box + _GAP
        for line_number, (line, colour) in enumerate(text):
            self.body.write(pen, (_TEXT_LEFT, y - 5 + 40 * line_number), line, colour)


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
