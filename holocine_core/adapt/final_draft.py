"""A Final Draft script (.fdx) -> its elements. Every paragraph's words go on, whatever its type."""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping

from holocine_core.adapt.elements import Element, Kind, cue_of, manner_of
from holocine_core.adapt.headings import caption_of, numbered
from holocine_core.adapt.marks import mark_of
from holocine_core.adapt.title_page import unkeyed
from holocine_core.errors import InputError

_KINDS: Mapping[str, Kind] = {
    "Action": "action", "General": "action", "": "action", "Dialogue": "dialogue",
    "Lyrics": "lyric", "Singing": "lyric", "Parenthetical": "parenthetical",
    "Transition": "transition", "Centered": "centered",
}  # fmt: skip
"""Types of paragraphs; those that are not here, with their words, are remarks."""
_PLAIN = ("Action", "General", "")


def fdx_elements(text: str, where: str) -> list[Element]:
    """The paragraphs of a Final Draft script.

    Args:
        text: The file's.
        where: Its name, for messages.

    Raises:
        InputError: It is no XML, or not Final Draft's.
    """
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
    return [
        *_title_page(root),
        *(one for paragraph in _paragraphs(content) for one in _elements(paragraph)),
        *(Element("remark", f"note: {words}") for words in _notes(root)),
    ]


def _title_page(root: ET.Element) -> Iterator[Element]:
    """The first words of the title page are the title, and the lines below them where one further
    down says by whom it is."""
    for page in root.findall("TitlePage"):
        lines = [_words(paragraph) for paragraph in page.iter("Paragraph")]
        entries, _ = unkeyed(lines)
        if not entries:
            told = [line for line in lines if line]
            entries = [("title page" if i else "title", line) for i, line in enumerate(told)]
        yield from (Element("title", words, key) for key, words in entries)


def _notes(root: ET.Element) -> Iterator[str]:
    """Notes that stand beside the script and not in it."""
    for shelf in root.findall("ScriptNotes"):
        yield from filter(None, map(_all_words, shelf.iter("ScriptNote")))


def _paragraphs(content: ET.Element) -> Iterator[ET.Element]:
    """Those of the document and, after each, those that speak at once below it, however deep."""
    waiting = content.findall("Paragraph")[::-1]
    while waiting:
        paragraph = waiting.pop()
        yield paragraph
        below = [one for dual in paragraph.findall("DualDialogue") for one in dual]
        waiting += [one for one in reversed(below) if one.tag == "Paragraph"]


def _elements(paragraph: ET.Element) -> Iterator[Element]:
    words, kind = _words(paragraph), (paragraph.get("Type") or "").strip()
    omitted = [_all_words(one) for one in paragraph.findall("OmittedScene")]
    if omitted:
        yield Element("remark", f"omitted in the script: {' '.join([words, *omitted]).strip()}")
        return
    if kind == "Scene Heading":
        yield from _heading(paragraph, words)
    elif words:
        centered = (paragraph.get("Alignment") or "") == "Center"
        yield from _of_kind("Centered" if centered and kind in _PLAIN else kind, words)
    for cut in filter(None, map(_cut, paragraph.findall("Text"))):
        yield Element("remark", f"crossed out: {cut}")
    for note in paragraph.findall("ScriptNote"):
        if told := _all_words(note):
            yield Element("remark", f"note: {told}")
    for summary in paragraph.iter("Summary"):
        if told := _all_words(summary):
            yield Element("remark", f"summary: {told}")
    for arc in paragraph.iter("CharacterArcBeat"):
        if told := _all_words(arc):
            yield Element("remark", f"arc of {arc.get('Name', '').strip()}: {told}")


def _heading(paragraph: ET.Element, words: str) -> Iterator[Element]:
    text, number = numbered(words)
    number = paragraph.get("Number", "").strip() or number
    if caption_of(text):
        yield Element("heading", text)
    if number:
        yield Element("remark", f"number in the script: {number}")


def _of_kind(kind: str, words: str) -> Iterator[Element]:
    marks = mark_of(words) if kind in _PLAIN else None
    if marks is not None:  # Many a writer types a transition or an act into an action.
        yield from marks
    elif kind == "Character":
        yield cue_of(words)
    elif kind == "Shot":
        yield Element("remark", f"LOOK: a shot in the script: {words}")
    elif kind == "Parenthetical":
        if manner := manner_of(words):
            yield Element("parenthetical", manner)
    elif known := _KINDS.get(kind):
        yield Element(known, words)
    else:
        yield Element("remark", f"{kind.lower()}: {words}")


def _words(paragraph: ET.Element) -> str:
    """A paragraph's own words, in all its runs of text."""
    runs = ("".join(run.itertext()) for run in paragraph.findall("Text") if not _cut(run))
    return unicodedata.normalize("NFC", "".join(runs)).strip()


def _cut(run: ET.Element) -> str:
    """The words of a run that is struck out."""
    return "".join(run.itertext()).strip() if "Strikeout" in run.get("Style", "") else ""


def _all_words(element: ET.Element) -> str:
    """All words below an element, one paragraph after another."""
    texts = (_words(one) for one in element.iter() if one.find("Text") is not None)
    return " ".join(" ".join(texts).split())
