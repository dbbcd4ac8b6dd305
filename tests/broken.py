"""Screenplays broken in every way that chance finds; tests and benchmarks share this."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import yaml

GOOD: dict[str, Any] = {
    "title": "The Keeper",
    "model": "nano",
    "profile": "standard",
    "profiles": {"final": {"steps": 20, "size": "112x64"}},
    "seed": 7,
    "fps": 15,
    "style": "Painted paper, soft light.",
    "negative": "blurry, static",
    "characters": {"mara": "a keeper in a yellow coat", "ivo": "a sailor in a blue jersey"},
    "deliver": {"fps": 24, "motion": "plain"},
    "scenes": [
        {
            "id": "storm",
            "global": "A lighthouse at night. {mara} waits for {ivo}.",
            "characters": ["mara", "ivo"],
            "frames": 81,
            "cuts": [21, "3.0s", "00:00:04.2"],
            "transition": {"kind": "crossfade", "seconds": 0.5},
            "shots": [
                "Wide shot of the lighthouse.",
                {"prompt": "{mara} climbs.", "size": "medium", "movement": "push in"},
                "Close-up of {ivo}.",
                "Two-shot of {mara} and {ivo}.",
            ],
        },
        {
            "id": "morning",
            "global": "The cliff at sunrise.",
            "shots": [
                {"prompt": "{mara} hangs up her coat.", "seconds": 3},
                {"prompt": "The calm sea.", "seconds": 2},
            ],
            "transition": "fade",
        },
        {"prompt": "[global caption] A bay. [per shot caption] Gulls. [shot cut] A boat."},
    ],
}
VALUES: list[Any] = [
    None, True, -1, 0, 7, 10**40, 1.5, float("inf"), "", " ", "x", "{", "}", "{nobody}", "5.0s",
    "00:00:99", "[shot cut]", "&#91;shot cut]", "&nbsp;", "\u200b", "\x07", "no", [], {}, [[]],
    ["a", 3, None], {"a": {"b": []}}, "word " * 700, "naïve \U0001f3ac", "64x64", "65x63", "0x0",
]  # fmt: skip
CHARACTERS = "\t:{}[]#&*!|>'\"%@`-?,\n\\\x00\x1b\ufeffé\U0001f3ac \u2028"


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside."""
    found = [path] if path else []
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            found += places(value, (*path, key))
    return found


def holder(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


def _replace(data: Any, path: tuple[Any, ...], chance: random.Random) -> None:
    holder(data, path)[path[-1]] = copy.deepcopy(chance.choice(VALUES))


def _delete(data: Any, path: tuple[Any, ...], chance: random.Random) -> None:
    del holder(data, path)[path[-1]]


def _misspell(data: Any, path: tuple[Any, ...], chance: random.Random) -> None:
    inside, key = holder(data, path), path[-1]
    if isinstance(inside, dict):
        at = chance.randrange(len(key) + 1)
        inside[key[:at] + chance.choice("aeiou-_ 1") + key[at:]] = inside.pop(key)


def _double(data: Any, path: tuple[Any, ...], chance: random.Random) -> None:
    inside, key = holder(data, path), path[-1]
    if isinstance(inside, list):
        inside.insert(key, copy.deepcopy(inside[key]))
    else:
        inside[f"{key}2"] = copy.deepcopy(inside[key])


def _swap(data: Any, path: tuple[Any, ...], chance: random.Random) -> None:
    other = chance.choice(places(data))
    value = copy.deepcopy(holder(data, other)[other[-1]])
    holder(data, path)[path[-1]] = value


BREAKS: list[Callable[[Any, tuple[Any, ...], random.Random], None]] = [
    _replace, _replace, _delete, _misspell, _double, _swap,
]  # fmt: skip


def broken(number: int) -> bytes:
    """Broken screenplay ``number``: the same one every time."""
    chance = random.Random(number)
    data = copy.deepcopy(GOOD)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        here = places(data)
        if here:
            chance.choice(BREAKS)(data, chance.choice(here), chance)
    raw = yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode()
    if number % 3 == 0:
        raw = _damage(raw, chance)
    return raw


def _damage(raw: bytes, chance: random.Random) -> bytes:
    """Break the text itself: cut it off, drop, double or insert characters, lines and bytes."""
    at = chance.randrange(len(raw) + 1)
    lines = raw.split(b"\n")
    line = chance.randrange(len(lines))
    return chance.choice(
        [
            raw[:at],
            raw[:at] + chance.choice(CHARACTERS).encode() + raw[at:],
            raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :],
            b"\n".join([*lines[:line], *lines[line + 1 :]]),
            b"\n".join([*lines[:line], lines[line], *lines[line:]]),
            b"\n".join([*lines[:line], b" " + lines[line], *lines[line + 1 :]]),
        ]
    )
