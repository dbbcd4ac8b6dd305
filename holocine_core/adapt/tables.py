"""A shot list as a table (CSV, or tabs) -> a draft: a row is a shot."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from holocine_core.adapt.columns import COLUMNS, columns_of, words_in
from holocine_core.adapt.draft import LOOK, Draft, DraftScene, DraftShot, Slugs
from holocine_core.adapt.headings import caption_of, heading_of
from holocine_core.errors import InputError, Problem
from holocine_core.script.camera_words import HOW, WORDS

_SEPARATOR = re.compile(r"sep=(.)", re.I)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\s*s)?")
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)")
_TIMECODE = re.compile(r"(\d{1,2}:\d{2}:\d{2})[:;](\d{2})")
_NUMBER = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?)\s*(?:s|secs?|seconds?|frames?|f)?\.?", re.I)
HIGHEST_HEADER = 30
"""Lines among which the one with the columns' names is looked for, to find what parts them."""
CODE_RATE = 24
"""Frames that timecode is taken to count to a second: a table does not say, its reader is told."""
GUESSED = 3.0
"""A shot's seconds where the table says nothing."""


def table_draft(text: str, source: str, title: str) -> Draft:
    """Read a shot list.

    Args:
        text: The table; its first row names the columns, ``prompt`` is a must.
        source: The file's name, for messages.
        title: The film's.

    Raises:
        InputError: With every problem of the table, each with its line.
    """
    rows, last, above = _rows(text, source)
    problems: list[Problem] = []
    shots: list[tuple[str, str, DraftShot]] = []
    scene = ""
    remarks: list[str] = [f"above the table: {line}" for line in above]
    if rows and _is_total(rows[-1][1]):
        remarks.append(f"below the table: {', '.join(filter(None, rows.pop()[1].values()))}")
    for line, row in rows:
        scene = row.get("scene") or scene  # Most lists name a scene in its first row only.
        shot = _shot(row, f"{source}:{line}", problems)
        shots.append((scene, _caption(row.get("global", "")), shot))
    if problems:
        raise InputError.of(problems)
    if not shots:
        raise InputError("the table has no shots", where=f"{source}:{last}")
    scenes: list[DraftScene] = []
    slugs, before = Slugs(), set[str]()
    for name, group in groupby(shots, key=lambda one: one[0]):
        members = list(group)
        told = dict.fromkeys(caption for _, caption, _ in members if caption)
        told_of = [f"scene: {name}"] if name and not name.isascii() else []
        if name and name in before:
            told_of.append(f"{LOOK} '{name}' comes back: this is another scene, filmed by itself")
        before.add(name)
        scenes.append(
            DraftScene(
                id=slugs(name, f"scene-{len(scenes) + 1}"),
                caption=" ".join(told).replace("{", "{{").replace("}", "}}"),
                remarks=tuple(told_of),
                shots=tuple(shot for *_, shot in members),
            )
        )
    if not all(_says(row, "seconds") or _says(row, "frames") for _, row in rows):
        remarks.append(f"Shots without a length have {GUESSED:g} seconds.")
    return Draft(title=title, source=source, scenes=tuple(scenes), remarks=tuple(remarks))


def _rows(text: str, source: str) -> tuple[list[tuple[int, dict[str, str]]], int, list[str]]:
    """Every row that says something, with its line, by the columns' names; the last line; and what
    stands above the table."""
    text = text.lstrip("\ufeff")
    delimiter, said = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    names: list[str] = []
    above: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells) or (said and line == 1):
                continue
            if not names:
                if "prompt" not in (names := columns_of(cells)):
                    above.append((line, cells))
                    names = []
                    continue
                _refuse_twice(names, f"{source}:{line}")
                continue
            if len(cells) > len(names):
                raise InputError(
                    f"the row has {len(cells)} cells, the table {len(names)} columns",
                    where=f"{source}:{line}",
                    hint='put texts with commas in quotes: "A harbour, at dusk."',
                )
            rows.append((line, dict(zip(names, (c.strip() for c in cells), strict=False))))
    except csv.Error as error:
        raise InputError(
            f"the table cannot be read: {error}", where=f"{source}:{reader.line_num}"
        ) from None
    if not names:
        if not above:
            raise InputError("the table is empty", where=source)
        raise InputError(
            "the table has no column `prompt`",
            where=f"{source}:{above[0][0]}",
            hint=f"name the columns in one row; known are {', '.join(COLUMNS)}",
        )
    told = [", ".join(cell.strip() for cell in cells if cell.strip()) for _, cells in above]
    return rows, reader.line_num, told


def has_columns(text: str) -> bool:
    """Whether a text is a table of shots by its columns' names, whatever is in its rows."""
    delimiter, _ = _delimiter(text)
    heads = [line for line in text.splitlines() if line.strip()][:HIGHEST_HEADER]
    rows = [line.split(delimiter) for line in heads]
    return any(len(cells) > 1 and "prompt" in columns_of(cells) for cells in rows)


def _delimiter(text: str) -> tuple[str, bool]:
    """What parts a table's cells, and whether its first line says so, which is Excel's own way."""
    lines = text.splitlines()
    if lines and (said := _SEPARATOR.fullmatch(lines[0].strip())):
        return said[1], True
    heads = [line for line in lines if line.strip()][:HIGHEST_HEADER] or [""]
    return max(",;\t", key=lambda sign: max(line.count(sign) for line in heads)), False


def _refuse_twice(names: Sequence[str], where: str) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two columns mean `{twice}`", where=where, hint="drop or rename one")


_TOTAL = re.compile(r"(?:grand )?total.*|sum|summe|gesamt.*|somme|suma", re.I)


def _is_total(row: Mapping[str, str]) -> bool:
    """Whether a row without a shot adds up those above it."""
    first = next(filter(None, row.values()), "")
    return not row.get("prompt") and _TOTAL.fullmatch(first.rstrip(":")) is not None


def _caption(cell: str) -> str:
    """A place as the table says it, or as a script does: ``INT. GREENHOUSE - DAY``."""
    return caption_of(cell) if heading_of(cell) else cell


def _shot(row: Mapping[str, str], where: str, problems: list[Problem]) -> DraftShot:
    remarks = [f"{name}: {cell}" for name, cell in row.items() if cell and name not in COLUMNS]
    said = {name: "" for name in WORDS}
    for name in WORDS:
        cell = row.get(name, "")
        found, understood = words_in(cell, name)
        for other, word in found.items():  # "static wide" in a column of movements has a size too.
            if other == name or not row.get(other):
                said[other] = said[other] or word
        if cell and name not in found and not understood:
            remarks.append(f"{LOOK} {name} '{cell}' is none that a screenplay knows")
        elif cell and not understood:
            remarks.append(f"{LOOK} {name} is '{cell}' in the table")
        elif cell and (name not in found or HOW.intersection(cell.lower().split())):
            remarks.append(f"{name}: {cell}")
    if not row.get("prompt"):
        problems.append(Problem("the shot has no prompt", where, "say what it shows"))
    frames = _number(row, "frames", where, problems)
    seconds = _number(row, "seconds", where, problems)
    code = _TIMECODE.fullmatch(row.get("seconds", ""))
    if seconds is not None and code and int(code[2]):
        told = f"{row['seconds']} is {seconds:g} s at {CODE_RATE} frames a second"
        remarks.append(f"{LOOK} the table doesn't say what rate it counts at: {told}")
    if frames is not None and seconds is not None:
        hint = "leave one of the cells empty"
        problems.append(Problem("the shot has `frames` and `seconds`", where, hint))
    if frames is not None and frames != int(frames):
        problems.append(Problem(f"`frames` is {frames:g}", where, "a whole number of frames"))
    return DraftShot(
        prompt=" ".join(row.get("prompt", "").split()).replace("{", "{{").replace("}", "}}"),
        frames=int(frames) if frames is not None else None,
        seconds=seconds if seconds is not None or frames is not None else GUESSED,
        remarks=tuple(remarks),
        **said,
    )


def _says(row: Mapping[str, str], name: str) -> bool:
    """Whether a row has a number there: a dash is none."""
    return bool(row.get(name, "").strip("-\u2013\u2014?"))


def _number(row: Mapping[str, str], name: str, where: str, problems: list[Problem]) -> float | None:
    if not _says(row, name):
        return None
    cell = row[name]
    if _THOUSANDS.fullmatch(cell):
        hint = f"write {cell.replace(',', '')} or {cell.replace(',', '.')}"
        problems.append(Problem(f"`{name}` is '{cell}': is the comma a point?", where, hint))
        return None
    value = _read_number(cell, timed=name == "seconds")
    if not 0 < value <= 100_000:
        problems.append(Problem(f"`{name}` is '{cell}'", where, "a number above 0, such as 2.5"))
        return None
    return value


def _read_number(cell: str, *, timed: bool) -> float:
    """2.5, 2,5, 2.5 s, 3 sec; of times 1:30 (minutes and seconds), 0:01:30 and the timecode
    00:01:30:00 too; 0 for all else."""
    if timed and (code := _TIMECODE.fullmatch(cell)):
        if int(code[2]) >= CODE_RATE:
            return 0.0
        return round(_read_number(code[1], timed=True) + int(code[2]) / CODE_RATE, 3)
    if timed and (clock := _CLOCK.fullmatch(cell)):
        return 3600 * int(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3])
    found = _NUMBER.fullmatch(cell)
    return float(found[1].replace(",", ".")) if found else 0.0
