"""Killed before any change it makes, a command ends as if nothing had been when it is called again.

One point in ten; all of them: ``python -m benchmarks.crash_points``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.cases import NAMES, cases, ready, staged
from tests.crash.runs import Case, Stage, outcomes

pytestmark = pytest.mark.slow
EVERY, FIRST = 10, 4


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """All commands, ready to be killed."""
    folder = tmp_path_factory.mktemp("crash")
    found = cases(folder / "shared")
    with ready(found, folder / "warm"):
        yield {case.name: case for case in found}


@pytest.mark.parametrize("name", NAMES)
def test_a_command_killed_anywhere_is_called_again(
    name: str, played: dict[str, Case], tmp_path: Path
) -> None:
    stage = staged(played[name], tmp_path / "stage")
    assert len(stage.points) > EVERY
    ends = list(outcomes(stage, EVERY, FIRST))
    assert [one for one in ends if one.verdict != "survived"] == []


def test_what_a_death_leaves_is_seen(played: dict[str, Case], tmp_path: Path) -> None:
    """The judge itself: a command that heals nothing, of which each fault is one."""
    made = tmp_path / "stage"

    def careless(words: list[str]) -> int:
        if (made / "late").exists():
            return 2
        part = made / f"part-{len(list(made.iterdir()))}"
        part.write_bytes(b"half")
        part.rename(made / "whole")
        (made / "late").mkdir()
        return 0

    stage = Stage(Case(name="careless", words=()), made, careless)
    assert [point.split()[0] for point in stage.points] == [
        "open",
        "write",
        "os.rename",
        "os.mkdir",
    ]
    verdicts = [one.verdict for one in outcomes(stage)]
    assert verdicts == ["survived", "debris", "debris", "survived"]
