"""Files that are damaged between two commands: nothing wrong is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.cases import cases, ready, staged
from tests.crash.harm import BAD, harm, harmed_cases

pytestmark = pytest.mark.slow

COUNT = 12


def test_of_damaged_files_nothing_wrong_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLOCINE_CPU_ATTENTION", "products")
    found = cases(tmp_path / "shared")
    with ready(found, tmp_path / "warm"):
        for case in harmed_cases(found):
            stage = staged(case, tmp_path / "stage")
            ends = [harm(stage, number) for number in range(COUNT)]
            assert [one for one in ends if one.fate in BAD] == [], case.name
            assert "mended" in {one.fate for one in ends}, case.name
