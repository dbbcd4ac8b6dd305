"""Who speaks in a script: its people, voices that nobody sees, and two at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set

from holocine_core.adapt.elements import Element

_OFF_SCREEN = re.compile(
    r"\b(?:V\.\s?O|O\.\s?S|O\.\s?C|F\.\s?C|N\.\s?O)\b|(?-i:\b(?:VO|OS|OC|FC)\b)"
    r"|\bVOICE[ -]?OVER\b|\bOFF[ -]?(?:SCREEN|CAMERA|STAGE)\b|\bPRE[ -]?LAP\b|\bFILTERED\b"
    r"|^OFFU?$|\b(?:IM|EN|IN|AUS DEM|VOIX|Z|ZZA) (?:OFF|KADRU)U?\b|\bHORS CHAMP\b|\bFUORI CAMPO\b"
    r"|ЗА КАДРОМ|^(?:ЗК|З\.К\.)|画外音|畫外音|旁白|ナレーション",  # noqa: RUF001
    re.I,
)
_IS_A_VOICE = re.compile(
    r"(?:.+ )?(?:VOICE|VOICES|NARRATOR|ANNOUNCER|VOICE[ -]?OVER|LOUDSPEAKER|INTERCOM)(?: .+)?"
    r"|ERZÄHLER(?:IN)?|SPRECHER(?:IN)?|NARRATEUR|NARRADORA?|NARRATORE|LEKTOR|РАССКАЗЧИК|旁白|画外音"
)
"""Names of those who are heard."""
_SHOWN = re.compile(
    r"ON[ -]?(?:SCREEN|CAMERA)|O\.?N\.?|SUBTITLED?.*|IN SUBTITLES?|.*\bSUBTITLES", re.I
)
"""In brackets, of somebody who is seen, and nothing that is seen itself."""
_SEVERAL = re.compile(r"\s*[/&+]\s*")
_AND = re.compile(r"\s+(?:AND|UND|ET|Y|E|I|И|OCH|EN)\s+")


def is_only_heard(name: str, extra: str) -> bool:
    """Whether somebody speaks and is not seen.

    Args:
        name: The speaker's, in capitals.
        extra: What stands behind it in brackets.
    """
    if _OFF_SCREEN.search(extra):
        return True
    return not manners(extra)[1] and _IS_A_VOICE.fullmatch(name) is not None


def manners(extra: str) -> tuple[list[str], str]:
    """What stands behind a name in brackets: how it is spoken, and what is not for the picture."""
    parts = [part.strip() for part in extra.split(",") if part.strip()]
    shown = [
        part.lower() if part.isupper() else part for part in parts if not _SHOWN.fullmatch(part)
    ]
    return shown, ", ".join(part for part in parts if _SHOWN.fullmatch(part))


def together(name: str, known: Set[str]) -> list[str]:
    """The people in a name that is several: ``ADA/BEA``, and ``ADA AND BEA`` where one of them
    speaks alone too.

    Args:
        name: In capitals.
        known: Every name that the script has for who speaks, in capitals.
    """
    parts = [part for part in _SEVERAL.split(name) if part]
    if all(any(letter.isalpha() for letter in part) for part in parts) and len(parts) > 1:
        return parts
    parts = _AND.split(name)
    return parts if len(parts) > 1 and known & set(parts) else [name]


def cues_of(elements: Sequence[Element]) -> frozenset[str]:
    """Every name that a script has for who speaks, in capitals."""
    return frozenset(element.text.upper() for element in elements if element.kind == "character")


def cast_of(elements: Sequence[Element]) -> dict[str, str]:
    """Every speaker's name, in capitals -> the name in the screenplay, in order of appearance."""
    found: dict[str, str] = {}
    taken, numbers = set[str](), dict[str, int]()
    known = cues_of(elements)
    for element in elements:
        if element.kind != "character":
            continue
        for spoken in together(element.text.upper(), known):
            if spoken not in found:
                found[spoken] = _free(spoken.lower(), taken, numbers)
    return found


def _free(text: str, taken: set[str], numbers: dict[str, int]) -> str:
    """A name like the text that nobody has yet, for a screenplay."""
    name = re.sub(r"\W+", "_", text).strip("_")
    name = name if name.isidentifier() else f"character_{name}".rstrip("_")
    number, free = numbers.get(name, 1), name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    numbers[name] = number
    taken.add(free)
    return free


_BEAT = re.compile(r"(?:an? )?((?:long |short |small |tiny |slight )?(?:beat|pause))", re.I)


def told_manner(manner: str) -> str:
    """``beat`` -> ``after a beat``; all else as it is."""
    beat = _BEAT.fullmatch(manner)
    return f"after a {beat[1].lower()}" if beat else manner


def as_people(names: Sequence[str], cast: Mapping[str, str]) -> str:
    """``{ada} and {bea}``."""
    return " and ".join(f"{{{cast[name]}}}" for name in names)
