"""The paragraphs of a script, of whatever format."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from holocine_core.adapt.names import plain

Kind = Literal[
    "title", "heading", "action", "character", "dialogue", "parenthetical", "lyric", "transition",
    "centered", "remark",
]  # fmt: skip
_BRACKETS = re.compile(r"\(([^()]*)\)?")
_WIDE = str.maketrans("\uff08\uff09", "()")
"""Chinese and Japanese brackets."""
_GOES_ON = re.compile(r"\bCONT(?:['\u2019\u2018`]?D|INUED|\.|$)\W*", re.I)
_IS_MORE = re.compile(r"\W*(?:MORE|SUITE|FORTSETZUNG|FORTS|SEGUE)\W*", re.I)


@dataclass(frozen=True, slots=True)
class Element:
    """One paragraph of a script.

    Attributes:
        kind: What it is.
        text: Its words; of a character its name.
        extra: Of a character what stands in brackets, of a title its key, of notes nothing.
    """

    kind: Kind
    text: str
    extra: str = ""


def cue_of(line: str) -> Element:
    """Who speaks, by a line such as ``MARA (V.O.) (CONT'D)``: the name as it is written, and all
    that stands in brackets but that the speech goes on."""
    line = plain(unicodedata.normalize("NFC", line).translate(_WIDE))
    extras = [manner_of(found) for found in _BRACKETS.findall(line)]
    name = " ".join(_BRACKETS.sub(" ", line).split())
    return Element("character", name, ", ".join(filter(None, extras)))


def manner_of(line: str) -> str:
    """What a line in brackets says of how somebody speaks; empty where it only says that the speech
    goes on, as ``(MORE)``."""
    inside = _GOES_ON.sub("", line.translate(_WIDE).strip("() ")).strip()
    return "" if _IS_MORE.fullmatch(inside) else inside
