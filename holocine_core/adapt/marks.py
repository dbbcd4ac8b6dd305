"""Lines that say something of the film and nothing in it: acts, cards, camera, pages."""

from __future__ import annotations

import re

from holocine_core.adapt.elements import Element
from holocine_core.adapt.headings import is_transition

_PAGES = re.compile(r"\(?CONTINUED\)?\s*:?\s*(?:\(\d{1,3}\))?|\(MORE\)")
"""What programs set where a page ends: it says nothing."""
_ENDS = re.compile(
    r"(?:THE )?END(?: OF (?:FILM|MOVIE|SCRIPT))?|FIN|ENDE|FINE|KONIEC|КОНЕЦ|完|终|終|"
    r"(?:ROLL |END |OPENING |MAIN |CLOSING )?(?:CREDITS|TITLES?)(?: ROLL| SEQUENCE)?"
)
_CARD = re.compile(
    r"(?:SUPER(?:IMPOSED?)?|TITLES?|TITLE CARD|CARD|CHYRON|CAPTION|LOWER THIRD|(?:TEXT )?ON SCREEN"
    r"|INSERT TITLE|TITEL|INSERTO)(?: OVER\b[^:]{0,30})?(?:\s*:|\s+[-\u2013\u2014]\s).*"
)
_NUMBER = r"(?:\d{1,2}|[IVX]{1,4}|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|EINS|ZWEI|DREI)"
_ACT = re.compile(
    rf"(?:END (?:OF )?)?(?:ACT|AKT|ACTE|ACTO|ATTO) {_NUMBER}"
    r"|(?:END (?:OF )?)?(?:TEASER|COLD OPEN(?:ING)?|TAG|PROLOGUE|EPILOGUE)"
    r"|END (?:OF )?(?:EPISODE|SHOW|PILOT)|COMMERCIAL BREAK"
)
_SEQUENCE = r"(?:INSERT|MONTAGE|SERIES OF SHOTS|INTERCUT|FLASHBACK|DREAM SEQUENCE|SPLIT SCREEN)\b.*"
_CAMERA = re.compile(
    r"(?:EXTREME |TIGHT |MEDIUM )?CLOSE(?:[ -]?UP)?\b.*"
    r"|(?:NEW |REVERSE |WIDER? |HIGH |LOW )?ANGLE\b.*"
    rf"|(?:BEGIN )?{_SEQUENCE}"
    r"|.{1,30}['\u2019]S? POV\b.*|POV\b.*"
    r"|(?:WIDE|AERIAL|TRACKING|ESTABLISHING|OVERHEAD|DRONE|CRANE|DOLLY|TWO|MEDIUM|LONG|FULL) "
    r"SHOT\b.*"
    r"|ESTABLISHING(?::.*)?"
    r"|(?:(?:MOMENTS|MINUTES|HOURS|DAYS|WEEKS|MONTHS|YEARS|MUCH|A LITTLE) )?LATER(?: THAT \w+)?"
)
_CAMERA_ENDS = re.compile(rf"END (?:OF )?{_SEQUENCE}|(?:BACK TO|RESUME)\b.*")
_NOTE = re.compile(r"NOTES?\s*:\s*(\S.*)", re.S)
LONGEST_MARK = 60
"""Characters of one, notes apart."""


def mark_of(line: str) -> tuple[Element, ...] | None:
    """What a line of its own says of the film; nothing for marks of pages, None for other lines.

    Args:
        line: Without emphasis and blanks around it.
    """
    if note := _NOTE.fullmatch(line):
        return (Element("remark", f"note: {note[1]}"),)
    if line != line.upper() and not _CARD.fullmatch(line):
        return None
    if len(line) > LONGEST_MARK:
        return None
    bare = line.rstrip(".:!")
    if _PAGES.fullmatch(line):
        return ()
    if is_transition(line):
        return (Element("transition", line),)
    if _ENDS.fullmatch(bare) or _CARD.fullmatch(line):
        return (Element("centered", line),)
    if _ACT.fullmatch(bare):
        return (Element("remark", f"act: {line}"),)
    if bare == "OMITTED":
        return (Element("remark", f"a scene in the script: {line}"),)
    if _CAMERA_ENDS.fullmatch(bare):
        return (Element("remark", f"a shot in the script: {line}"),)
    if _CAMERA.fullmatch(bare):
        return (Element("remark", f"LOOK: a shot in the script: {line}"),)
    return None
