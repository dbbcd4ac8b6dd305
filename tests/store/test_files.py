from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from holocine_core.store.files import replacing, sweep
from holocine_core.store.processes import in_file_names

AT_WORK = """
import sys, time
from pathlib import Path
from holocine_core.store.files import replacing
with replacing(Path(sys.argv[1])) as made:
    made.write_text("half")
    (made.parent / "work").mkdir()
    print("at work", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_its_folder_to_the_next_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", AT_WORK, str(tmp_path / "film.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "at work\n"
        (room,) = tmp_path.iterdir()
        assert str(worker.pid) in room.name
        with replacing(tmp_path / "other.txt") as made:
            made.write_text("done")
        assert (room / "film.mp4").read_text() == "half", "a process at work keeps its folder"
        worker.kill()
    assert room.is_dir()
    with replacing(tmp_path / "film.mp4") as made:
        assert not room.exists()
        made.write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"film.mp4", "other.txt"}
    assert (tmp_path / "film.mp4").read_text() == "whole"


def test_a_folder_killed_before_its_lock_goes_too(tmp_path: Path) -> None:
    (tmp_path / ".holocine-12-abcd_123").mkdir()
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def room_of(folder: Path, host: str, pid: int, owner: str = "") -> Path:
    room = folder / f".holocine-{host}-{pid}-abcd_123"
    room.mkdir()
    (room / "film.mp4").write_text("half")
    if owner:
        (room / ".owner").write_text(owner)
    return room


def test_another_hosts_folder_stays_while_it_may_be_at_work(tmp_path: Path) -> None:
    """Its process has a number that is nobody's here; a shared folder's clock decides, not ours."""
    room = room_of(tmp_path, "elsewhere", 1, '{"host": "else-where", "pid": 1}')
    unsaid = room_of(tmp_path, "another", 4000000)
    sweep(tmp_path)
    assert room.exists()
    assert unsaid.exists()
    day_before = unsaid.stat().st_mtime - 90000
    for path in (*room.iterdir(), room):
        os.utime(path, (day_before, day_before))
    sweep(tmp_path)
    assert not room.exists()
    assert unsaid.exists()


def test_a_folder_that_was_killed_before_it_told_whose_it_is(tmp_path: Path) -> None:
    here = in_file_names(socket.gethostname())
    gone, alive = room_of(tmp_path, here, 4000000), room_of(tmp_path, here, os.getpid())
    sweep(tmp_path)
    assert not gone.exists()
    assert alive.exists()


def test_an_earlier_versions_folder_is_freed_by_its_lock(tmp_path: Path) -> None:
    room = tmp_path / ".holocine-12-abcd_123"
    room.mkdir()
    with FileLock(room / ".lock"):
        sweep(tmp_path)
        assert room.exists()
    sweep(tmp_path)
    assert not room.exists()


@pytest.mark.parametrize("name", [".holocine", ".holocine-work", ".holocine-2024-my_films_"])
def test_other_folders_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "clip.mp4").write_text("mine")
    sweep(tmp_path)
    assert (tmp_path / name / "clip.mp4").exists()


def test_work_inside_work_sweeps_nothing(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as one:
        one.write_text("a")
        with replacing(tmp_path / "b") as two:
            two.write_text("b")
        assert one.exists()
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b"}


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path: Path, there: bool) -> None:
    kept = tmp_path / "large disk" / "film.mp4"
    kept.parent.mkdir()
    if there:
        kept.write_text("before")
    link = tmp_path / "film.mp4"
    link.symlink_to(kept)
    with replacing(link) as made:
        assert made.name == link.name
        made.write_text("after")
    assert link.is_symlink()
    assert kept.read_text() == "after"
    assert [p.name for p in kept.parent.iterdir()] == ["film.mp4"]
