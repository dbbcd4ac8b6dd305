"""Small charts as SVG: lines, and bars of stacked parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLOURS = ("#c1121f", "#2a6f97", "#588157", "#9c6644", "#7b2cbf", "#444")
SHADES = (*COLOURS, "#b08968", "#6c757d", "#003049")
WIDE, HIGH, LEFT, BELOW, ABOVE = 300, 190, 44, 34, 22


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart."""

    title: str
    points: Sequence[tuple[float, float]]


def panels(
    charts: Mapping[str, tuple[Sequence[Line], float | None]],
    across: str,
    columns: int = 3,
    level_title: str = "drawn",
) -> str:
    """Charts side by side under one legend.

    Args:
        charts: By title, its lines and a value that is drawn as a dashed line.
        across: What the horizontal axis counts.
        columns: Charts in a row.
        level_title: What the dashed lines are.
    """
    titles = list(dict.fromkeys(line.title for lines, _ in charts.values() for line in lines))
    rows = -(-len(charts) // columns)
    width, height = columns * WIDE, rows * HIGH + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, (lines, level)) in enumerate(charts.items()):
        x, y = number % columns * WIDE, number // columns * HIGH
        parts.append(f'<g transform="translate({x} {y})">')
        parts += _chart(title, lines, level, across, titles)
        parts.append("</g>")
    at = 8.0
    for number, title in enumerate(titles):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<path d="M{at} {height - 10}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{at + 22}" y="{height - 6}">{title}</text>')
        at += 40 + 6.2 * len(title)
    if level_title and any(level is not None for _, level in charts.values()):
        parts.append(f'<path d="M{at} {height - 10}h18" stroke="#888" stroke-dasharray="4 3"/>')
        parts.append(f'<text x="{at + 22}" y="{height - 6}">{level_title}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def bars(rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Horizontal bars of parts laid end to end, under one legend.

    Args:
        rows: By title, its parts' values.
        unit: Of all values.
    """
    parts = list(dict.fromkeys(name for row in rows.values() for name in row))
    longest = max((sum(row.values()) for row in rows.values()), default=1.0) or 1.0
    left, wide, high = 150, 560, 34
    width, height = left + wide + 70, len(rows) * high + 60
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, row) in enumerate(rows.items()):
        y, x = 10 + number * high, float(left)
        drawn.append(f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{title}</text>')
        for name, value in row.items():
            length = wide * value / longest
            colour = SHADES[parts.index(name) % len(SHADES)]
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="22" fill="{colour}">'
                f"<title>{name}: {value:.2f} {unit}</title></rect>"
            )
            if length > 30:
                drawn.append(
                    f'<text x="{x + length / 2:.1f}" y="{y + 15}" fill="#fff" '
                    f'text-anchor="middle">{value:.1f}</text>'
                )
            x += length
        total = sum(row.values())
        drawn.append(f'<text x="{x + 6:.1f}" y="{y + 15}">{total:.1f} {unit}</text>')
    x, y = float(left), 10 + len(rows) * high + 12
    for number, name in enumerate(parts):
        colour = SHADES[number % len(SHADES)]
        drawn.append(f'<rect x="{x:.1f}" y="{y}" width="11" height="11" fill="{colour}"/>')
        drawn.append(f'<text x="{x + 15:.1f}" y="{y + 10}">{name}</text>')
        x += 30 + 6.2 * len(name)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _chart(
    title: str, lines: Sequence[Line], level: float | None, across: str, titles: Sequence[str]
) -> list[str]:
    points = [point for line in lines for point in line.points]
    right = max((x for x, _ in points), default=1.0)
    values = [y for _, y in points] + ([] if level is None else [level])
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.08 * (high - low) or 1.0
    low, high = low - room if low < 0 else max(0.0, low - room), high + room

    def at(x: float, y: float) -> tuple[float, float]:
        wide, tall = WIDE - LEFT - 14, HIGH - BELOW - ABOVE
        return LEFT + wide * x / right, ABOVE + tall * (high - y) / (high - low)

    parts = [f'<text x="{LEFT}" y="14" font-weight="bold">{title}</text>']
    for i in range(4):
        value = low + (high - low) * i / 3
        y = at(0, value)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDE - 14}" stroke="#e3e3e3"/>')
        parts.append(f'<text x="4" y="{y + 4:.1f}">{value:.3g}</text>')
    for x in sorted({x for x, _ in points}):
        parts.append(f'<text x="{at(x, low)[0]:.1f}" y="{HIGH - 18}" text-anchor="middle">')
        parts.append(f"{x:g}</text>")
    parts.append(f'<text x="{WIDE - 14}" y="{HIGH - 5}" text-anchor="end">{across}</text>')
    if level is not None:
        y = at(0, level)[1]
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDE - 14}" stroke="#888" stroke-dasharray="4 3"/>'
        )
    for line in lines:
        colour = COLOURS[titles.index(line.title) % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line.points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in (at(*point) for point in line.points):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
    return parts
