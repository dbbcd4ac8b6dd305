"""The fonts of this machine, and which letters each of them has: read from their tables.

A font's ``cmap`` says which letters it has (OpenType 1.9, "cmap"); its formats 4 and 12 hold
those of every font in use. Fonts whose letters are pictures of one size are left out.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_OUTLINES = (b"glyf", b"CFF ", b"CFF2")
_LISTED_S = 20
"""Seconds that fontconfig is given to list its fonts."""
_LARGEST_TABLE = 16 << 20
_PLAIN = ("regular", "sans")
_STYLED = ("bold", "italic", "oblique", "black", "thin", "light", "mono", "serif", "condensed")
"""Words of files' names by which one is taken before another."""


@cache
def font_files() -> tuple[Path, ...]:
    """All font files that are found, plain ones first: fontconfig's, and those of the folders where
    systems keep them."""
    found = {path.resolve() for path in (*_by_fontconfig(), *_in_folders())}
    return tuple(sorted(found, key=_rank))


def _rank(path: Path) -> tuple[int, int, str]:
    name = path.stem.lower()
    styled = sum(word in name for word in _STYLED)
    return styled, -sum(word in name for word in _PLAIN), str(path)


def _by_fontconfig() -> Iterator[Path]:
    exe = shutil.which("fc-list")
    if exe is None:
        return
    try:
        told = subprocess.run(
            [exe, "--format", "%{file}\n"],
            capture_output=True, timeout=_LISTED_S, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return  # The folders are looked through anyhow.
    for line in set(told.stdout.decode("utf-8", "surrogateescape").splitlines()):
        if (path := Path(line)).suffix.lower() in _SUFFIXES and path.is_file():
            yield path


def _in_folders() -> Iterator[Path]:
    for folder in _folders():
        for at, _, names in os.walk(folder):
            yield from (Path(at, name) for name in names if name.lower().endswith(_SUFFIXES))


def _folders() -> Iterator[Path]:
    """Where Linux, macOS and Windows keep fonts."""
    home = Path(os.environ.get("HOME") or os.environ.get("USERPROFILE") or os.sep)
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = os.environ.get("XDG_DATA_HOME") or home / ".local/share"
    yield from (Path(one) / "fonts" for one in (own, *shared.split(":")) if str(one))
    yield home / ".fonts"
    yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    for name, below in (("WINDIR", "Fonts"), ("LOCALAPPDATA", "Microsoft/Windows/Fonts")):
        if held := os.environ.get(name):
            yield Path(held) / below


@cache
def letters_in(path: Path) -> tuple[tuple[int, int], ...]:
    """The letters of a font file's first font, as code points from the first to the last of each
    stretch, in order; none where it is no font that can be drawn in every size."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
            start = struct.unpack(">I", head[12:16])[0] if head[:4] == b"ttcf" else 0
            file.seek(start)
            count = struct.unpack(">4sH", file.read(6))[1]
            file.seek(start + 12)
            rows = (struct.unpack(">4sIII", file.read(16)) for _ in range(count))
            tables = {name: (at, size) for name, _, at, size in rows}
            if b"cmap" not in tables or not any(name in tables for name in _OUTLINES):
                return ()
            at, size = tables[b"cmap"]
            file.seek(at)
            return _stretches(file.read(min(size, _LARGEST_TABLE)))
    except (OSError, struct.error, ValueError):
        return ()


def has_letter(path: Path, letter: str) -> bool:
    """Whether a font file has a letter."""
    held, code = letters_in(path), ord(letter)
    at = bisect_right(held, (code, 0x110000)) - 1
    return at >= 0 and held[at][1] >= code


def _stretches(table: bytes) -> tuple[tuple[int, int], ...]:
    """All letters of a ``cmap`` table."""
    count = struct.unpack_from(">H", table, 2)[0]
    found: set[tuple[int, int]] = set()
    for i in range(count):
        platform, encoding, at = struct.unpack_from(">HHI", table, 4 + 8 * i)
        if platform != 0 and (platform, encoding) not in ((3, 1), (3, 10)):
            continue
        kind = struct.unpack_from(">H", table, at)[0]
        if kind == 4:
            found.update(_format_4(table, at))
        elif kind == 12:
            found.update(_format_12(table, at))
    return _merged(sorted(found))


def _format_4(table: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Stretches of the letters up to U+FFFF."""
    twice = struct.unpack_from(">H", table, at + 6)[0]
    form, ends = f">{twice // 2}H", at + 14
    last = struct.unpack_from(form, table, ends)
    first, delta, offset = (
        struct.unpack_from(form, table, ends + 2 + n * twice) for n in (1, 2, 3)
    )
    for i, (start, stop) in enumerate(zip(first, last, strict=True)):
        if start > stop or start == 0xFFFF:
            continue
        if not offset[i]:
            # Glyph 0 is the box for a missing letter.
            missing = -delta[i] % 0x10000
            yield from _without(start, stop, missing)
            continue
        place = ends + 2 + 3 * twice + 2 * i + offset[i]
        for code in range(start, stop + 1):
            glyph = struct.unpack_from(">H", table, place + 2 * (code - start))[0]
            if glyph and (glyph + delta[i]) % 0x10000:
                yield code, code


def _without(start: int, stop: int, missing: int) -> Iterator[tuple[int, int]]:
    if not start <= missing <= stop:
        yield start, stop
        return
    if start < missing:
        yield start, missing - 1
    if missing < stop:
        yield missing + 1, stop


def _format_12(table: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Stretches of all letters."""
    count = struct.unpack_from(">I", table, at + 12)[0]
    for i in range(count):
        start, stop, glyph = struct.unpack_from(">III", table, at + 16 + 12 * i)
        if start <= stop < 0x110000:
            yield (start, stop) if glyph else (start + 1, stop)


def _merged(stretches: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for start, stop in stretches:
        if start > stop:
            continue
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return tuple(joined)
