"""An option of one value counts once, or the call is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Holocine


@pytest.mark.parametrize(
    "words",
    [
        ("reshoot", "room.mp4", "--shot", "1", "--shot", "3"),
        ("render", "room.yaml", "-o", "a.mp4", "--out=b.mp4"),
        ("plan", "room.yaml", "--json", "--json"),
        ("models", "info", "nano", "--models-dir", "a", "--models-dir", "b"),
        ("lab", "judge", "--out", "a", "--out", "b"),
    ],
)
def test_a_second_value_is_refused_by_name(holocine: Holocine, words: tuple[str, ...]) -> None:
    answer = holocine(*words)
    assert answer.exit_code == 2
    assert "is given 2 times" in answer.stderr


def test_repeatable_options_and_counts_go_on(holocine: Holocine, scene: Path) -> None:
    assert holocine("check", scene, "-q", "-q").exit_code == 0
    answer = holocine("plan", scene, "--lora", "a.safetensors", "--lora", "b.safetensors")
    assert "given" not in answer.stderr
