"""The GPU benchmark's rows as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

UNITS = {
    "seconds": ("s", "{:.3g}"),
    "tflops": ("TFLOP/s", "{:.0f}"),
    "share": ("of the matmul rate", "{:.0%}"),
    "peak_bytes": ("peak GiB", None),
    "error": ("relative error", "{:.1e}"),
    "a_second": ("a second", "{:.3g}"),
}
GIB = 2**30


def page(told: Mapping[str, Any]) -> str:
    """A table for every group of rows, its columns what any of its rows has."""
    about = told["machine"]
    lines = [f"*{about['name']}*", ""]
    if about.get("tiny"):
        lines += ["**Small sizes: a proof of the script, and no measure of anything.**", ""]
    for group, found in groupby(told["rows"], key=lambda row: row["group"]):
        some = list(found)
        names = [name for name in UNITS if any(name in row.get("measured", {}) for row in some)]
        lines += [f"### {group}", "", *_table(some, names), ""]
        notes = dict.fromkeys(row["about"] for row in some if row["about"])
        lines += [*notes, ""] if notes else []
    return "\n".join(lines).rstrip() + "\n"


def _table(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    heads = [UNITS[name][0] for name in names] or ["result"]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for row in found:
        cells = [_cell(name, row.get("measured", {}).get(name)) for name in names]
        missing = row.get("skipped") or row.get("failed")
        if missing:
            kind = "skipped" if "skipped" in row else "failed"
            cells = [f"{kind}: {missing}", *[""] * (len(heads) - 1)]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return lines


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    form = UNITS[name][1]
    return f"{value / GIB:.1f}" if form is None else form.format(value)
