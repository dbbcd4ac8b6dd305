"""Sidecars, lists and configs are read whole, and only if they are files of a sidecar's size."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.store.files import load_json, open_file, parse_json, read_json, read_small
from holocine_core.store.journal import NAME, journal, last_lines
from holocine_core.store.leases import Lease

Make = Callable[[Path], None]


def large(path: Path) -> None:
    """Eight gigabytes that take no room."""
    with path.open("wb") as file:
        file.truncate(2**33)


OTHERS: tuple[tuple[Make, str], ...] = (
    (os.mkfifo, "no file but a pipe"),
    (Path.mkdir, "no file but a folder"),
    (lambda path: path.symlink_to("/dev/zero"), "no file but a device"),
    (large, "has 8,192 MiB, where 64 are the most"),
)


@pytest.mark.parametrize(("make", "says"), OTHERS)
@pytest.mark.parametrize("read", [load_json, read_json, read_small])
def test_what_is_no_small_file_is_told(
    read: Callable[[Path], object], make: Make, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "sidecar.json"
    make(path)
    with pytest.raises(InputError, match=says) as raised:
        read(path)
    assert (raised.value.where, raised.value.message.split()[0]) == (str(path), path.name)


@pytest.mark.parametrize(("make", "says"), OTHERS[:3])
def test_the_log_is_a_file(make: Make, says: str, tmp_path: Path) -> None:
    make(tmp_path / NAME)
    with pytest.raises(InputError, match=says), journal(tmp_path, lambda event: None):
        pass
    with pytest.raises(InputError, match=says):
        last_lines(tmp_path)


def test_a_claim_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lease-3.json")
    with pytest.raises(InputError, match=r"lease-3\.json is no file but a pipe"):
        Lease(tmp_path, "filming").claim()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff{}", b'{"a": "\\uD800"}', b"[]", b"3"],
)
def test_damaged_json_is_told_or_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sidecar.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"sidecar\.json"):
        load_json(path)
    assert read_json(path) is None


def test_whole_json_is_read(tmp_path: Path) -> None:
    value = {"a": "\U0001f3ac caf\xe9", "b": [1, None, {"c": 0.5}]}
    path = tmp_path / "sidecar.json"
    path.write_text(json.dumps(value))
    assert "\\ud83c" in path.read_text()
    assert load_json(path) == read_json(path) == parse_json(path.read_bytes()) == value
    with open_file(path) as file:
        assert file.read() == path.read_bytes()
    assert read_json(tmp_path / "none.json") is None
