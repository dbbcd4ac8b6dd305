"""Fountain and Final Draft files -> a script's elements, read by ``screenplay-tools``."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from holocine_core.adapt.beats import Element, Kind
from holocine_core.errors import InputError, MachineError

_KINDS: dict[str, Kind] = {
    "HEADING": "heading", "ACTION": "action", "CHARACTER": "character", "DIALOGUE": "dialogue",
    "PARENTHETICAL": "parenthetical", "LYRIC": "lyric", "TRANSITION": "transition",
}  # fmt: skip
LONGEST_LINE = 5000
"""Characters: a paragraph is one line, and reading a line takes the square of its length."""
_BLANKS = re.compile(r"[^\S\r\n\v\f\x1c-\x1e\x85\u2028\u2029]{9,}")
"""More blanks than an indent has; the library's time goes with their cube."""
_MARK = re.compile(r"\[\[(\d+)\]\]|/\*(\d+)\*/")
_TRANSITIONS = re.compile(r"(?:FADE|CUT|DISSOLVE|SMASH CUT|MATCH CUT)\b[A-Z ]*[.:]?", re.I)


def fountain_elements(text: str, where: str) -> list[Element]:
    """The paragraphs of a Fountain script.

    Raises:
        InputError: A line is too long to be one of a script's.
        MachineError: ``screenplay-tools`` isn't installed.
    """
    try:
        from screenplay_tools.fountain.parser import Parser
    except ImportError:
        raise _missing() from None
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"the line has {len(line):,} characters; a script's has at most {LONGEST_LINE:,}",
                where=f"{where}:{number}:1",
                hint="is it a Fountain file? Begin paragraphs in lines of their own",
            )
    parser = Parser()
    parser.add_text(_BLANKS.sub(" " * 8, text))
    return list(_elements(parser.script))


def fdx_elements(text: str, where: str) -> list[Element]:
    """The paragraphs of a Final Draft script.

    Raises:
        InputError: It is no XML, or not Final Draft's.
        MachineError: ``screenplay-tools`` isn't installed.
    """
    try:
        from screenplay_tools.fdx.parser import Parser
    except ImportError:
        raise _missing() from None
    flat, remarks = _flattened(text, where)
    return [*remarks, *_elements(Parser().parse(flat))]


def _missing() -> MachineError:
    return MachineError("scripts need screenplay-tools", hint="pip install 'holocine[film]'")


def _flattened(text: str, where: str) -> tuple[str, list[Element]]:
    """The document as the library reads all of it: it looks at a paragraph's first run of text
    only, and not below paragraphs, where two who speak at once stand. And what else it says: its
    title page, summaries and notes."""
    try:
        root = ET.fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text.lstrip("\ufeff"), flags=re.S))
    except ET.ParseError as error:
        line, column = error.position
        raise InputError(
            f"the file is no XML: {error}",
            where=f"{where}:{line}:{column + 1}",
            hint="save it again as .fdx, or export it as Fountain",
        ) from None
    content = root.find("Content")
    if root.tag != "FinalDraft" or content is None:
        raise InputError("the file is no Final Draft document", where=where, hint="save it as .fdx")
    flat = ET.Element("Content")
    for paragraph in _paragraphs(content):
        one = ET.SubElement(flat, "Paragraph", {"Type": paragraph.get("Type", "Action")})
        ET.SubElement(one, "Text").text = "".join(
            "".join(run.itertext()) for run in paragraph.findall("Text")
        )
    document = ET.Element("FinalDraft")
    document.append(flat)
    return ET.tostring(document, encoding="unicode"), list(_asides(root))


def _asides(root: ET.Element) -> Iterator[Element]:
    for name, tag in (("title page", "TitlePage"), ("summary", "Summary"), ("note", "ScriptNote")):
        for aside in root.iter(tag):
            words = " ".join("".join(run.itertext()).strip() for run in aside.iter("Text")).split()
            if words:
                yield Element("title", " ".join(words), name)


def _paragraphs(content: ET.Element) -> Iterator[ET.Element]:
    """Those of the document and, after each, those that speak at once below it, however deep."""
    waiting = content.findall("Paragraph")[::-1]
    while waiting:
        paragraph = waiting.pop()
        if paragraph.find("Text") is not None:
            yield paragraph
        below = [one for dual in paragraph.findall("DualDialogue") for one in dual]
        waiting += [one for one in reversed(below) if one.tag == "Paragraph"]


def _elements(script: Any) -> Iterator[Element]:
    for entry in script.titleEntries:
        yield Element("title", entry.text.strip(), entry.key.strip().lower())
    for element in script.elements:
        kind = element.type.value
        text, notes = _without_marks(script, element.text_raw)
        for note in notes:
            yield Element("remark", note)
        if kind in ("SECTION", "SYNOPSIS"):
            yield Element("remark", f"{kind.lower()}: {text.strip()}")
        elif kind == "CHARACTER":
            extra = (element.extension or "").strip("() ")
            yield Element("character", element.name.strip(), extra)
            if element.is_dual_dialogue if hasattr(element, "is_dual_dialogue") else False:
                yield Element("remark", "LOOK: speaks while the one before speaks")
        elif kind == "ACTION" and getattr(element, "centered", False):
            yield Element("centered", text.strip())
        elif kind in _KINDS and text.strip():
            yield from _split(_KINDS[kind], text)


def _split(kind: Kind, text: str) -> Iterator[Element]:
    """An element's text; a line of its own such as FADE OUT is a transition, marked or not."""
    if kind == "action" and _TRANSITIONS.fullmatch(text.strip()) and text.strip().isupper():
        yield Element("transition", text.strip())
    else:
        yield Element(kind, text.strip())


def _without_marks(script: Any, text: str) -> tuple[str, list[str]]:
    """A text without the library's marks of notes and crossed-out parts, and what they held."""
    notes = []
    for found in _MARK.finditer(text):
        digits, held = found[1] or found[2], script.notes if found[1] else script.boneyards
        if len(digits) > len(str(len(held))) or int(digits) >= len(held):
            continue  # The script's own words, which only look like a mark.
        what = "note" if found[1] else "crossed out"
        notes.append(f"{what}: {held[int(digits)].text.strip()}")
    return (_MARK.sub("", text) if notes else text), notes
