"""A font of one's own, for tests: every letter that it has is a full square."""

from __future__ import annotations

import struct
from pathlib import Path

_BOX = ((100, 0), (900, 0), (900, 800), (100, 800))
_MISSING = ((400, 300), (600, 300), (600, 500), (400, 500))


def _glyph(points: tuple[tuple[int, int], ...]) -> bytes:
    xs, ys = zip(*points, strict=True)
    head = struct.pack(">hhhhh", 1, min(xs), min(ys), max(xs), max(ys))
    steps = [
        b"".join(struct.pack(">h", b - a) for a, b in zip((0, *line), line, strict=False))
        for line in (xs, ys)
    ]
    return head + struct.pack(">HH", len(points) - 1, 0) + b"\1" * len(points) + b"".join(steps)


def _cmap(letters: str) -> bytes:
    """Formats 4 and 12, each letter glyph 1."""
    codes = sorted(map(ord, letters))
    near = [code for code in codes if code < 0xFFFF]
    ends, count = [*near, 0xFFFF], len(near) + 1
    four = struct.pack(">HHHH", 2 * count, 0, 0, 0)
    four += struct.pack(f">{count}H", *ends) + b"\0\0" + struct.pack(f">{count}H", *ends)
    four += struct.pack(f">{count}H", *((1 - code) % 0x10000 for code in ends))
    four += struct.pack(f">{count}H", *[0] * count)
    four = struct.pack(">HHH", 4, 6 + len(four), 0) + four
    groups = b"".join(struct.pack(">III", code, code, 1) for code in codes)
    twelve = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(codes)) + groups
    head = struct.pack(">HHHHIHHI", 0, 2, 3, 1, 20, 3, 10, 20 + len(four))
    return head + four + twelve


def write_font(path: Path, letters: str, *, outlines: bool = True) -> Path:
    """A TrueType font that has these letters and no other; without outlines it can't be drawn."""
    glyphs = [_glyph(_MISSING), _glyph(_BOX)]
    glyphs = [glyph + b"\0" * (-len(glyph) % 4) for glyph in glyphs]
    places = (0, len(glyphs[0]), sum(map(len, glyphs)))
    tables = {
        b"cmap": _cmap(letters),
        b"glyf" if outlines else b"CBDT": b"".join(glyphs),
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, 0, 1000, 1000,
            0, 8, 2, 1, 0,
        ),
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 800, -200, 0, 1000, *[0] * 11, 2),
        b"hmtx": struct.pack(">HhHh", 1000, 100, 1000, 100),
        b"loca": struct.pack(">III", *places),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, *[0] * 11),
    }  # fmt: skip
    at = 12 + 16 * len(tables)
    rows, body = b"", b""
    for name, table in sorted(tables.items()):
        rows += struct.pack(">4sIII", name, 0, at + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 48) + rows + body)
    return path
