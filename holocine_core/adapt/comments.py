"""Notes and crossed-out parts of a Fountain script, cut out of its text and kept beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_OPENS = re.compile(r"/\*|\[\[")
_CLOSES_NOTE = re.compile(r"\]\]|\n[^\S\n]?\n")
"""A note ends before a line that is empty; two blanks make a line that is not."""
MARK = "\ufdd0"
"""Stands where a comment stood, with its number behind it; a character that no text has."""
_MARKED = re.compile(rf"{MARK}(\d+){MARK}")


@dataclass(slots=True)
class Comments:
    """What was cut out of a text."""

    found: list[str] = field(default_factory=list)
    """Each as a remark."""
    unclosed: list[int] = field(default_factory=list)
    """Lines where one opens that is never closed; its words stay in the text."""

    def cut(self, text: str) -> str:
        """The text with marks in the comments' places.

        A comment that is never closed is none: a script that loses its end to a slip is worse than
        one with a sign too many.
        """
        return "".join(self._pieces(text.replace(MARK, "\ufffd")))

    def _pieces(self, text: str) -> Iterator[str]:
        at = counted = 0
        line = 1
        last_cut = text.rfind("*/")
        while opens := _OPENS.search(text, at):
            start, crossed = opens.start(), opens[0] == "/*"
            end = -1
            if not crossed:
                closes = _CLOSES_NOTE.search(text, opens.end())
                end = closes.start() if closes and closes[0] == "]]" else -1
            elif last_cut >= opens.end():
                end = text.find("*/", opens.end())
            if end < 0:
                line += text.count("\n", counted, start)
                counted = start
                self.unclosed.append(line)
                yield text[at : opens.end()]
                at = opens.end()
                continue
            yield text[at:start]
            if remark := _remark(" ".join(text[opens.end() : end].split()), crossed=crossed):
                yield f"{MARK}{len(self.found)}{MARK}"
                self.found.append(remark)
            at = end + 2
        yield text[at:]

    def parted(self, text: str) -> tuple[str, list[str]]:
        """A text without marks, and the remarks that stood in it."""
        remarks = [self.found[int(mark)] for mark in _MARKED.findall(text)]
        return (_MARKED.sub("", text), remarks) if remarks else (text, [])


def _remark(words: str, *, crossed: bool) -> str:
    """A comment as it is kept; empty where it says nothing."""
    if crossed and words.endswith("END_BEAT"):
        return "left out: what the program Beat keeps of its own in the script"
    return f"{'crossed out' if crossed else 'note'}: {words}" if words else ""
