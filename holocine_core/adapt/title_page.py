"""The title page that a Fountain script may begin with."""

from __future__ import annotations

import re
from collections.abc import Sequence

from holocine_core.adapt.headings import is_transition

TITLES = (
    "title", "titel", "titre", "título", "titulo", "titolo", "tytuł", "название", "заголовок",
    "标题", "標題", "タイトル", "제목",
)  # fmt: skip
"""What a film's title is called, in some languages."""
_KNOWN = {
    *TITLES, "credit", "author", "authors", "source", "draft date", "date", "contact", "copyright",
    "notes", "format", "revision", "version", "episode", "show", "autor", "auteur", "autore",
    "written by", "based on", "draft", "fassung", "作者", "автор", "font", "tl", "tc", "tr",
    "cc", "bl", "br", "header", "footer",
}  # fmt: skip
_KEY = re.compile(r"([^\W\d_][^:\uff1a\n]{0,40}?)\s*[:\uff1a](.*)")
_BY = re.compile(
    r"(?:(?:original )?(?:screen|tele)?play|written|story|script|a film|a short film|created)? ?by"
    r"(?: and directed by)?|(?:ein film )?von|(?:un film )?de|écrit par|escrito por|scritto da",
    re.I,
)
_PAGE_BREAK = re.compile(r"\s*={3,}\s*")


def title_page(lines: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Entries of the title page, and how many lines it takes; none and 0 where there is none.

    It is the first block of lines, each ``Key: value`` or, indented, more of the value before. A
    block is a title page where one of its keys is known, or where there are several, none of them
    in capitals: a script may also begin with a speaker, or with ``FADE IN:``.
    """
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    entries: list[tuple[str, list[str]]] = []
    end = start
    for line in lines[start:]:
        if not line.strip() or _PAGE_BREAK.fullmatch(line):
            break
        found = None if line[:1].isspace() else _KEY.fullmatch(line.rstrip())
        if found is not None and not is_transition(line):
            entries.append((found[1].lower(), [found[2].strip()]))
        elif entries and line[:1].isspace():
            entries[-1][1].append(line.strip())
        else:
            return [], 0
        end += 1
    keys = [key for key, _ in entries]
    capitals = any(
        found[1].isupper() for line in lines[start:end] if (found := _KEY.match(line)) is not None
    )
    if not (_KNOWN.intersection(keys) or (len(keys) > 1 and not capitals)):
        return [], 0
    return [(key, " ".join(filter(None, values))) for key, values in entries], end


def is_by(line: str) -> bool:
    """Whether a line says that who wrote the film stands below."""
    return _BY.fullmatch(line.strip(" :")) is not None


def unkeyed(paragraphs: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Entries of a title page that has no keys, as on paper: the title, ``written by``, names.

    Args:
        paragraphs: Those before a script's first heading or transition; empty ones part blocks.

    Returns:
        The entries and how many paragraphs they are; none and 0 where no line says who wrote it.
    """
    by = next((i for i, text in enumerate(paragraphs) if is_by(text.split("\n")[0])), 0)
    above = [i for i in range(by) if paragraphs[i].strip()]
    if not above:
        return [], 0
    first = above[0]
    block = [first]
    while block[-1] + 1 in above and len(block) < MOST_TITLE_LINES:
        block.append(block[-1] + 1)
    title = " ".join(" ".join(paragraphs[i].split()) for i in block)
    rest = [text for i, text in enumerate(paragraphs) if text.strip() and i not in block]
    told = [("title", title), *(("title page", " ".join(text.split())) for text in rest)]
    return told, len(paragraphs)


MOST_TITLE_LINES = 3
