"""Numbers in words and columns of text: how every table of the command line is laid out."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z")


def shown_width(text: str) -> int:
    """Columns a text takes, its colours left out."""
    return len(_ANSI.sub("", text))


def columns(
    rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: str = "  "
) -> list[str]:
    """Rows of cells as aligned lines; a cell may have several lines.

    Args:
        rows: Equally many cells each.
        right: Columns set flush right.
        indent: Before every line.
    """
    cells = [[cell.split("\n") for cell in row] for row in rows]
    widths = [
        max(shown_width(line) for row in cells for line in row[i]) for i in range(len(rows[0]))
    ]
    lines = []
    for row in cells:
        for at in range(max(map(len, row))):
            parts = [
                _padded(cell[at] if at < len(cell) else "", width, i in right)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append((indent + "  ".join(parts)).rstrip())
    return lines


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - shown_width(text))
    return space + text if right else text + space


def wrapped(words: Sequence[str], width: int) -> str:
    """Words in lines of at most ``width`` columns, as far as each word allows."""
    lines = [""]
    for word in words:
        if lines[-1] and shown_width(lines[-1]) + 1 + shown_width(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def scaled(value: float, unit: str) -> str:
    """``3.1 TFLOP`` of 3.1e12 and ``FLOP``."""
    power = 0
    while value >= 999.5 and power < len(_PREFIXES) - 1:
        value /= 1000
        power += 1
    digits = 0 if value >= 99.5 or power == 0 else 1
    return f"{value:.{digits}f} {_PREFIXES[power]}{unit}"


def memory(count: float) -> str:
    """Bytes in binary units: ``1.2 GiB``, ``310 MiB``."""
    mib = count / 2**20
    if mib < 999.5:
        return f"{mib:.1f} MiB" if mib < 9.95 else f"{mib:.0f} MiB"
    gib = mib / 1024
    return f"{gib:.1f} GiB" if gib < 99.5 else f"{gib:.0f} GiB"


def file_size(count: float) -> str:
    """Bytes in decimal units, as downloads are counted: ``57 GB``."""
    return scaled(count, "B")


def clock(seconds: float) -> str:
    """``0:08`` or ``1:02:03``, to whole seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """A measured time: ``0.42 s``, ``12.3 s`` or ``3:05``."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    return clock(seconds)


def counted(number: int, noun: str) -> str:
    """``1 shot``, ``3 shots``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sampler_told(sampler: str, eta: float | None) -> str:
    """A sampler, with its setting where that is not the usual one."""
    return sampler if eta is None or eta == 1 else f"{sampler} (eta {eta:g})"
