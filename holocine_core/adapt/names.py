"""Names in a script's text: found, marked as a screenplay's {names}, and told how they look.

Scripts come with thousands of names and megabytes of text, so nothing here compares each with each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_TOKEN = re.compile(r"\w+|\W")
_MARKS = re.compile(r"\*{1,3}|_")
_CLOSING = {mark: re.compile(rf"(?<=\S){re.escape(mark)}") for mark in ("***", "**", "*", "_")}
_INTRODUCED = re.compile(r"(?:\(([^)]{0,300})\))?,\s+((?:an?|the|in)\s[^,.;:()\n]+)")
"""What follows a name that is brought in: ``MARA (60), an old woman, ...``."""


class Names:
    """A script's speakers, in the forms in which it may write them.

    Args:
        cast: Name in the script -> name in the screenplay.
    """

    def __init__(self, cast: Mapping[str, str]) -> None:
        self._tags = {form: tag for name, tag in cast.items() for form in _forms(name)}
        self._lengths: dict[str, list[int]] = {}
        """First word (or sign) of a form -> lengths of the forms that begin so, longest first."""
        for form in self._tags:
            if found := _TOKEN.match(form):
                self._lengths.setdefault(found[0], []).append(len(form))
        self._lengths = {
            first: sorted(set(lengths), reverse=True) for first, lengths in self._lengths.items()
        }
        self._upper: dict[str, list[str]] = {}
        for name in cast:
            self._upper.setdefault(name.upper(), []).append(name)
        self._upper_lengths = sorted({len(name) for name in self._upper if name})

    def tagged(self, text: str) -> str:
        """A text in which names are {names} and braces doubled."""
        return "".join(self._pieces(text))

    def _pieces(self, text: str) -> Iterator[str]:
        at = kept = 0
        while token := _TOKEN.match(text, at):
            form = self._form(text, at, token[0])
            at = token.end()
            if form:
                start = token.start()
                yield doubled(text[kept:start])
                yield f"{{{self._tags[form]}}}"
                at = kept = start + len(form)
        yield doubled(text[kept:])

    def _form(self, text: str, at: int, first: str) -> str:
        """The longest name that stands here as a word of its own; empty where none does."""
        if at and _is_word(text[at - 1]):
            return ""
        for length in self._lengths.get(first, ()):
            form = text[at : at + length]
            if form in self._tags and not _is_word(text[at + length : at + length + 1]):
                return form
        return ""

    def looks(self, actions: Iterable[str]) -> dict[str, str]:
        """What a script says of speakers where it brings them in, the first time."""
        found: dict[str, str] = {}
        for action in actions:
            text = plain(action)
            for tail in _INTRODUCED.finditer(text):
                for name in self._before(text, tail.start(), spaced=tail[1] is not None):
                    said = ", ".join(part for part in (tail[2].strip(), tail[1]) if part)
                    found.setdefault(name, doubled(said))
        return found

    def _before(self, text: str, end: int, *, spaced: bool) -> Iterator[str]:
        """Speakers whose name, in capitals, ends at a place of the text."""
        while spaced and end and text[end - 1].isspace():
            end -= 1
        for length in self._upper_lengths:
            start = end - length
            if start < 0:
                return
            if not (start and _is_word(text[start - 1])):
                yield from self._upper.get(text[start:end], ())


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _forms(name: str) -> tuple[str, ...]:
    """How a script writes a name: never in small letters, where "Grace" would be grace."""
    return tuple(dict.fromkeys((name, name.upper(), name.title(), name.capitalize())))


def doubled(text: str) -> str:
    """A text whose braces are a screenplay's own braces."""
    return text.replace("{", "{{").replace("}", "}}")


def plain(text: str) -> str:
    """Words without Fountain's emphasis, and without one inside another."""
    return _unmarked(_unmarked(text)).strip()


def _unmarked(text: str) -> str:
    pieces: list[str] = []
    at = kept = 0
    never_closed: set[str] = set()
    while found := _MARKS.search(text, at):
        at = found.start() + 1
        for length in range(len(found[0]), 0, -1):
            mark, begin = found[0][:length], found.start() + length
            if mark in never_closed or not text[begin : begin + 1].strip():
                continue
            closing = _CLOSING[mark].search(text, begin + 1)
            if closing is None:
                never_closed.add(mark)  # Nor is any that stands further on.
                continue
            pieces += [text[kept : found.start()], text[begin : closing.start()]]
            at = kept = closing.end()
            break
    return "".join([*pieces, text[kept:]])
