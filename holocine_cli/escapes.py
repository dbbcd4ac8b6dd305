"""What a terminal may be sent: text as it stands, with control characters shown and never sent.

Titles, prompts, names of files, tags of films and pages of models come from other people. A control
character among them could colour, clear or retitle the terminal, type for its user, or turn words
around. So every text that goes to a person passes :func:`for_terminal`, once, where it is written.
"""

from __future__ import annotations

import os
import re

_OWN = f"\x1b{os.urandom(12).hex()}"
"""Begins a sequence of our own: no text from elsewhere can hold it."""
# C0 but tab and line feed, DEL, C1, line separators, and what turns the direction of writing.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]")
_COLOURS = re.compile(rf"{_OWN}\[[0-9;]*m")


def sequence(codes: str) -> str:
    """A control sequence of our own, such as ``2J``: the only kind that is sent as one."""
    return f"{_OWN}[{codes}"


def escaped(text: str) -> str:
    """A text with its control characters written as escapes: ``\\x1b``."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def for_terminal(text: str) -> str:
    """A text of ours, colours and all, in which whatever came from elsewhere is escaped."""
    return "\x1b".join(escaped(part) for part in text.split(_OWN))


def in_json(text: str) -> str:
    """A JSON document with the control characters that JSON allows written as its own escapes."""
    # They stand inside its texts only. Line feeds between lines are no part of the pattern.
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def columns_of(text: str) -> int:
    """Columns a text takes, its colours left out."""
    return len(escaped(_COLOURS.sub("", text)))
