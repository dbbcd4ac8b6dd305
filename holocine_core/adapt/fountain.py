"""A Fountain script -> its elements, line by line, by the format's description (Fountain 1.1).

Read here and not by a library: those that there are lose words where a script is not as they expect
it, and a writer does not see it. Whatever a line turns out to be, its words go on.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from holocine_core.adapt.comments import Comments
from holocine_core.adapt.elements import Element, cue_of, manner_of
from holocine_core.adapt.headings import heading_of, numbered
from holocine_core.adapt.marks import mark_of
from holocine_core.adapt.names import plain
from holocine_core.adapt.title_page import TITLES, title_page, unkeyed
from holocine_core.errors import InputError

LONGEST_LINE = 5000
"""Characters: a paragraph is one line, and a film's script has none longer."""
LONGEST_NAME = 60
"""Characters of a speaker's line."""
MOST_TOLD = 20
"""Comments without an end, each with its line."""
_PAGE_BREAK = re.compile(r"\s*={3,}\s*")
_PAGE_NUMBER = re.compile(r"\s{20,}(\d{1,4})\.?\s*")
_SCENE_NUMBER = re.compile(r"#\s*([\w.-]{1,12})\s*#")
_BREAKS = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_HAPPENS = re.compile(r"(?:THE|AN?) (?:[\w-]+ ){1,4}[\w-]*[^\W\dS]S")
"""A line that may tell what happens: ``THE SUN RISES``."""
_ENDS_A_SENTENCE = re.compile(r"[.!?:;,\u2026\u3002\uff01\uff1f\uff1a\uff0c][\"'\u201d)]*$")


def fountain_elements(text: str, where: str) -> list[Element]:
    """The paragraphs of a Fountain script.

    Args:
        text: The script.
        where: Its file, for messages.

    Raises:
        InputError: A line is too long to be one of a script's.
    """
    text = unicodedata.normalize("NFC", _BREAKS.sub("\n", text.lstrip("\ufeff")))
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"the line has {len(line):,} characters; a script's has at most {LONGEST_LINE:,}",
                where=f"{where}:{number}:1",
                hint="is it a Fountain file? Begin paragraphs in lines of their own",
            )
    comments = Comments()
    return _titled(list(_Reading(comments.cut(text).split("\n"), comments).elements()))


def _titled(elements: list[Element]) -> list[Element]:
    """Elements whose first paragraphs are a title page where they are set like one on paper."""
    kinds = ("action", "centered", "character", "dialogue")
    end = next((i for i, one in enumerate(elements) if one.kind not in kinds), len(elements))
    if end == len(elements) or elements[end].kind not in ("heading", "transition"):
        return elements
    entries, taken = unkeyed([one.text for one in elements[:end]])
    return [*(Element("title", words, key) for key, words in entries), *elements[taken:]]


class _Reading:
    """Goes through a script's lines once."""

    def __init__(self, lines: list[str], comments: Comments) -> None:
        self._comments = comments
        entries, taken = title_page(lines)
        self._titles = entries
        self._lines = lines[taken:]
        self._at = 0
        self._cues = Counter(
            _cue_in(line) for line in self._lines if line.strip() and _is_loud(line)
        )
        """Lines in capitals, and how often each comes: who speaks once only may be no one."""

    def elements(self) -> Iterator[Element]:
        for key, value in self._titles:
            value, remarks = self._comments.parted(value)
            name = "title" if key in TITLES else key
            yield Element("title", value, name)
            yield from (Element("title", remark.partition(": ")[2], "note") for remark in remarks)
        unclosed = self._comments.unclosed
        for line in unclosed[:MOST_TOLD]:
            yield Element("remark", f"LOOK: a comment opens in line {line} and is never closed")
        if len(unclosed) > MOST_TOLD:
            more = len(unclosed) - MOST_TOLD
            yield Element("remark", f"LOOK: {more:,} more comments open and are never closed")
        while self._at < len(self._lines):
            yield from self._next()

    def _next(self) -> Iterator[Element]:
        """The element that begins in this line."""
        line, found = self._comments.parted(self._lines[self._at])
        remarks = [Element("remark", remark) for remark in found]
        bare = line.strip()
        heading = self._heading_in(bare)
        if heading:  # What is noted beside it is of its scene.
            yield from (*self._heading(heading), *remarks)
            return
        yield from remarks
        if not bare or _PAGE_BREAK.fullmatch(line):
            self._at += 1
        elif page := _PAGE_NUMBER.fullmatch(line):
            yield self._one("remark", f"page: {page[1]}")
        elif number := _SCENE_NUMBER.fullmatch(bare):
            yield self._one("remark", f"number in the script: {number[1]}")
        elif bare[0] == "#":
            yield self._one("remark", f"section: {bare.lstrip('#').strip()}")
        elif bare[0] == "=":
            yield self._one("remark", f"synopsis: {bare.lstrip('= ')}")
        elif bare[0] == "~":
            yield self._one("lyric", bare[1:].strip())
        elif bare[0] == ">":
            yield self._arrow(bare)
        elif bare[0] == "@" and bare[1:].strip():
            yield from self._speech(bare[1:].strip())
        elif bare[0] != "!" and self._alone() and (marks := mark_of(plain(bare))) is not None:
            self._at += 1
            yield from marks
        elif bare[0] != "!" and self._is_cue(bare):
            yield from self._spoken(bare)
        else:
            yield from self._action()

    def _heading_in(self, bare: str) -> str:
        """The heading that a line is, forced by a full stop or known by its words."""
        if bare[:1] == "." and bare[1:2].strip(".") and not bare[1:2].isspace():
            return bare[1:]
        words = plain(bare)
        known = bare[:1] != "!" and heading_of(words)
        return words if known and (self._stands_free() or bare == bare.upper()) else ""

    def _one(self, kind: str, text: str) -> Element:
        self._at += 1
        return Element(kind, text)  # type: ignore[arg-type]

    def _arrow(self, bare: str) -> Element:
        """``> CUT TO:`` is a transition; ``> THE END <`` stands in the middle."""
        if bare.endswith("<"):
            return self._one("centered", bare[1:-1].strip())
        return self._one("transition", bare[1:].strip())

    def _heading(self, line: str) -> Iterator[Element]:
        text, number = numbered(line)
        yield self._one("heading", text)
        if number:
            yield Element("remark", f"number in the script: {number}")

    def _action(self) -> Iterator[Element]:
        """Lines up to an empty one, or to one that says what it is."""
        lines: list[str] = []
        while True:
            line, remarks = self._comments.parted(self._lines[self._at])
            if lines:
                yield from (Element("remark", remark) for remark in remarks)
            lines.append(
                line.strip().removeprefix("!") if line.strip()[:1] == "!" else line.strip()
            )
            self._at += 1
            here = self._here()
            if not here or here[0] in ">#=~" or (here[0] != "." and self._heading_in(here)):
                break
        if words := "\n".join(filter(None, lines)):
            yield Element("action", words)

    def _spoken(self, bare: str) -> Iterator[Element]:
        """Words below a line in capitals: somebody's, unless the line may tell what happens."""
        if self._cues[_cue_in(bare)] == 1 and _HAPPENS.fullmatch(plain(bare)):
            yield Element("remark", f"LOOK: what happens, or who speaks? {bare}")
            yield from self._action()
        else:
            yield from self._speech(bare)

    def _speech(self, cue: str) -> Iterator[Element]:
        """Who speaks, and all that stands below without an empty line."""
        self._at += 1
        speaker = cue_of(cue.rstrip("^ "))
        yield speaker
        if cue.endswith("^"):
            yield Element("remark", "speaks while the one before speaks")
        lines: list[str] = []
        while not self._at_end():
            raw = self._lines[self._at]
            line, remarks = self._comments.parted(raw)
            bare = line.strip()
            if not bare and not remarks and len(raw) < 2:  # Two blanks go on with the speech.
                break
            self._at += 1
            yield from (Element("remark", remark) for remark in remarks)
            if bare.startswith("(") and (whole := self._brackets(bare)):
                yield from _said(lines)
                lines = []
                if manner := manner_of(whole):
                    yield Element("parenthetical", manner)
            elif bare.startswith("~"):
                yield from _said(lines)
                lines = []
                yield Element("lyric", bare[1:].strip())
            elif bare:
                lines.append(bare)
        yield from _said(lines)

    def _brackets(self, line: str) -> str:
        """All that opens in a line and may close in one of the next; empty where words follow, or
        where it doesn't close."""
        ahead = 0
        while ")" not in line and ahead < MOST_BRACKET_LINES and self._words_at(self._at + ahead):
            line = f"{line} {self._words_at(self._at + ahead)}"
            ahead += 1
        if not line.endswith(")"):
            return ""
        self._at += ahead
        return line

    # --- where a line stands ---------------------------------------------------------------------

    def _at_end(self) -> bool:
        return self._at >= len(self._lines)

    def _here(self) -> str:
        """The words of this line; empty at the end."""
        return "" if self._at_end() else self._comments.parted(self._lines[self._at])[0].strip()

    def _words_at(self, at: int) -> str:
        if not 0 <= at < len(self._lines):
            return ""
        return self._comments.parted(self._lines[at])[0].strip()

    def _stands_free(self) -> bool:
        """Whether an empty line is above."""
        above = self._words_at(self._at - 1)
        return not above or above[0] in "#=" or _PAGE_BREAK.fullmatch(above) is not None

    def _alone(self) -> bool:
        below = self._words_at(self._at + 1)
        return self._stands_free() and (not below or (below == below.upper() and _begins(below)))

    def _below(self) -> str:
        """The first words below this line, with no empty line between; notes are none."""
        for at in range(self._at + 1, len(self._lines)):
            words = self._words_at(at)
            if words or not self._lines[at].strip():
                return words
        return ""

    def _is_cue(self, bare: str) -> bool:
        """Whether a line names who speaks below it.

        By the format every line in capitals with words below it does. That would make a person of
        ``A DOOR SLAMS``, so a line that ends like a sentence names nobody, nor does one that comes
        once and whose words below go on in small letters.
        """
        if not self._stands_free() or not _is_loud(bare) or len(bare) > LONGEST_NAME:
            return False
        below = self._below()
        if not below or mark_of(plain(bare)) is not None:
            return False
        name = cue_of(bare.rstrip("^ ")).text
        if not any(letter.isalpha() for letter in name) or _ENDS_A_SENTENCE.search(name):
            return name.endswith(".") and " " not in name and len(name) > 1
        if name == name.lower() and len(name) > LONGEST_UNCASED:
            return False
        goes_on = below[:1].islower() and not below.startswith("(")
        return not goes_on or self._cues[_cue_in(bare)] > 1 or "(" in bare


LONGEST_UNCASED = 8
"""Characters of a name in a script without capitals, such as Chinese."""


MOST_BRACKET_LINES = 5
"""Lines of a remark in brackets on how somebody speaks."""


def _begins(line: str) -> bool:
    """Whether a scene begins with a line that follows without an empty one."""
    return bool(heading_of(plain(line)))


def _cue_in(line: str) -> str:
    return plain(line.strip().rstrip("^ "))


def _is_loud(line: str) -> bool:
    """Whether a line, what stands in brackets apart, has no small letters."""
    outside = re.sub(r"[(\uff08][^)\uff09]*[)\uff09]?", "", line)
    return outside == outside.upper() and any(letter.isalpha() for letter in outside)


def _said(lines: list[str]) -> Iterator[Element]:
    if lines:
        yield Element("dialogue", "\n".join(lines))
