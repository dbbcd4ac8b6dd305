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
def test_a_name_is_used_or_refused_as_too_long(
    holocine: Holocine, scene: Path, command: str, bytes_long: int
) -> None:
    long = Path("x" * (bytes_long - 5) + ".yaml")
    if bytes_long <= 255:
        scene.rename(long)
    answer = holocine(command, long, *(["--dry-run"] if command == "render" else []))
    # A preview's picture has the longest name of all.
    fits = bytes_long <= (240 if command == "preview" else 255)
    assert answer.exit_code == (0 if fits else 2), answer.stderr
    if not fits:
        assert "xxx" in answer.stderr
        assert "shorter name" in answer.stderr or bytes_long > 255, "that is not there at all"
        assert not Path(".holocine").exists()


@pytest.mark.parametrize("length", [248, 252, 300])
def test_a_film_whose_name_is_too_long_is_refused_before_the_work(
    holocine: Holocine, scene: Path, length: int
) -> None:
    answer = holocine("render", scene, "-o", "x" * (length - 4) + ".mp4", "--storyboard", "-qq")
    assert answer.exit_code == 2, answer.stderr
    assert "shorter name" in answer.stderr
    assert "xxx" in answer.stderr
    assert [path.name for path in Path().iterdir()] == [scene.name], "nothing was made"


def test_a_film_may_have_the_longest_name_that_leaves_room_for_its_pictures(
    holocine: Holocine, scene: Path
) -> None:
    name = "x" * (255 - len(".storyboard.png"))
    assert holocine("render", scene, "-o", f"{name}.mp4", "--storyboard", "-qq").exit_code == 0
    assert Path(f"{name}.storyboard.png").is_file()


@pytest.mark.parametrize(
    ("number", "code", "hint"),
    [
        (errno.EIO, 3, "check the disk"),
        (errno.EACCES, 3, "give yourself leave to read and write it (chmod)"),
        (errno.EMFILE, 3, "raise the limit of open files (ulimit -n)"),
        (errno.ENAMETOOLONG, 2, "give a shorter name"),
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

    place = "a/place"
    monkeypatch.setattr(room, name, refuse)
    answer = holocine("render", scene, "-qq")
    if room is vault:  # There it is told of what was being kept.
        code, place = 3, ".holocine/room/progress/"
        assert os.strerror(number) in answer.stderr
    assert answer.exit_code == code, answer.stderr
    assert f"at {place}" in answer.stderr
    assert f"hint: {hint}" in answer.stderr


def test_memory_that_runs_out_beside_the_networks_is_the_machines_fault(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise MemoryError

    monkeypatch.setattr(finish, "stitch_job", refuse)
    answer = holocine("render", scene, "-qq")
    assert answer.exit_code == 3
    assert "memory ran out" in answer.stderr
