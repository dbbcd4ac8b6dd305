"""What a shot list's columns and cells are called elsewhere, and in a screenplay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from holocine_core.script.camera_words import HOW, WORDS, phrase_at

COLUMNS = ("scene", "global", "prompt", "seconds", "frames", "size", "angle", "movement")
"""What a column may be called; others are kept as comments."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": (
        "text", "description", "action", "caption", "shot description",
        "scene description", "content", "visual", "visuals", "shot content",
        "what happens", "beschreibung", "bildinhalt", "handlung", "bild", "contenu",
        "descripción", "acción", "descrizione", "azione", "opis", "描述", "画面",
    ),
    "seconds": (
        "duration", "length", "dur", "shot length", "shot duration", "sec",
        "secs", "est time", "estimated time", "screen time", "run time", "dauer", "länge",
        "durée", "duración", "durata", "czas", "时长", "time",
    ),
    "size": (
        "shot size", "framing", "frame size", "shot type", "type of shot",
        "einstellungsgröße", "valeur de plan", "tipo de plano", "campo", "景别",
    ),
    "angle": (
        "camera angle", "perspektive", "kamerawinkel", "ángulo", "angolo",
    ),
    "movement": (
        "move", "camera movement", "camera move", "moves", "kamerabewegung",
        "mouvement", "movimiento", "movimento", "运镜", "camera",
    ),
    "scene": (
        "scene number", "scene no", "scene name", "sc", "szene", "scène", "escena",
        "scena", "场景",
    ),
    "global": (
        "scene heading", "slugline", "location", "setting", "ort", "lieu", "lugar",
        "luogo",
    ),
}  # fmt: skip
_OTHER_NAMES = {name: column for column, names in _NAMES.items() for name in names}
_UNITS = re.compile(r"\s*[(\[]\s*(s|sec|secs|seconds|sek|frames|fr|f)\.?\s*[)\]]\s*$", re.I)
_FIRST_OF = {column: (column, *names) for column, names in _NAMES.items() if column != "prompt"}
"""Columns that may stand side by side: the first of these is meant, the others are comments."""
_PIECES = re.compile(r"[\s,;/+&]+")


def columns_of(cells: Sequence[str]) -> list[str]:
    """What columns are called here, by what they are called there."""
    said = [_plain(cell) for cell in cells]
    names = []
    for number, (name, unit) in enumerate(said, 1):
        known = _OTHER_NAMES.get(name, name)
        if known == "seconds" and unit.startswith("f"):
            known = "frames"
        rivals = _FIRST_OF.get(known, ())
        better = [one for one, _ in said if one in rivals[: rivals.index(name)]] if rivals else []
        names.append((name if better else known) or f"column {number}")
    # Of columns that become comments two may be called the same.
    return [
        name if name in COLUMNS or name not in names[:at] else f"{name} in column {at + 1}"
        for at, name in enumerate(names)
    ]


def _plain(cell: str) -> tuple[str, str]:
    """A column's name in small letters without signs, and its unit."""
    unit = _UNITS.search(cell)
    name = _UNITS.sub("", cell).lower()
    return " ".join(re.sub(r"[#.:_]", " ", name).split()), unit[1].lower() if unit else ""


def words_in(cell: str, column: str) -> tuple[dict[str, str], bool]:
    """A screenplay's words for what a cell says: column -> word; and whether that is all it says.

    ``Wide Shot`` in a column of sizes is wide; ``static wide`` in one of movements a movement and a
    size.

    Args:
        cell: What the table has there.
        column: The one of WORDS that it stands in: its words go first.
    """
    words = _PIECES.split(cell.strip()) if cell.strip() else []
    found: dict[str, str] = {}
    understood = True
    order = (column, *(name for name in WORDS if name != column))
    at = 0
    while at < len(words):
        key, word, length = phrase_at(words, at, order)
        understood &= found.setdefault(key, word) == word if word else words[at].lower() in HOW
        at += length
    return found, understood
