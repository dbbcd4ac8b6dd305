"""Versions are told apart, and a film that was edited is told as that."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow


def test_versions_are_told_apart(holocine: Holocine, film: Path) -> None:
    (first,) = holocine("versions", film, "--json").json["versions"]
    assert first["changed"] == "as rendered"
    text = Path("room.yaml").read_text()
    Path("room.yaml").write_text(text.replace("goes out", "flickers"))
    assert holocine("render", "room.yaml", "-o", film).exit_code == 0
    for shot in ("1", "2"):
        assert holocine("reshoot", film, "--shot", shot, "--seed", "7").exit_code == 0
    known = holocine("versions", film, "--json").json["versions"]
    latest = "shot 2 anew, seed 7, after 1 other edit"
    assert [one["changed"] for one in known] == [
        "as rendered",
        "rendered anew: its scene changed",
        "shot 1 anew, seed 7",
        latest,
    ]
    assert [len(one["edits"]) for one in known] == [0, 0, 1, 2], "the document keeps them all"
    times = [datetime.fromisoformat(one["filmed"]) for one in known]
    assert times == sorted(times)
    *_, line = holocine("versions", film).stdout.splitlines()
    assert f"{times[-1]:%Y-%m-%d %H:%M}  {latest}" in line

    refused = holocine("render", "room.yaml", "-o", film)
    assert refused.exit_code == 2
    assert f"room.mp4 was edited since it was rendered: {latest}\n" in refused.stderr
    assert "holocine versions room.mp4 --pick 2; or replace it with --force" in refused.stderr
    assert holocine("versions", film, "--pick", "2").exit_code == 0
    assert holocine("render", "room.yaml", "-o", film).exit_code == 0, "it is what it makes"
