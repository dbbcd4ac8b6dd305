"""docs/python.md: its examples run, and it names every verb."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.api.test_face import VERBS

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (screenplay,) = blocks("yaml")
    Path("harbour.yaml").write_text(screenplay)
    names: dict[str, object] = {"__name__": "example"}
    for number, block in enumerate(blocks("python"), 1):
        exec(compile(block, f"{PAGE.name}, example {number}", "exec"), names)
    told = capsys.readouterr().out
    assert re.search(r"broken\.yaml:1:\d+: unknown character \{nobody\}", told)
    assert "quay: step 1 of" in told
    assert '2 shot quay:2 anew: "{mara} waves.", seed 1 True' in told
    assert "1.mp4: made 2.mp4: made" in told
    for name in ("harbour.mp4", "seed-1.mp4", "seed-2.mp4", "seven.mp4", "harbour.srt"):
        assert Path(name).is_file(), name
    assert not Path("broken.mp4").exists()


def test_every_verb_is_told_of() -> None:
    told = PAGE.read_text(encoding="utf-8").rpartition("## All verbs")[2]
    assert [verb for verb in VERBS if f"{verb}(" not in told] == []
