"""Columns of text: how every table of the command line is laid out."""

from __future__ import annotations

from collections.abc import Sequence

from holocine_cli.escapes import columns_of


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
        max(columns_of(line) for row in cells for line in row[i]) for i in range(len(rows[0]))
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
    space = " " * (width - columns_of(text))
    return space + text if right else text + space


def wrapped(words: Sequence[str], width: int) -> str:
    """Words in lines of at most ``width`` columns, as far as each word allows."""
    lines = [""]
    for word in words:
        if lines[-1] and columns_of(lines[-1]) + 1 + columns_of(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def sampler_told(sampler: str, eta: float | None) -> str:
    """A sampler, with its setting where that is not the usual one."""
    return sampler if eta is None or eta == 1 else f"{sampler} (eta {eta:g})"
