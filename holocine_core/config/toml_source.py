"""TOML text -> plain data, with the line of every key.

The library tells no places. A statement of TOML ends with a line, and nothing shorter than a whole
one can be read: lines are read together until they are one, which is then known to begin at the
first of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, MachineError
from holocine_core.store.files import open_file

Key = tuple[str, ...]
"""Path of a value inside the data: ('profiles', 'fast', 'steps')."""

MAX_BYTES = 64_000
MAX_LINES = 50
"""Lines of one statement: what takes more is no setting, and is read together again and again."""
MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class TomlSource:
    """Plain data and where each key of it stands."""

    path: Path
    data: Mapping[str, Any]
    lines: Mapping[Key, int]

    def line(self, key: Key) -> int:
        """A key's line, or that of the nearest thing around it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def where(self, key: Key) -> str:
        """``file:line`` of a key."""
        return f"{self.path}:{self.line(key)}"


def read_toml(path: Path) -> TomlSource | None:
    """Read a TOML file; None where there is none.

    Raises:
        InputError: It is no TOML, or far too large, with ``file:line``.
        MachineError: It can't be read.
    """
    try:
        with open_file(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as refused:
        reason = getattr(refused, "strerror", None) or str(refused)
        raise MachineError(f"can't read {path.name}: {reason}", where=str(path)) from refused
    if len(raw) > MAX_BYTES:
        raise InputError(
            f"{path.name} has more than {MAX_BYTES:,} bytes, the most that settings have",
            where=str(path),
            hint="is this the right file?",
        )
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"byte {error.start} is not UTF-8", where=f"{path}:{line}", hint="save it as UTF-8"
        ) from None
    return parse_toml(text, path)


def parse_toml(text: str, path: Path) -> TomlSource:
    """Parse TOML text; ``path`` only names it in errors.

    Raises:
        InputError: It is no TOML, with ``file:line``.
    """
    import tomllib  # Most calls find no file.

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(str(error), text, path) from None
    except (RecursionError, ValueError):  # The library takes a number as it comes.
        raise InputError(
            "nested too deeply, or a number that is none", where=f"{path}:{_too_much(text)}"
        ) from None
    return TomlSource(path, data, _lines(text, path))


def _refused(reason: str, text: str, path: Path) -> InputError:
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", reason)
    line = int(found[1]) if found and found[1] else text.rstrip("\n").count("\n") + 1
    told = reason[: found.start()] if found else reason
    message = f"not valid TOML: {told[:1].lower()}{told[1:]}"
    hint = 'a setting reads: profile = "draft"'
    lines = text.split("\n")
    if told.startswith(_TWICE):
        message, hint = _twice(lines, line, path) or (message, hint)
    elif bare := _BARE.match(lines[line - 1][:200]):
        hint = f'put the value between quotes: {bare[1]} = "{bare[2].strip(_CURLED)}"'
    return InputError(message, where=f"{path}:{line}", hint=hint)


_TWICE = ("Cannot overwrite", "Cannot declare", "Cannot mutate")
"""How the library begins where a key stands twice."""
_CURLED = "\u201c\u201d\u2018\u2019"
"""Quotes of a text editor, which are none of TOML's."""
_BARE = re.compile(
    r"""\s*([\w.-]+)\s*=\s*(?=[^#]*[^\W\d])([^\s"'\[{#](?:[^#"']*[^\s#"'])?)\s*(?:#.*)?$"""
)
"""A text without quotes, behind its key."""
OWN_HINT = "own profiles are written [profiles.NAME]"


def _twice(lines: list[str], line: int, path: Path) -> tuple[str, str] | None:
    """What stands twice, and what to do; None where it is not told by its line alone."""
    import tomllib

    before = "\n".join(lines[: line - 1])
    try:
        part, data = tomllib.loads(lines[line - 1]), tomllib.loads(before)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None
    if lines[line - 1].lstrip().startswith("["):
        key = _header(part)
    else:
        key = _open_table(lines[: line - 1]) + next(iter(list(_keys(part))[-1:]), ())
    for length in range(1, len(key) + 1):
        at: Any = data
        for name in key[:length]:
            at = at.get(name) if isinstance(at, dict) else None
        if at is None or (isinstance(at, dict) and length < len(key)):
            continue
        first = _lines(before, path).get(key[:length])
        if first is None:
            return None
        own = key[0] == "profile" and len(key) > 1
        hint = OWN_HINT if own else "keep one of them"
        return f"`{'.'.join(key[:length])}` stands twice; first in line {first}", hint
    return None


def _open_table(lines: list[str]) -> Key:
    """The table that the last line is in."""
    import tomllib

    for line in reversed(lines):
        if line.lstrip().startswith("["):
            try:
                return _header(tomllib.loads(line))
            except tomllib.TOMLDecodeError:
                continue
    return ()


def _too_much(text: str) -> int:
    """The line that the library gives up on."""
    import tomllib

    for number, line in enumerate(text.split("\n"), 1):
        try:
            tomllib.loads(line)
        except tomllib.TOMLDecodeError:
            continue
        except (RecursionError, ValueError):
            return number
    return 1


def _lines(text: str, path: Path) -> dict[Key, int]:
    """The line of every key of a valid text."""
    import tomllib

    found: dict[Key, int] = {}
    table: Key = ()
    waiting, begun = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        begun = begun if waiting else number
        waiting += f"{line}\n"
        try:
            part = tomllib.loads(waiting)
        except tomllib.TOMLDecodeError:
            if number - begun + 1 >= MAX_LINES:
                raise InputError(
                    f"a value of more than {MAX_LINES} lines", where=f"{path}:{begun}"
                ) from None
            continue
        if waiting.lstrip().startswith("["):
            table = _header(part)
            named = [table[: n + 1] for n in range(len(table))]
        else:
            named = [table + key for key in _keys(part)]
        for key in named:
            found.setdefault(key, begun)
        waiting = ""
    return found


def _header(part: Mapping[str, Any]) -> Key:
    """The table that ``[a.b]`` or ``[[a.b]]`` opens."""
    names: list[str] = []
    at: Any = part
    while isinstance(at, dict) and at:
        name, at = next(iter(at.items()))
        names.append(name)
    return tuple(names)


def _keys(part: Mapping[str, Any], above: Key = ()) -> Iterator[Key]:
    for name, value in part.items():
        yield (*above, name)
        if isinstance(value, dict) and len(above) < MAX_DEPTH:
            yield from _keys(value, (*above, name))
