"""Headings and transitions: what a script's line says of place, time and passing, by its words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from holocine_core.adapt.names import doubled, plain

Where = Literal["Inside", "Outside", "Inside and outside", ""]

_INSIDE = (
    "INT", "INNEN", "BINNEN", "INTÉRIEUR", "INTERIEUR", "INTERIOR", "ИНТ", "WN", "内景", "內景",
)  # fmt: skip
_OUTSIDE = (
    "EXT", "EST", "AUSSEN", "AUẞEN", "AUßEN", "BUITEN", "EXTÉRIEUR", "EXTERIEUR", "EXTERIOR",
    "НАТ", "ЭКСТ", "PL", "外景",  # noqa: RUF001
)  # fmt: skip
"""How headings begin: English and most Romance languages', German, Dutch, Russian, Polish,
Chinese."""
_PLACES: Mapping[str, Where] = {
    **dict.fromkeys(_INSIDE, "Inside"),
    **dict.fromkeys(_OUTSIDE, "Outside"),
}  # fmt: skip
_ONE = "|".join(sorted(map(re.escape, _PLACES), key=len, reverse=True))
_BOTH = rf"(?:(?:{_ONE})\.?\s?/\s?(?:{_ONE})|I\.?\s?/\s?E|E\.?\s?/\s?I|\u5185\s?/?\s?\u5916\u666f)"
_BEGINS = re.compile(
    rf"({_BOTH}|{_ONE})(\.\s*[-:]?\s*|\s*:\s*|\s+(?:[-\u2013\u2014]\s+)?)(?=\S)", re.I
)
_NUMBER = re.compile(r"\s*#\s*([\w.-]{1,12})\s*#\s*$")
_NUMBERED = re.compile(r"\s*([A-Z]{0,2}\d{1,4}[A-Z]{0,2})[.)]?\s+(?=\S)")
_KNOWN = ("INT", "EXT")
"""Beginnings that are no words themselves."""

_TRANSITION = re.compile(
    r"""
      (?:SLOW\s|QUICK\s)?FADE(?:S)?\s(?:IN|OUT|UP|DOWN)(?:\s(?:ON|FROM|TO)\b.*|\s.*)?
    | FADE\s(?:TO|FROM|INTO)\b.*
    | (?:\w+[\s-]){0,2}CUT(?:S)?\s(?:TO|BACK\sTO|INTO)\b.*
    | (?:(?:SMASH|MATCH|JUMP|TIME|HARD|QUICK|SHOCK|FLASH|DIRECT|L|J)[\s-])?CUT
    | (?:OVER|FROM|TO)\s(?:BLACK|WHITE)
    | (?:\w+\s){0,2}DISSOLVE(?:S)?(?:\s(?:TO|INTO)\b.*)?
    | (?:CROSS[\s-]?(?:FADE|DISSOLVE)|WIPE|IRIS|IRIS\sIN|IRIS\sOUT)(?:\s(?:TO|IN|OUT)\b.*)?
    | BACK\sTO:? | INTERCUT\sWITH:?
    """,
    re.X,
)
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "crossfade": (
        "ÜBERBLENDUNG", "ÜBERBLENDE", "FONDU ENCHAÎNÉ", "FUNDIDO ENCADENADO", "ENCADENADO",
        "DISSOLVENZA", "DISSOLVENZA INCROCIATA", "PRZENIKANIE", "НАПЛЫВ", "叠化", "溶至",
    ),
    "fade": (
        "ABBLENDE", "AUFBLENDE", "SCHWARZBLENDE", "FONDU", "FONDU AU NOIR", "OUVERTURE AU NOIR",
        "FERMETURE AU NOIR", "FUNDIDO", "FUNDIDO A NEGRO", "DISSOLVENZA A NERO", "ŚCIEMNIENIE",
        "ROZJAŚNIENIE", "ЗАТЕМНЕНИЕ", "ИЗ ЗАТЕМНЕНИЯ", "В ЗАТЕМНЕНИЕ", "ЗТМ", "ИЗ ЗТМ", "淡出",  # noqa: RUF001
        "淡入", "渐隐", "渐显",
    ),
    "cut": (
        "SCHNITT", "SCHNITT AUF", "SCHNITT ZU", "COUPE", "COUPE À", "COUPÉ À", "CORTE", "CORTE A",
        "CORTA A", "STACCO", "STACCO SU", "CIĘCIE", "ПЕРЕХОД", "切至", "切",
    ),
}  # fmt: skip
"""Transitions in German, French, Spanish, Italian, Polish, Russian and Chinese."""
_STOPS = ".:\uff1a\u3002 "
_IN_OTHERS = {words: kind for kind, several in _OTHERS.items() for words in several}
_CUT = re.compile(r"(?:[\w-]+\s){0,2}(?:[\w-]+-)?CUT(?:\sTO)?")
LONGEST_TRANSITION = 40
"""Characters of one."""


def heading_of(line: str) -> str:
    """The heading in a line without the numbers around it; empty where the line is none.

    A line is one by how it begins: with ``INT`` or ``EXT``, in small letters with a full stop; with
    other words of that kind in capitals, and with a full stop or in a line of capitals. For ``Est.
    1890`` is written on houses, and a text may begin with ``INTERIOR of a shell``.
    """
    text, _ = numbered(line)
    found = _BEGINS.match(text)
    if found is None:
        return ""
    word, stopped = found[1], found[2].strip()[:1] in (".", ":")
    known = "/" in word or word.upper() in _KNOWN
    if word != word.upper():
        return text if known and stopped else ""
    return text if known or stopped or text == text.upper() else ""


def numbered(line: str) -> tuple[str, str]:
    """A heading and its scene number: ``INT. HALL - DAY #12A#``, or ``12A INT. HALL - DAY 12A``."""
    text = " ".join(line.split())  # Patterns that pass over blanks are slow where there are many.
    if marked := _NUMBER.search(text):
        return text[: marked.start()].rstrip(), marked[1]
    before = _NUMBERED.match(text)
    if before is None or not _BEGINS.match(text[before.end() :]):
        return text, ""
    number, text = before[1], text[before.end() :]
    if text.endswith(f" {number}"):
        text = text.removesuffix(number).rstrip()
    return text, number


def place_of(heading: str) -> tuple[Where, str]:
    """Whether it is inside or outside, and the words behind that."""
    found = _BEGINS.match(heading)
    if found is None:
        return "", heading
    rest = heading[found.end() :]
    return _PLACES.get(found[1].upper(), "Inside and outside"), rest


def is_transition(text: str) -> bool:
    """Whether a line of its own, in capitals, says how one scene passes into the next."""
    line = text.strip()
    if line != line.upper() or not line or len(line) > LONGEST_TRANSITION:
        return False
    said = line.rstrip(_STOPS)
    return said in _IN_OTHERS or bool(_TRANSITION.fullmatch(said)) or line.endswith(" TO:")


def transition_kind(words: str) -> str | None:
    """A screenplay's transition for a script's words; None where it has none like it."""
    said = words.upper().rstrip(_STOPS)
    if said in _IN_OTHERS:
        return _IN_OTHERS[said]
    if "DISSOLVE" in said or "CROSS" in said:
        return "crossfade"
    if "FADE" in said:
        return "fade"
    return "cut" if _CUT.fullmatch(said) else None


_USUAL = re.compile(
    r"(?:(?:FADE (?:OUT|IN|TO BLACK)|DISSOLVE(?: TO)?|CROSS ?FADE(?: TO)?|CUT(?: TO)?)[.: ]*)+"
)


def is_usual(words: str) -> bool:
    """Whether a screenplay's transition says all that a script's words say."""
    said = words.upper()
    return _USUAL.fullmatch(said) is not None or said.rstrip(_STOPS) in _IN_OTHERS


def caption_of(heading: str) -> str:
    """``EXT. HARBOUR QUAY - DUSK`` -> ``Outside: harbour quay, dusk.``; empty without words."""
    where, rest = place_of(" ".join(heading.split()))
    place = re.sub(r"\s+[-\u2013\u2014]+\s+", ", ", plain(rest)).strip(" .")
    if not re.search(r"\w", place):
        return ""
    shown = place.lower() if place.isupper() else place
    told = f"{where}: {shown}" if where else shown[:1].upper() + shown[1:]
    return f"{doubled(told)}."
