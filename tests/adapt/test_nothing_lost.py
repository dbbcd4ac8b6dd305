"""Every word of a script is in its screenplay, or told: on scripts as programs and people write
them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from holocine_core.adapt.draft import to_yaml
from holocine_core.adapt.read import read_script
from holocine_core.errors import InputError
from holocine_core.script.reader import read_text
from tests.adapt.words import lost

SCRIPTS = sorted((Path(__file__).parent / "scripts").iterdir())
REFUSED = {"num2.csv"}
"""These are asked about instead."""


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_every_word_is_kept(path: Path) -> None:
    if path.name in REFUSED:
        with pytest.raises(InputError):
            read_script(path, longest=60)
        return
    draft = read_script(path, longest=60)
    assert not lost(path, draft)
    read_text(to_yaml(draft, "nano")).accepted()


UNCOUNTED = ("beat", "pages", "numbers_both")
"""Of these, broken, the count knows less than the reader."""
WHOLE = [one for one in SCRIPTS if one.suffix == ".fountain" and one.stem not in UNCOUNTED]
BEGINS = ("[[", "]]", "/*", "*/", "(", ")", "~", "!", "@", ".", ">", "#", "=", "  ", "*", "^")
ENDS = ("[[", "]]", "/*", "*/", "(", ")", "<", "^", " (V.O.)", "*", "_")


def broken(number: int) -> str:
    """A script with some lines gone, torn apart, from elsewhere or with a sign too many."""
    chance = random.Random(number)
    lines = chance.choice(WHOLE).read_text(encoding="utf-8-sig").splitlines()
    for _ in range(chance.choice([1, 2, 4])):
        at = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                lines[at] = ""
            case 1:
                lines.insert(at, "")
            case 2:
                others = chance.choice(WHOLE).read_text(encoding="utf-8-sig").splitlines()
                lines.insert(at, chance.choice(others[8:] or [""]))
            case 3:
                lines[at] = chance.choice(BEGINS) + lines[at]
            case _:
                lines[at] += chance.choice(ENDS)
    return "\n".join(lines)


def test_every_word_of_broken_scripts_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "broken.fountain"
    for number in range(100):
        path.write_text(broken(number), encoding="utf-8")
        assert not lost(path, read_script(path, longest=60)), number
