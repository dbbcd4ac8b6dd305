from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holocine_core.store.locks import Held, lock


def test_who_comes_in_vain_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path, "process 7"):
        for _ in range(2):  # Coming in vain empties nothing.
            with pytest.raises(Held, match="process 7"), lock(path, "another"):
                raise AssertionError("two at once")
    with lock(path, "another"):
        assert path.read_text() == "another"


def test_it_is_of_the_process_and_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from holocine_core.store.locks import lock\n"
        "with lock(Path(sys.argv[1]), 'the other'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "lock"
    words = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Held, match="the other"), lock(path):
            raise AssertionError("two at once")
        other.kill()
        other.wait()
        with lock(path):
            pass


def test_one_can_wait(tmp_path: Path) -> None:
    path, done = tmp_path / "lock", threading.Event()

    def second() -> None:
        with lock(path, wait=True):
            done.set()

    with lock(path):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not done.wait(0.2)
    waiting.join(10)
    assert done.is_set()


def test_what_the_body_raises_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="mine"), lock(tmp_path / "lock"):
        raise FileNotFoundError("mine")
    with pytest.raises(OSError, match="No such file"), lock(tmp_path / "nowhere" / "lock"):
        raise AssertionError("no folder")
