"""Broken screenplays get an answer with place and remedy; `benchmarks.broken` asks a thousand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from holocine_core.errors import InputError
from holocine_core.film.planning import plan_film
from holocine_core.request import Request
from tests.broken import GOOD, broken

COUNT = 150


def test_the_unbroken_one_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "film.yaml"
    path.write_text(yaml.safe_dump(GOOD, sort_keys=False))
    assert len(plan_film(path, Request(out=tmp_path / "film.mp4")).takes) == 3


@pytest.mark.parametrize("batch", range(3))
def test_every_broken_one_is_answered(batch: int, tmp_path: Path) -> None:
    path = tmp_path / "film.yaml"
    refused = 0
    for number in range(batch * COUNT // 3, (batch + 1) * COUNT // 3):
        path.write_bytes(broken(number))
        try:
            plan_film(path, Request(out=tmp_path / "film.mp4"))
        except InputError as error:
            refused += 1
            for problem in error.problems:
                assert re.search(r"film\.yaml:\d+:\d+$", problem.where), (number, problem)
                assert problem.message, (number, problem)
                assert problem.hint, (number, problem)
    assert refused > COUNT // 6
