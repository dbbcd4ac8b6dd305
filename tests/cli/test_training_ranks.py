"""How `train --gpus` ends: real processes of the command line, which play a training's step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from holocine_cli import ranks
from holocine_cli.console import Console
from holocine_cli.session import Session
from holocine_core.errors import InputError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CHANGED = "error: the sample was changed\n  at a.yaml\n  hint: run again\n"
PLAYERS = f"""#!{sys.executable}
import os, signal, sys, time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, {str(ROOT)!r})
sys.executable = __file__  # What the ranks are started with, and `-m holocine_cli`.
if "RANK" in os.environ:
    del sys.argv[1:3]
from holocine_cli import ranks
from holocine_cli.app import entry
from holocine_core import api
from holocine_core.errors import InputError, Interrupted, MachineError

ranks.PATIENCE, play, leads = 1.0, os.environ["PLAY"], os.environ.get("RANK") == "0"


def await_(is_so):
    while not is_so():
        time.sleep(0.05)


def other_is_gone():
    there = Path("/proc", Path("ready-1").read_text(), "cmdline")
    return not there.exists() or not there.read_bytes()  # Nobody may have reaped it yet.


def train(recipe, *, should_stop, **others):
    Path(f"ready-{{os.environ['RANK']}}").write_text(str(os.getpid()))
    if play.startswith("step"):
        await_(should_stop)
        if leads:
            time.sleep(float(play[4:]))
            if other_is_gone():
                raise MachineError("another rank ended in the midst of the work")
            Path("kept").touch()
        await_(Path("kept").exists)
        raise Interrupted("the step is kept")
    if play == "gone":
        await_(should_stop)
        if leads:
            os.kill(os.getpid(), signal.SIGKILL)
        await_(lambda: False)
    if leads and play != "all":
        await_(lambda: Path("ready-1").exists() and Path("ready-1").read_text())
        await_(other_is_gone)
        if play == "silent":
            os.kill(os.getpid(), signal.SIGKILL)
        raise MachineError("another rank ended in the midst of the work: Connection closed")
    raise InputError("the sample was changed", where="a.yaml", hint="run again")


api.train = train
api.read_recipe = lambda path: SimpleNamespace(out="run", steps_of_all=9)
entry()
"""


def start(at: Path, play: str) -> subprocess.Popen[str]:
    script = at / "players.py"
    script.write_text(PLAYERS)
    script.chmod(0o755)
    # Torch's own patience would end a step of two seconds.
    told = {"PLAY": play, "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "1", "NO_COLOR": "1"}
    words = [sys.executable, str(script), "train", "recipe.yaml", "--gpus", "2", "--device", "cpu"]
    (at / "recipe.yaml").touch()
    return subprocess.Popen(
        words,
        cwd=at,
        env={**os.environ, **told},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def await_ranks(at: Path, run: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not all((at / f"ready-{rank}").exists() for rank in range(2)):
        assert time.monotonic() < until, "the ranks did not begin"
        assert run.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)


def test_the_step_at_work_is_kept_however_long_it_takes(tmp_path: Path) -> None:
    with start(tmp_path, "step4") as run:
        await_ranks(tmp_path, run)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
    assert (tmp_path / "kept").exists(), told
    assert run.returncode == 130
    assert "the step is kept" in told


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with start(tmp_path, "step60") as run:
        await_ranks(tmp_path, run)
        run.send_signal(signal.SIGINT)
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=20)
    assert run.returncode == 130, told
    assert not (tmp_path / "kept").exists()


def test_after_a_signal_no_rank_waits_for_a_leader_that_is_gone(tmp_path: Path) -> None:
    with start(tmp_path, "gone") as run:
        await_ranks(tmp_path, run)
        run.send_signal(signal.SIGTERM)
        _, told = run.communicate(timeout=20)
    assert run.returncode == 130, told


@pytest.mark.parametrize(
    "play",
    [
        "lone",  # The leader sees that the other rank ended.
        "silent",  # It is ended with it, as on a GPU.
        "all",  # It meets the same error.
    ],
)
def test_a_ranks_error_is_told_once(play: str, tmp_path: Path) -> None:
    with start(tmp_path, play) as run:
        _, told = run.communicate(timeout=60)
    assert told.count(CHANGED) == told.count("error:") == 1, told
    assert run.returncode == 2


@pytest.mark.parametrize("another", [False, True])
def test_where_torchrun_started_them_a_rank_tells_its_error(
    another: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``another``: another rank met it as well, and told."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ranks, "AGREEING", 5.0 if another else 0.3)
    session = Session(argv=[], console=Console())
    ending = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, session.stop.heard)

    def train() -> None:
        with ranks.ranked_training(session, 1, "cpu") as leads:
            assert not leads
            if another:
                ending.start()
            raise InputError("the sample was changed", where="a.yaml", hint="run again")

    try:
        with pytest.raises(SystemExit) as ended:
            train()
    finally:
        ending.cancel()
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 2
    assert capsys.readouterr().err == ("" if another else CHANGED)
