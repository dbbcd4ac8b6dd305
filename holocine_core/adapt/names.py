"""Names in a script's text: found, marked as a screenplay's {names}, and told how they look.

Scripts come with thousands of names and megabytes of text, so nothing here compares each with each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from holocine_core.adapt.looks import BEHIND_A_NAME, LONGEST_LOOK, look_of

_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Letters of Japanese, Chinese and Korean, where names end without a space."""
_UNSPACED_ONE = re.compile(f"[{_UNSPACED}]")
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|\W")
_MARKS = re.compile(r"\*{1,3}|_")
_CLOSING = {
    mark: re.compile(rf"(?<=\S){re.escape(mark)}(?![^\W_])") for mark in ("***", "**", "*", "_")
}
"""Emphasis begins and ends at words' borders: ``5*3`` and ``file_name`` have none."""
_ESCAPED = {"\\*": "\ufdd1", "\\_": "\ufdd2"}
_SENTENCE = re.compile(r"(?:^|[.!?:;\u2026\u2014\"\u201c(\u2018])['\"\u201c)\s]*$")
"""What is before a sentence's first word."""
_ENGLISH = """
    all amber angel april art ash august autumn basil bill buck buddy captain chance charity
    chase chip clay cliff crystal daisy dawn drew dusty earl ebony eve everybody everyone faith
    fern flora frank gale ginger glen grace grant gray grey guy hall harmony hazel heath heather
    heaven holly honey hope hunter ivory ivy jasmine jewel joy june junior king lance lane lily
    love major man mark may melody mercy merry miles miss moody mother noble olive page patience
    pearl penny pierce piper prince prudence queen rain raven ray reed reverend rich river rocky
    rod rose ruby rusty scout serenity skip sky sonny star sterling storm sue summer sunny
    trinity trip victor violet ward west will willow winter woman wood wren young
"""
_WORDS = frozenset(_ENGLISH.split())
"""English words that are names of people too."""
_DATES = """
    april august christmas december easter english february friday january july june march may
    monday november october saturday september sunday thursday tuesday wednesday
"""
_CAPITALISED = frozenset(_DATES.split())
"""Those that are written with a capital anywhere in a sentence."""
_NEVER_FIRST = _CAPITALISED - {"march", "may"}
"""Of them, those that a sentence begins with only as it has them elsewhere."""
_TIMES = re.compile(
    r"\b(?:in|since|until|till|by|of|last|next|this|every|on|early|late|mid|from|to|before|after)"
    r"\s+$",
    re.I,
)
"""What is before a month or a day."""
_ACTS = re.compile(r"'s\b|\u2019s\b|,| and [A-Z]| \(|(?: [a-z]+ly)? [a-z]{2,}s\b")
"""What is behind a name that begins an action's sentence: what that person does."""
_ACTLESS = """
    all autumn dawn everybody everyone faith hope joy love rain river sky star storm summer
    winter
"""
_NEVER_ACTS = frozenset(_ACTLESS.split())
"""Words that do things without being people: ``Dawn breaks``."""


class Names:
    """A script's speakers, in the forms in which it may write them.

    Args:
        cast: Name in the script -> name in the screenplay.
        texts: The script's texts: a name that one of them has in small letters is a word too.
    """

    def __init__(self, cast: Mapping[str, str], texts: Iterable[str] = ()) -> None:
        self._tags = {form: tag for name, tag in cast.items() for form in _forms(name)}
        small = {word for text in texts for word in re.findall(r"\w+", text) if word.islower()}
        self._also_words = {
            form
            for name in cast
            if name.lower() in _WORDS | _CAPITALISED or name.lower() in small
            for form in _forms(name)
            if form != name.upper()
        }
        self._doubts: list[str] = []
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

    def tagged(self, text: str, *, action: bool = False) -> str:
        """A text in which names are {names} and braces doubled.

        Args:
            text: The text.
            action: Whether it tells what people do: "Rose waits" is of a person there.
        """
        return "".join(self._pieces(text, action=action))

    def _pieces(self, text: str, *, action: bool) -> Iterator[str]:
        at = kept = 0
        while token := _TOKEN.match(text, at):
            form = self._form(text, at, token[0], action=action)
            at = token.end()
            if form:
                start = token.start()
                yield doubled(text[kept:start])
                yield f"{{{self._tags[form]}}}"
                at = kept = start + len(form)
        yield doubled(text[kept:])

    def _form(self, text: str, at: int, first: str, *, action: bool) -> str:
        """The longest name that stands here as a word of its own; empty where none does."""
        if at and _is_word(text[at - 1]):
            return ""
        for length in self._lengths.get(first, ()):
            form = text[at : at + length]
            if form in self._tags and not _is_word(text[at + length : at + length + 1]):
                before = text[max(0, at - 20) : at]
                doubtful = form in self._also_words and _may_be_a_word(form, before)
                if not doubtful or (action and _does_something(form, before, text, at + length)):
                    return form
                self._doubts.append(form)
                return ""
        return ""

    def doubts(self) -> list[str]:
        """Words of the texts since the last call that may be names, or not; each once."""
        found, self._doubts = self._doubts, []
        return list(dict.fromkeys(found))

    def looks(self, actions: Iterable[str]) -> dict[str, str]:
        """What a script says of speakers where it brings them in, the first time."""
        found: dict[str, str] = {}
        for action in actions:
            text = " ".join(plain(action).split())
            for behind in BEHIND_A_NAME.finditer(text):
                for name in self._before(text, behind.start()):
                    if look := look_of(text[behind.start() : behind.start() + LONGEST_LOOK]):
                        found.setdefault(name, doubled(look))
        return found

    def _before(self, text: str, end: int) -> Iterator[str]:
        """Speakers whose name, in capitals, ends at a place of the text."""
        for length in self._upper_lengths:
            start = end - length
            if start < 0:
                return
            if not (start and _is_word(text[start - 1])):
                yield from self._upper.get(text[start:end], ())


def _may_be_a_word(form: str, before: str) -> bool:
    """Whether a word with a capital may have it for another reason than being a name."""
    if form.lower() in _CAPITALISED and _TIMES.search(before):
        return True
    return form.lower() not in _NEVER_FIRST and _SENTENCE.search(before) is not None


def _does_something(form: str, before: str, text: str, end: int) -> bool:
    """Whether an action goes on, behind a word, as if that were somebody."""
    if form.lower() in _NEVER_ACTS or _TIMES.search(before):
        return False
    return _ACTS.match(text, end, end + 40) is not None


def _is_word(character: str) -> bool:
    return character == "_" or (character.isalnum() and not _UNSPACED_ONE.match(character))


def _forms(name: str) -> tuple[str, ...]:
    """How a script writes a name: never in small letters, where "Grace" would be grace."""
    return tuple(dict.fromkeys((name, name.upper(), name.title(), name.capitalize())))


def doubled(text: str) -> str:
    """A text whose braces are a screenplay's own braces."""
    return text.replace("{", "{{").replace("}", "}}")


def plain(text: str) -> str:
    """Words without Fountain's emphasis, and without one inside another; ``\\*`` is a star."""
    for escaped, kept in _ESCAPED.items():
        text = text.replace(escaped, kept)
    text = _unmarked(_unmarked(text)).strip()
    for escaped, kept in _ESCAPED.items():
        text = text.replace(kept, escaped[1:])
    return text


def _unmarked(text: str) -> str:
    pieces: list[str] = []
    at = kept = 0
    never_closed: set[str] = set()
    while found := _MARKS.search(text, at):
        at = found.start() + 1
        if text[found.start() - 1 : found.start()].isalnum():
            at = found.end()
            continue
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
