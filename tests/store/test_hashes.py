"""Hashes are taken again when a file may have changed, and never lost with their cache."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_core.store.hashes import cache_folder, remembered

Counted = tuple[Callable[[Path], str], list[str]]


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: list[str] = []

    def compute(path: Path) -> str:
        asked.append(path.read_text())
        return f"hash of {path.read_text()}"

    return compute, asked


def settle(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the file had been written a while ago."""
    later = path.stat().st_ctime_ns + 10**10
    monkeypatch.setattr("time.time_ns", lambda: later)


def test_a_file_is_read_once(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, asked = counted
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    assert [remembered(path, compute) for _ in range(3)] == ["hash of one"] * 3
    assert asked == ["one"]


def test_a_file_of_the_same_length_and_time_is_another(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, _ = counted
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    before = path.stat()
    assert remembered(path, compute) == "hash of one"
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered(path, compute) == "hash of two"


def test_what_was_just_written_is_not_remembered(tmp_path: Path, counted: Counted) -> None:
    compute, asked = counted
    path = tmp_path / "weights"
    path.write_text("one")
    assert {remembered(path, compute) for _ in range(2)} == {"hash of one"}
    assert len(asked) == 2


@pytest.mark.parametrize("held", ["{", "[1]", '{"a": 1}'])
def test_a_broken_cache_is_no_cache(
    held: str, tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, _ = counted
    cache_folder().mkdir(parents=True)
    (cache_folder() / "hashes-2.json").write_text(held)
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    assert remembered(path, compute) == "hash of one"


def test_a_damaged_hash_is_taken_again(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Believed, it would make another model of the same weights, and its takes anew."""
    compute, asked = counted
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    remembered(path, compute)
    (cache,) = cache_folder().glob("*.json")
    cache.write_text(cache.read_text().replace("hash of one", "hash of onf"))
    assert [remembered(path, compute) for _ in range(2)] == ["hash of one"] * 2
    assert asked == ["one", "one"]


def test_hashes_without_a_sum_are_not_believed(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, _ = counted
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    remembered(path, compute)
    (cache,) = cache_folder().glob("*.json")
    known = {key: "another" for key in json.loads(cache.read_text()) if key != "check"}
    cache.unlink()
    (cache_folder() / "hashes.json").write_text(json.dumps(known))
    assert remembered(path, compute) == "hash of one"


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_in_its_place_costs_only_time(
    put: Callable[[Path], None], tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, asked = counted
    cache_folder().mkdir(parents=True)
    place = cache_folder() / "hashes-2.json"
    put(place)
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    assert {remembered(path, compute) for _ in range(2)} == {"hash of one"}
    assert len(asked) == 2
    assert place.exists(), "it is somebody's"
    assert not place.is_file()


def test_a_folder_that_cannot_be_written_costs_only_time(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, asked = counted
    (tmp_path / "cache").write_text("no folder")
    path = tmp_path / "weights"
    path.write_text("one")
    settle(path, monkeypatch)
    assert {remembered(path, compute) for _ in range(2)} == {"hash of one"}
    assert len(asked) == 2
