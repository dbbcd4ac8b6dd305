"""YAML text -> plain data, with the place of every value in the file.

YAML 1.2's core rules: only true/false are booleans, ``1:30`` and ``no`` are text, dates are text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from holocine_core.errors import InputError, Problem

Key = tuple[str | int, ...]
"""Path of a value inside the data: ('scenes', 0, 'shots', 2, 'prompt')."""

MAX_BYTES = 2_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 30


class _CoreLoader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's core scalars only."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what either version of YAML takes for something else than text."""


_CORE = "tag:yaml.org,2002:"
_FORMS = {
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "int": (r"^[-+]?[0-9]+$", "-+0123456789"),
    "float": (
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$"
        r"|^\.(?:nan|NaN|NAN)$",
        "-+.0123456789",
    ),
    "null": (r"^(?:~|null|Null|NULL|)$", "~nN\0"),
}
"""How a value of each kind is written, and with what it begins."""
_WRITTEN = {kind: re.compile(pattern) for kind, (pattern, _) in _FORMS.items()}
_ASKED = {
    "bool": "write true or false",
    "int": "write digits: 7",
    "float": "write a number: 2.5",
    "null": "leave the value out",
}

for _tag, (_, _first) in _FORMS.items():
    for _side in (_CoreLoader, _Dumper):
        _side.add_implicit_resolver(
            f"{_CORE}{_tag}", _WRITTEN[_tag], [*_first, ""] if _tag == "null" else list(_first)
        )


def yaml_of(data: Any, *, width: float = 80) -> str:
    """Plain data as YAML that :func:`read_source` and every other reader take for the same."""
    text: str = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=width)
    return text


@dataclass(frozen=True, slots=True)
class Source:
    """Plain data and where each part of it stands."""

    path: Path
    text: str
    """As it stands in the file, with its byte order mark if it has one."""
    data: Any
    places: Mapping[Key, tuple[int, int]]
    key_places: Mapping[Key, tuple[int, int]]
    problems: tuple[Problem, ...]
    ends: Mapping[Key, int] = field(default_factory=dict)
    """The last line of a text."""
    called: str = ""
    """What messages call it, where that is not its path: a text that is no file as it stands."""
    elsewhere: Mapping[Key, str] = field(default_factory=dict)
    """Where a part of the data stands that is not of this file."""

    def place(self, key: Key, *, name: bool = False) -> tuple[int, int]:
        """Line and column of a value (or of its key), or of the nearest thing around it."""
        if name and key in self.key_places:
            return self.key_places[key]
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, (1, 1))

    def where(self, key: Key, *, name: bool = False) -> str:
        """``file:line:column`` of a value."""
        ways = [key[:length] for length in range(len(key), 0, -1)]
        known = next((way for way in ways if way in self.elsewhere or way in self.places), ())
        if known in self.elsewhere:
            return self.elsewhere[known]
        line, column = self.place(key, name=name)
        return f"{self.called or self.path}:{line}:{column}"

    def where_in(self, key: Key, word: str) -> str:
        """``file:line:column`` of a word in a text of several lines, or of the text where it is not
        written so."""
        (first, column), last = self.places.get(key, (1, 1)), self.ends.get(key, 0)
        if last <= first or key in self.elsewhere:
            return self.where(key)
        lines = _LINE_BREAK.split(self.text.removeprefix("\ufeff"))[first - 1 : last]
        lines[0] = " " * (column - 1) + lines[0][column - 1 :]
        told = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I)
        for number, line in enumerate(lines, first):
            if found := told.search(line):
                return f"{self.called or self.path}:{number}:{found.start() + 1}"
        return self.where(key)

    def moved(self, key: Key, to: Key) -> dict[Key, str]:
        """Where everything below a key stands, for data in which it lies below another."""
        below = (one for one in self.places if one[: len(key)] == key)
        return {(*to, *one[len(key) :]): self.where(one) for one in below}


def read_source(path: Path, given: bytes | None = None) -> Source:
    """Read a YAML file.

    Args:
        path: The file.
        given: What it holds, where ``path`` only names it.

    Raises:
        InputError: Where it can't be read or isn't YAML, with file:line:column.
    """
    try:
        raw = given if given is not None else _start_of(path)
    except FileNotFoundError:
        raise InputError(
            f"no screenplay at {path}", where=str(path), hint="`holocine new NAME` writes a starter"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"can't read {path}: {reason}", where=str(path)) from error
    if len(raw) > MAX_BYTES:
        raise InputError(
            f"{path.name} has more than {MAX_BYTES:,} bytes, the most that a screenplay has",
            where=str(path),
            hint="is this the right file?",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"byte {error.start} is not UTF-8", where=f"{path}:{line}:1", hint="save it as UTF-8"
        ) from error
    return parse_source(text, path)


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse_source(text: str, path: Path) -> Source:
    """Parse YAML text; ``path`` only names it in errors."""
    node = _composed(text.removeprefix("\ufeff"), path)
    builder = _Builder(path)
    try:
        data = builder.build(node, ())
    except RecursionError:
        raise InputError("nested too deeply", where=f"{path}:1:1", hint=_DEPTH_HINT) from None
    problems = tuple(builder.problems)
    return Source(path, text, data, builder.places, builder.key_places, problems, ends=builder.ends)


def _composed(text: str, path: Path) -> yaml.Node:
    """The document's nodes. Raises InputError with the place where the reader gave up."""
    loader = None
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        problem = " ".join(f"{error.problem or error.context}".split())
        raise InputError(
            f"not valid YAML: {problem}",
            where=where,
            hint=_yaml_hint(f"{error.context}: {problem}"),
        ) from None
    except yaml.YAMLError as error:
        position = int(getattr(error, "position", 0))
        line = text[:position].count("\n") + 1
        raise InputError(
            "not valid YAML: a character that can't be printed",
            where=f"{path}:{line}:1",
            hint="save it as plain UTF-8 text",
        ) from None
    except (RecursionError, ValueError, OverflowError) as error:
        mark = loader.get_mark() if loader is not None else None
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}:1:1"
        if isinstance(error, RecursionError):
            raise InputError("nested too deeply", where=where, hint=_DEPTH_HINT) from None
        # The library takes a code of a character, or a number of %YAML, as it comes.
        raise InputError(
            "not valid YAML: a number that there is no character or version of",
            where=where,
            hint="characters end at \\U0010FFFF; `%YAML 1.2` is the newest version",
        ) from None
    if node is None:
        raise InputError(
            "the file is empty", where=f"{path}:1:1", hint="`holocine new NAME` writes a starter"
        )
    return node


def _yaml_hint(problem: str) -> str:
    if "another document" in problem:
        return "keep one document per file"
    if "alias" in problem:
        return "write the value out, or give it a name first: &name; a text with * needs quotes"
    if "tab" in problem or "'\\t'" in problem:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return 'put a text with a colon between quotes: "Night: rain."'
    return 'put texts that hold : # or begin with { [ " between quotes: "{name} smiles."'


class _Builder:
    """Turns YAML nodes into data and notes places; problems are collected, not raised."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[Key, tuple[int, int]] = {}
        self.key_places: dict[Key, tuple[int, int]] = {}
        self.ends: dict[Key, int] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()
        self._values = 0

    def build(self, node: yaml.Node, key: Key) -> Any:
        self.places[key] = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._values += 1
        if self._values > MAX_VALUES:
            raise InputError(
                f"more than {MAX_VALUES:,} values", where=f"{self.path}:1:1", hint="aliases repeat?"
            )
        if len(key) > MAX_DEPTH:
            line, column = self.places[key]
            where = f"{self.path}:{line}:{column}"
            raise InputError("nested too deeply", where=where, hint=_DEPTH_HINT)
        if isinstance(node, yaml.ScalarNode):
            self.ends[key] = node.end_mark.line + 1
            return self._scalar(node)
        if id(node) in self._open:
            self._problem(node, "an alias holds itself", "write the value out")
            return None
        self._open.add(id(node))
        if node.tag != f"{_CORE}{'seq' if isinstance(node, yaml.SequenceNode) else 'map'}":
            self._problem(node, f"tag '{short(node.tag)}' is not understood here", "drop the tag")
        if isinstance(node, yaml.SequenceNode):
            built: Any = [self.build(item, (*key, i)) for i, item in enumerate(node.value)]
        else:
            built = self._mapping(node, key)
        self._open.discard(id(node))
        return built

    def _mapping(self, node: yaml.Node, key: Key) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first: dict[str, int] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self._problem(name_node, "a key must be a plain word", _BRACE_HINT)
                continue
            self._kind(name_node)
            name = unicodedata.normalize("NFC", self._text(name_node))
            if name == "<<" and not name_node.style:
                self._problem(name_node, "merge keys (<<) are not supported", "write the keys out")
                continue
            if name in first:
                self._problem(
                    name_node,
                    f"key '{name}' stands twice; first in line {first[name]}",
                    "keep one of them",
                )
                continue
            first[name] = name_node.start_mark.line + 1
            place = (name_node.start_mark.line + 1, name_node.start_mark.column + 1)
            self.key_places[(*key, name)] = place
            result[name] = self.build(value_node, (*key, name))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text, kind = str(node.value), self._kind(node)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(node, text, kind)
        return self._text(node)

    def _kind(self, node: yaml.ScalarNode) -> str:
        """What a value is: what its tag says, where it is written like one of those."""
        kind, text = node.tag.removeprefix(_CORE), str(node.value)
        if kind == "str":
            return kind
        if kind == node.tag or kind not in _WRITTEN:
            self._problem(node, f"tag '{short(node.tag)}' is not understood here", "drop the tag")
            return "str"
        # A tag such as !!bool stands before any text.
        if not _WRITTEN[kind].fullmatch(text):
            hint = f"{_ASKED[kind]}, or drop the tag"
            self._problem(node, f"'{short(text)}' is no {kind}, as its tag says", hint)
            return "null" if kind == "null" else "str"
        return kind

    def _text(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        if _SURROGATE.search(text):
            try:  # JSON writes one character as two halves.
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                self._problem(node, "a text with a broken character (surrogate)", "retype it")
                return ""
        if "\0" in text:
            self._problem(node, "a text with a NUL character", "leave that character out")
            return ""
        return text

    def _number(self, node: yaml.ScalarNode, text: str, kind: str) -> int | float:
        try:
            number = int(text) if kind == "int" and len(text) <= 30 else float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and (kind == "float" or isinstance(number, int)):
            return number
        hint = "write a smaller number" if kind == "int" else "write a finite number"
        self._problem(node, f"'{text[:40]}' is no usable number", hint)
        return 0

    def _problem(self, node: yaml.Node, message: str, hint: str) -> None:
        mark = node.start_mark
        self.problems.append(
            Problem(message, f"{self.path}:{mark.line + 1}:{mark.column + 1}", hint)
        )


_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""As YAML counts lines."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def short(text: str) -> str:
    """A text that is named in a message."""
    return text if len(text) <= 40 else f"{text[:40]}..."


_DEPTH_HINT = "a screenplay is a few levels deep: look for brackets that are never closed"
_BRACE_HINT = 'a text that begins with {name} needs quotes: "{name} smiles."'
