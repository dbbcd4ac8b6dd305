"""Files that are damaged between two commands: is what comes of it right, or told?"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal, get_args

from tests.crash.cases import RENDER, RESHOOT
from tests.crash.runs import DIARIES, Case, Stage, contents

Fate = Literal[
    "mended", "mended by a second call", "mended untold", "made again", "unused", "refused",
    "wrong", "exit 1", "other exit",
]  # fmt: skip
FATES: tuple[Fate, ...] = get_args(Fate)
BAD = ("mended untold", "wrong", "exit 1", "other exit")


def _flip(raw: bytes, rng: random.Random) -> bytes:
    if not raw:
        return b"x"
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]


KINDS: Mapping[str, Callable[[bytes, random.Random], bytes | None]] = {
    "a flipped bit": _flip,
    "cut short": lambda raw, rng: raw[: rng.randrange(len(raw) or 1)],
    "longer": lambda raw, rng: raw + rng.randbytes(rng.randrange(1, 99)),
    "zeros": lambda raw, rng: bytes(len(raw)),
    "gone": lambda raw, rng: None,
}


_SHELVES = (".holocine", "run/checkpoints", "run/latents")
"""What lies there is for the next command to use, or to make again."""
_TELLS = re.compile(r"damaged|changed|gone|lost|no sidecar|not as this run")
_MODEL = "run/model"
_CACHE = "run/latents/index"
"""Nothing depends on it: what it says no longer is asked anew."""
_PRODUCTS = (".mp4", ".png", ".otio")
"""Files that people see: one that was damaged may have been changed, and is put aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What became of one damage.

    Attributes:
        file: That was damaged.
        kind: How, of :data:`KINDS`.
        fate: What the next command made of it.
        told: What it said, or what is not as it should be.
    """

    file: str
    kind: str
    fate: Fate
    told: str = ""


def harmed_cases(found: list[Case]) -> list[Case]:
    """The commands that are called after a damage; each has made its files before."""
    by_name = {case.name: case for case in found}
    extras, short = by_name["render with extras"], by_name["reshoot"]
    again = [word for word in extras.words if word != "-qq"]
    pick = ("versions", "film.mp4", "--pick", "1")
    train = by_name["train"]
    return [
        Case(name="render again", words=again, before=[extras.words], given=extras.given),
        Case(name="reshoot", words=RESHOOT[:-1], before=[RENDER], given=short.given),
        Case(name="pick", words=pick, before=[RENDER, RESHOOT], given=short.given),
        Case(name="train again", words=train.words[:-1], before=[train.words], given=train.given),
    ]


def harm(stage: Stage, number: int) -> Harm:
    """Damage a file, call the command, and look.

    Args:
        stage: Of one of :func:`harmed_cases`.
        number: Which damage; the same number is the same damage.
    """
    rng = random.Random(f"{stage.case.name} {number}")
    stage.reset()
    name = rng.choice(sorted(_files(stage)))
    kind = rng.choice(sorted(KINDS))
    path = stage.folder / name
    before = path.read_bytes()
    after = KINDS[kind](before, rng)
    if after is None:
        path.unlink()
    else:
        path.write_bytes(after)
    ended = stage.call()
    match ended.code:
        case 0:
            return _compared(stage, name, kind, after, ended.said)
        case 1:
            return Harm(file=name, kind=kind, fate="exit 1", told=ended.said)
        case 2 | 3:
            again = stage.call()
            if again.code:
                return Harm(file=name, kind=kind, fate="refused", told=ended.said)
            later = _compared(stage, name, kind, after, ended.said)
            mended = later.fate == "mended"
            return replace(later, fate="mended by a second call") if mended else later
    return Harm(file=name, kind=kind, fate="other exit", told=f"{ended.code}: {ended.said}")


def _files(stage: Stage) -> list[str]:
    """All that a command may find damaged; what people write themselves is not."""
    lying = (one for one in stage.folder.rglob("*") if one.is_file())
    names = (str(one.relative_to(stage.folder)) for one in lying)
    return [one for one in names if not DIARIES.fullmatch(one) and one not in stage.case.given]


def _compared(stage: Stage, name: str, kind: str, after: bytes | None, said: str) -> Harm:
    found = contents(stage.folder)
    products = [one for one in stage.whole if not one.startswith(_SHELVES)]
    wrong = [n for n in products if not _alike(n, found.get(n), stage.whole[n])]
    wrong += _strays(stage, found, name, after)
    if wrong:
        return Harm(file=name, kind=kind, fate="wrong", told=f"{wrong}; it said: {said}")
    if found.get(name) == after and stage.whole.get(name) != after:
        return Harm(file=name, kind=kind, fate="unused", told=said)
    told = _is_told(PurePath(name), said)
    if (after is None or name.startswith(_CACHE)) and not told:
        return Harm(file=name, kind=kind, fate="made again", told=said)
    return Harm(file=name, kind=kind, fate="mended" if told else "mended untold", told=said)


def _is_told(path: PurePath, said: str) -> bool:
    """Whether a warning or an error says what became of a file, by its name or its folder's."""
    lines = (line for line in said.splitlines() if line.startswith(("warning:", "error:", "  ")))
    loud = "\n".join(lines)
    folders = (str(one) for one in path.parents if len(one.parts) > 1)
    names = (path.name.partition(".")[0], *folders)
    return bool(_TELLS.search(loud)) and any(one in loud for one in names)


def _strays(stage: Stage, found: Mapping[str, bytes], name: str, after: bytes | None) -> list[str]:
    """Files that a whole call leaves not: but for the damaged one, put aside, which must be there
    where anything was left of it."""
    path = PurePath(name)
    aside = str(path.with_name(f"{path.stem}.damaged{path.suffix}"))
    kept = path.suffix in _PRODUCTS and not name.startswith(_SHELVES) and bool(after)
    beside = (aside,)
    if name.startswith(f"{_MODEL}/"):  # It is kept as a whole.
        aside, kept = f"{_MODEL}.damaged/{path.relative_to(_MODEL)}", after is not None
        beside = tuple(one for one in found if PurePath(one).is_relative_to(f"{_MODEL}.damaged"))
    others = (one for one in found if not one.startswith(_SHELVES))
    strays = [one for one in others if one not in (*stage.whole, *beside)]
    if kept and found.get(name) != after and found.get(aside) != after:
        strays.append(f"{name} as it was: it is lost")
    return strays


def _alike(name: str, one: bytes | None, other: bytes) -> bool:
    """Whether a product is as it should be; a film's record tells of its takes what is known."""
    if one is None or name != "film.mp4.json":
        return one == other
    told, expected = json.loads(one), json.loads(other)
    for record in (told, expected):
        del record["check"], record["made"]
    return bool(told == expected)
