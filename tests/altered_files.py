"""Weight files and model folders altered in every way that chance finds; tests and benchmarks share
this."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from holocine_core.store.files import parse_json
from tests.altered_formats import gguf_file, torch_file

Header = dict[str, Any]
VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 3, 7, 10**9, 10**40, 1.5, -0.0, float("nan"), float("inf"), "",
    "x", "16", "\x00", [], [0], [1, 2, 2], [-1, "x", None], [[]], {}, {"a": 1}, {"": {"b": []}},
    "long " * 999,
)  # fmt: skip
DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "I8", "U8", "BOOL", "X9", "", None, 7, [])
DEEP = 100_000
"""Levels of the deepest JSON: more than any parser of ours follows."""


def altered(path: Path, number: int) -> bytes:
    """The content of a file, altered as its kind asks for; another way for every number."""
    chance = random.Random(f"{path.name} {number}")
    raw = path.read_bytes()
    kinds = {".json": _json, ".safetensors": _safetensors, ".gguf": gguf_file, ".pth": torch_file}
    known = path.suffix != ".pth" or raw.startswith(b"PK")  # An older one is no zip file.
    how = kinds.get(path.suffix, _bytes) if chance.random() < 0.85 and known else _bytes
    return how(raw, chance)


def kind_of(path: Path, content: bytes) -> str:
    """What of a file is another in an alteration."""
    whole = path.read_bytes()
    if path.suffix == ".json":
        with contextlib.suppress(ValueError):
            if parse_json(content) == parse_json(whole):
                return "nothing that JSON says"
        return "JSON"
    if path.suffix == ".safetensors":
        first = 8 + int.from_bytes(whole[:8], "little")
        return "a header" if content[:first] != whole[:first] else "values"
    return "bytes"


def difference(path: Path, content: bytes) -> str:
    """What is another in a file that was taken."""
    whole = path.read_bytes()
    if path.suffix == ".safetensors":
        whole, content = (
            raw[8 : 8 + int.from_bytes(raw[:8], "little")] for raw in (whole, content)
        )
    try:
        one, other = parse_json(whole), parse_json(content)
    except ValueError as error:
        return f"no JSON any more ({error})"
    return next(_differences("", one, other), "in the same words")[:200]


def _differences(at: str, one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            if key not in one or key not in other:
                yield f"{at}.{key:.40} {'came' if key in other else 'is gone'}"
            else:
                yield from _differences(f"{at}.{key:.40}", one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (before, after) in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{at}.{number}", before, after)
    elif one != other or type(one) is not type(other):
        yield f"{at}: {one!r:.60} -> {other!r:.60}"


def _header_of(raw: bytes) -> bytes:
    return raw[8 : 8 + int.from_bytes(raw[:8], "little")]


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    """Whatever it is: bytes flipped (most of them near the start), cut off, doubled, put in."""
    if chance.random() < 0.3:
        cut = chance.choice((0, 1, 7, 8, 9, 64, len(raw) // 2, len(raw) - 1))
        return raw[:cut] if chance.random() < 0.7 else raw + raw[:cut] + b"\0"
    changed = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 8))):
        reach = chance.choice((16, 256, 4096, len(raw)))
        changed[chance.randrange(min(reach, len(raw)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _json(raw: bytes, chance: random.Random) -> bytes:
    whole = (
        b"", b"[]", b"3", b"null", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * DEEP, b'{"a":' * DEEP, b'{"a": "\\ud800"}',
    )  # fmt: skip
    if chance.random() < 0.15:
        return chance.choice(whole)
    tree = json.loads(raw)
    for _ in range(chance.choice((1, 1, 1, 2))):
        _alter_value(tree, chance)
    return json.dumps(tree).encode()


def _alter_value(tree: Any, chance: random.Random) -> None:
    """Another value, one field less or one more, somewhere in a tree."""
    homes = list(_homes(tree))
    # Long lists (a tokenizer's words) would hide the few fields above them.
    home = chance.choice(homes[:40] if chance.random() < 0.8 else homes)
    keys = list(home) if isinstance(home, dict) else list(range(len(home)))
    if not keys or chance.random() < 0.05:
        if isinstance(home, dict):
            home["more"] = copy.deepcopy(chance.choice(VALUES))
        else:
            home.append(copy.deepcopy(chance.choice(VALUES)))
    elif chance.random() < 0.15:
        del home[chance.choice(keys)]
    else:
        home[chance.choice(keys)] = copy.deepcopy(chance.choice(VALUES))


def _homes(tree: Any) -> Iterator[Any]:
    """Everything that holds values, from the top."""
    waiting = [tree]
    for home in waiting:
        yield home
        inside = home.values() if isinstance(home, dict) else home
        waiting += [value for value in inside if isinstance(value, dict | list)]


def _safetensors(raw: bytes, chance: random.Random) -> bytes:
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    text = chance.choice(_HEADERS)(header, chance)
    if text is None:
        text = json.dumps(header).encode()
    told = len(text)
    if chance.random() < 0.1:
        told = chance.choice((0, 1, told - 1, told + 1, 2**20, 2**31, 2**62, 2**64 - 1))
    return told.to_bytes(8, "little") + text + data


def _some(header: Header, chance: random.Random) -> Header:
    """One tensor's entry."""
    return dict_of(header[chance.choice([name for name in header if name != "__metadata__"])])


def dict_of(entry: Any) -> Header:
    """An entry, as what it is."""
    assert isinstance(entry, dict)
    return entry


def _overlap(header: Header, chance: random.Random) -> None:
    """Two tensors in one place."""
    one, other = _some(header, chance), _some(header, chance)
    one["data_offsets"] = list(other["data_offsets"])


def _hole(header: Header, chance: random.Random) -> None:
    """A tensor less, and its bytes are nobody's."""
    del header[chance.choice([name for name in header if name != "__metadata__"])]


def _moved(header: Header, chance: random.Random) -> None:
    """Offsets that are others, or none."""
    entry = _some(header, chance)
    start, stop = entry["data_offsets"]
    entry["data_offsets"] = chance.choice(
        ([start + 1, stop + 1], [stop, start], [start, stop - 1], [start, stop, 0], [-1, stop],
         [str(start), str(stop)], [float(start), float(stop)], [start, 2**70], [None, None], None,
         "x", [], {"0": 0}, [[start], [stop]], [True, stop])
    )  # fmt: skip


def _typed(header: Header, chance: random.Random) -> None:
    """A type that is another, of the same size or not, or none."""
    entry = _some(header, chance)
    entry["dtype"] = chance.choice(DTYPES)


def _all_typed(header: Header, chance: random.Random) -> None:
    """Whole numbers or halves of numbers as weights, with sizes that are right."""
    kind, size = chance.choice((("I32", 4), ("I16", 2), ("U8", 1), ("F8_E5M2", 1), ("F16", 2)))
    for entry in (entry for name, entry in header.items() if name != "__metadata__"):
        start, stop = entry["data_offsets"]
        entry["dtype"], entry["shape"] = kind, [(stop - start) // size]


def _shaped(header: Header, chance: random.Random) -> None:
    """A shape that is another, or none."""
    entry = _some(header, chance)
    shape = entry["shape"]
    entry["shape"] = chance.choice(
        (shape[::-1], [*shape, 1], [1, *shape], [], [0], [-1, *shape[1:]], [2**40, 2**40], None,
         "x", ["2"], [2.0], [True], {"0": 1}, [None])
    )  # fmt: skip


def _named(header: Header, chance: random.Random) -> None:
    """A tensor under another name."""
    name = chance.choice([name for name in header if name != "__metadata__"])
    header[chance.choice(("", "x", "\x00", "\ud800", name.upper(), name * 99))] = header.pop(name)


def _odd_entry(header: Header, chance: random.Random) -> None:
    """Something else where a tensor's entry or the metadata should be."""
    name = chance.choice([*header, "__metadata__"])
    header[name] = chance.choice((*VALUES, {"a": [1]}, {"recipe": {"a": 1}}))


def _no_header(header: Header, chance: random.Random) -> bytes:
    """Another text than a header."""
    return chance.choice(
        (b"", b"{}", b"[]", b"3", b"null", b"[" * DEEP, b'{"a":' * DEEP, b"\xff" * 100, b"{" * 3,
         json.dumps(header).encode()[:-1], json.dumps(header).encode() + b"x",
         b'{"a":1,"a":2}', b" " * 100)
    )  # fmt: skip


_HEADERS: tuple[Callable[[Header, random.Random], bytes | None], ...] = (
    _overlap, _hole, _moved, _typed, _all_typed, _shaped, _named, _odd_entry, _no_header,
)  # fmt: skip
