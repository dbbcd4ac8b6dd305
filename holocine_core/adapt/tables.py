"""A shot list as a table (CSV, or tabs) -> a draft: a row is a shot."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import get_args

from holocine_core.adapt.draft import LOOK, Draft, DraftScene, DraftShot, Slugs
from holocine_core.errors import InputError, Problem
from holocine_core.script.screenplay import Angle, Movement, Size

COLUMNS = ("scene", "global", "prompt", "seconds", "frames", "size", "angle", "movement")
"""What a column may be called; others are kept as comments."""
_OTHER_NAMES = {
    "text": "prompt", "description": "prompt", "action": "prompt", "caption": "prompt",
    "duration": "seconds", "length": "seconds", "shot size": "size", "camera": "movement",
    "camera movement": "movement", "setting": "global", "location": "global",
}  # fmt: skip
_WORDS: Mapping[str, frozenset[str]] = {
    "size": frozenset(get_args(Size)),
    "angle": frozenset(get_args(Angle)),
    "movement": frozenset(get_args(Movement)),
}
_SHORT = {
    "ews": "extreme wide", "els": "extreme wide", "ws": "wide", "ls": "wide", "fs": "full",
    "mws": "medium wide", "mls": "medium wide", "ms": "medium", "mcu": "medium close-up",
    "cu": "close-up", "close up": "close-up", "ecu": "extreme close-up", "bcu": "extreme close-up",
    "2s": "two-shot", "two shot": "two-shot", "ots": "over-the-shoulder", "pov": "point of view",
    "eye level": "eye-level", "still": "static", "locked": "static", "dolly": "dolly in",
    "track": "tracking", "zoom": "zoom in",
}  # fmt: skip
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
    rows, first = _rows(text, source)
    problems: list[Problem] = []
    shots: list[tuple[str, str, DraftShot]] = []
    scene = ""
    for line, row in rows:
        scene = row.get("scene") or scene  # Most lists name a scene in its first row only.
        shot = _shot(row, f"{source}:{line}", problems)
        shots.append((scene, row.get("global", ""), shot))
    if problems:
        raise InputError.of(problems)
    if not shots:
        raise InputError("the table has no shots", where=f"{source}:{first}")
    scenes: list[DraftScene] = []
    slugs, before = Slugs(), set[str]()
    for name, group in groupby(shots, key=lambda one: one[0]):
        members = list(group)
        told = dict.fromkeys(caption for _, caption, _ in members if caption)
        remarks = [f"scene: {name}"] if name and not name.isascii() else []
        if name and name in before:
            remarks.append(f"{LOOK} '{name}' comes back: this is another scene, filmed by itself")
        before.add(name)
        scenes.append(
            DraftScene(
                id=slugs(name, f"scene-{len(scenes) + 1}"),
                caption=" ".join(told).replace("{", "{{").replace("}", "}}"),
                remarks=tuple(remarks),
                shots=tuple(shot for *_, shot in members),
            )
        )
    guessed = any(shot.seconds == GUESSED and shot.frames is None for *_, shot in shots)
    remark = f"Shots without a length have {GUESSED:g} seconds."
    return Draft(title=title, source=source, scenes=tuple(scenes), remarks=(remark,) * guessed)


def _rows(text: str, source: str) -> tuple[list[tuple[int, dict[str, str]]], int]:
    """Every row that says something, with its line, by the columns' names."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    names: list[str] = []
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = _names(cells, f"{source}:{line}")
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
        raise InputError("the table is empty", where=source)
    return rows, reader.line_num


def _names(cells: Sequence[str], where: str) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    names = [_OTHER_NAMES.get(name, name) or f"column {i}" for i, name in enumerate(names, 1)]
    if "prompt" not in names:
        raise InputError(
            "the table has no column `prompt`",
            where=where,
            hint=f"name the columns in the first row; known are {', '.join(COLUMNS)}",
        )
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two columns mean `{twice}`", where=where, hint="drop or rename one")
    return names


def _shot(row: Mapping[str, str], where: str, problems: list[Problem]) -> DraftShot:
    remarks = [f"{name}: {cell}" for name, cell in row.items() if cell and name not in COLUMNS]
    said = {name: "" for name in _WORDS}
    for name, known in _WORDS.items():
        word = row.get(name, "").lower()
        word = _SHORT.get(word, word)
        if word in known:
            said[name] = word
        elif word:
            remarks.append(f"{LOOK} {name} '{row[name]}' is none that a screenplay knows")
    if not row.get("prompt"):
        problems.append(Problem("the shot has no prompt", where, "say what it shows"))
    frames = _number(row, "frames", where, problems)
    seconds = _number(row, "seconds", where, problems)
    if frames is not None and seconds is not None:
        hint = "leave one of the cells empty"
        problems.append(Problem("the shot has `frames` and `seconds`", where, hint))
    if frames is not None and frames != int(frames):
        problems.append(Problem(f"`frames` is {frames:g}", where, "a whole number of frames"))
    return DraftShot(
        prompt=row.get("prompt", "").replace("{", "{{").replace("}", "}}"),
        frames=int(frames) if frames is not None else None,
        seconds=seconds if seconds is not None or frames is not None else GUESSED,
        remarks=tuple(remarks),
        **said,
    )


def _number(row: Mapping[str, str], name: str, where: str, problems: list[Problem]) -> float | None:
    cell = row.get(name, "").replace(",", ".").removesuffix("s").strip()
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100_000:
        problems.append(
            Problem(f"`{name}` is '{row[name]}'", where, "a number above 0, such as 2.5")
        )
        return None
    return value
