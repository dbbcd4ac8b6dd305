"""Provenance altered in every way that chance finds; tests and benchmarks share this."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

from holocine_core.edit.metadata import FoundMetadata
from holocine_core.errors import InputError, MachineError
from holocine_core.film import provenance
from holocine_core.film.provenance import TAG
from holocine_core.film.reopen import open_film
from tests.broken import holder, places

VALUES: list[Any] = [
    None, True, -1, 0, 1, 7, 10**30, 1.5, 1e300, "", "x", "15", "1/0", "0/1", "\ud83d", "\x1b[2J",
    [], {}, [None], [[]], {"": None}, {"kind": "cut"}, "nano", "[shot cut]", "fade", "word " * 500,
]  # fmt: skip


def altered(document: dict[str, Any], number: int) -> str:
    """The text of a provenance document with something altered: the same one for each number."""
    chance = random.Random(number)
    found = copy.deepcopy(document)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at = chance.choice(places(found) or [()])
        inside = holder(found, at)
        match chance.randrange(4) if at else 3:
            case 0:
                del inside[at[-1]]
            case 1:
                other = chance.choice(places(found))
                inside[at[-1]] = copy.deepcopy(holder(found, other)[other[-1]])
            case 2 | 3 if at:
                inside[at[-1]] = copy.deepcopy(chance.choice(VALUES))
    text = json.dumps(found)
    if number % 5 == 0:
        cut = chance.randrange(len(text) + 1)
        text = text[:cut] + chance.choice(["", "}", "\ufffd", "9" * 5000, "NaN", "1e999"])
        text += "" if number % 2 else json.dumps(found)[cut + 1 :]
    return text


class Tags:
    """Stands in for what is read of a film's file: its tag, and with it all that is made of it."""

    def __init__(self, film: Path) -> None:
        self.film = film
        self.read = provenance.read_metadata
        self.metadata = self.read(film)
        self.text = self.metadata.tags[TAG]

    def __call__(self, path: Path) -> FoundMetadata:
        tags = {**self.metadata.tags, TAG: self.text}
        return FoundMetadata(tags=tags, chapters=self.metadata.chapters)


def used(film: Path) -> None:
    """All that the core makes of a film's provenance. Raises our errors alone."""
    from holocine_core.evaluate.film_page import settings_told
    from holocine_core.film.cut_list import cut_list

    found = provenance.inspect(film)
    assert found.screenplay.encode()
    dict(settings_told(found.provenance, film))
    for use in (cut_list, lambda one: open_film(one.path)):
        try:
            use(found)
        except (InputError, MachineError):
            continue
