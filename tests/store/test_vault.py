"""The work folder by itself: what is kept, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.errors import MachineError
from holocine_core.store.vault import Vault


def test_stopped_takes_are_told_apart_and_the_furthest_comes_first(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    for take, step in (("a", 2), ("b", 9), ("a", 5)):
        write = lambda path, text=f"{take}{step}": path.write_text(text)  # noqa: E731
        vault.keep("progress", f"{take}-{step}", write, {"take": take, "step": step})
    assert [entry.key for entry in vault.stopped("a")] == ["a-5", "a-2"]
    assert [entry.key for entry in vault.stopped("b")] == ["b-9"]


def test_an_error_of_who_writes_passes_and_leaves_nothing(tmp_path: Path) -> None:
    def broken(path: Path) -> None:
        path.write_text("half")
        raise BrokenPipeError("gone")

    with pytest.raises(BrokenPipeError):
        Vault(tmp_path).keep("clips", "a", broken, {})
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("a file")
    with pytest.raises(MachineError, match="could not keep clips a"):
        Vault(tmp_path).keep("clips", "a", lambda path: None, {})
