"""The work folder by itself: what is kept, and found again."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES, errno.ESTALE])
def test_what_can_not_be_read_now_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    vault = Vault(tmp_path)
    entry = vault.keep("latents", "0123456789abcdef", lambda path: _write(path), {})
    real = os.open

    def refused(path: Any, *args: Any, **named: Any) -> int:
        if str(path).endswith(".json"):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        for ask in (vault.find, vault.whole, vault.intact):
            with pytest.raises(MachineError, match="can not be read") as told:
                ask("latents", entry.key)
            assert told.value.where == str(entry.path.with_suffix(".json"))
    assert vault.intact("latents", entry.key) is not None


def _write(path: Path) -> None:
    path.write_bytes(b"hours of work")
