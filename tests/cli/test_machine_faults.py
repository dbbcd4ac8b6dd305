"""What the operating system refuses is told with its path and a remedy, and is no bug."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from holocine_core.film import finish, planning
from holocine_core.store import vault
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("bytes_long", [240, 250, 256, 300])
@pytest.mark.parametrize("command", ["render", "preview", "plan", "check"])
def test_a_name_that_is_too_long_is_refused(
    holocine: Holocine, scene: Path, command: str, bytes_long: int
) -> None:
    if bytes_long > 255:
        long = Path("x" * (bytes_long - 5) + ".yaml")
        answer = holocine(command, long)
    else:
        long = scene.rename("x" * (bytes_long - 5) + ".yaml")
        answer = holocine(command, long, *(["--dry-run"] if command == "render" else []))
    assert answer.exit_code in (0, 2, 3), answer.stderr
    assert answer.exit_code == 0 or bytes_long > 255 or "hint:" in answer.stderr


@pytest.mark.parametrize("length", [238, 248, 252, 300])
def test_a_film_whose_name_is_too_long_is_refused_before_the_work(
    holocine: Holocine, scene: Path, length: int
) -> None:
    answer = holocine("render", scene, "-o", "x" * (length - 4) + ".mp4", "--storyboard", "-qq")
    assert answer.exit_code in (0, 2, 3), answer.stderr
    if answer.exit_code:
        assert "hint:" in answer.stderr
        assert "xxx" in answer.stderr
        assert not list(Path().glob("xx*")), "nothing was made"


@pytest.mark.parametrize(
    ("number", "code", "hint"),
    [
        (errno.EIO, 3, "check the disk"),
        (errno.EACCES, 3, "chmod"),
        (errno.EMFILE, 3, "ulimit -n"),
        (errno.ENAMETOOLONG, 2, "shorter name"),
    ],
)
@pytest.mark.parametrize(
    ("room", "name"), [(planning, "plan_film"), (finish, "stitch_job"), (vault, "file_hash")]
)
def test_what_the_system_refuses_is_no_bug(
    holocine: Holocine,
    scene: Path,
    monkeypatch: pytest.MonkeyPatch,
    room: Any,
    name: str,
    number: int,
    code: int,
    hint: str,
) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise OSError(number, os.strerror(number), "a/place")

    monkeypatch.setattr(room, name, refuse)
    answer = holocine("render", scene, "-qq")
    assert answer.exit_code in (code, 3), answer.stderr
    assert "hint:" in answer.stderr
    if room is not vault:  # There it is told of what was being kept.
        assert "a/place" in answer.stderr
        assert hint in answer.stderr


def test_memory_that_runs_out_beside_the_networks_is_the_machines_fault(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise MemoryError

    monkeypatch.setattr(finish, "stitch_job", refuse)
    answer = holocine("render", scene, "-qq")
    assert answer.exit_code == 3
    assert "memory ran out" in answer.stderr
