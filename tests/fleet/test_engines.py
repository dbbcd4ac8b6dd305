"""Workers that an engine starts: what a person at a shell sees of them, and of their failures."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.errors import InputError, MachineError
from holocine_core.fleet import drive as drives
from holocine_core.fleet.drive import drive, open_engine
from holocine_core.fleet.engines import slurm
from holocine_core.fleet.engines.options import minutes, read_settings
from holocine_core.fleet.engines.process import end_worker, start_worker
from holocine_core.fleet.queue import Queue, Queued
from holocine_core.request import Request
from tests.cli.conftest import Holocine, holocine  # noqa: F401 - a fixture
from tests.fleet.conftest import Make
from tests.fleet.farm import (
    LONG,
    OUT,
    at_work,
    is_alive,
    nobody_holds_anything,
    screenplays,
    start,
    wait_for,
)

pytestmark = pytest.mark.slow
DEAF = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLOCINE_LEASE", "3")
    Path("scenes").mkdir()


# --- this machine --------------------------------------------------------------------------------


def test_workers_of_this_machine(tiny: Path) -> None:
    screenplays(3)
    Path("scenes/bad.yaml").write_text("shots: [One., '{ann} sits.']\n")
    words = ("render", "scenes", "--on", "local", "--engine", "workers=2", *OUT, "--model", tiny)
    with start(*words) as driver:
        assert driver.stdout is not None
        told = driver.stdout.read()
    assert driver.returncode == 4, told
    assert sorted(re.findall(r"^films/\S+$", told, re.M)) == [
        f"films/film{i}.mp4" for i in range(3)
    ]
    assert "bad.yaml:1:15" in told
    assert "3 films: 3 made" in told
    logs = list(Path("films/.holocine/workers").rglob("*.log"))
    assert len(logs) == 2
    assert nobody_holds_anything()


def test_a_driver_that_is_killed_takes_its_workers_along(tiny: Path) -> None:
    screenplays(2, steps=60, text=LONG)
    words = ("render", "scenes", "--on", "local", *OUT, "--model", tiny)
    with start(*words) as driver:
        (worker,) = wait_for(at_work)
        driver.kill()
    wait_for(lambda: not is_alive(worker))
    wait_for(nobody_holds_anything)
    assert not list(Path("films").glob("*.mp4"))


def test_ctrl_c_ends_the_workers_and_keeps_everything(tiny: Path) -> None:
    screenplays(1, steps=60, text=LONG)
    words = ("render", "scenes", "--on", "local", *OUT, "--model", tiny)
    with start(*words) as driver:
        wait_for(at_work)
        driver.send_signal(signal.SIGINT)
        assert driver.stdout is not None
        told = driver.stdout.read()
    assert driver.returncode == 130, told
    assert "go on with: holocine render scenes --on local" in told
    assert nobody_holds_anything()
    assert list(Path("films/.holocine/film0").rglob("*.safetensors")), "what is made is kept"


class Failing:
    """An engine whose workers end at once."""

    def __init__(self) -> None:
        self.stopped = False

    def require(self, *_: object) -> None: ...

    def tend(self, *_: object) -> int:
        return 1

    def ended(self) -> list[int]:
        return [3]

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drives, "EVERY", 0.0)


def test_workers_that_end_and_end_are_told(queued: Make, tmp_path: Path, quick: None) -> None:
    films = queued(2)
    folder = api.join_fleet(films)
    engine = Failing()
    with pytest.raises(MachineError, match="no film came on") as caught:
        drive(engine, [], folder, films)
    assert caught.value.where.endswith("workers")
    assert engine.stopped


class Here(Failing):
    """An engine whose worker is this process, and makes all films when it is asked to."""

    def __init__(self, films: Sequence[Queued]) -> None:
        super().__init__()
        self.films, self.made = films, 0
        self._ended: list[int] = []

    def tend(self, *_: object) -> int:
        for turn in Queue(self.films).turns():
            with turn:
                api.render(turn.plan, vault=turn.vault)
                self.made += 1
        self._ended.append(0)
        return 1

    def ended(self) -> list[int]:
        told, self._ended = self._ended, []
        return told


def test_an_earlier_films_journal_is_not_believed(
    queued: Make, tmp_path: Path, quick: None
) -> None:
    """The screenplay was changed since, or the film was taken away."""
    (film,) = queued(1)
    folder = api.join_fleet([film])
    engine = Here([film])
    assert drive(engine, [], folder, [film]).over
    assert engine.made == 1
    film.film.unlink()
    text = film.screenplay.read_text().replace("seed: 0", "seed: 7")
    film.screenplay.write_text(text)
    changed = api.queued(film.screenplay, Request(out=film.film))
    again = Here([changed])
    assert drive(again, [], folder, [changed]).over
    assert again.made == 1
    finished = api.queued(film.screenplay, Request(out=film.film))
    idle = Here([finished])
    assert drive(idle, [], folder, [finished]).over
    assert idle.made == 0


def test_a_film_whose_journal_lacks_its_end(queued: Make, tmp_path: Path, quick: None) -> None:
    """Its worker was killed between the film's name and the journal's last line."""
    (film,) = queued(1)
    folder = api.join_fleet([film])
    drive(Here([film]), [], folder, [film])
    log = film.work / "run.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:-1]) + "\n")
    unfinished = replace(film, finished=False)
    assert drive(Here([unfinished]), [], folder, [unfinished]).over
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "FilmDone"


def test_ctrl_c_at_a_terminal_is_the_drivers(tmp_path: Path) -> None:
    worker = start_worker(["--help"], tmp_path, tmp_path / "logs")
    assert os.getpgid(worker.pid) != os.getpgid(0)
    worker.wait()


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    worker = start_worker(["--help"], tmp_path, tmp_path / "logs")
    assert worker.wait(60) == 0
    (log,) = (tmp_path / "logs").iterdir()
    assert "holocine" in log.read_text()
    deaf = subprocess.Popen(
        [sys.executable, "-c", DEAF],
        stdout=subprocess.PIPE,
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    assert end_worker(deaf, patience=0.2) == -signal.SIGKILL


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--on", "mars"), 2, "no engine 'mars'"),
        (("--on", "local://x"), 2, "no engine"),
        (("--on", "local", "--engine", "workers"), 2, "no setting of the engine local"),
        (("--on", "local", "--engine", "workers=0"), 2, "a whole number from 1 on"),
        (("--on", "local", "--engine", "partition=x"), 2, "workers ("),
        (("--on", "slurm", "--engine", "time=soon"), 2, "'soon' is no value of time"),
        (("--on", "slurm"), 3, "sbatch is not found"),
        (("--on", "ray://127.0.0.1:1"), 3, "nothing answers at ray://127.0.0.1:1"),
        (("--on", "local", "--worker"), 2, "leave one out"),
        (("--engine", "workers=2"), 2, "--engine is for --on"),
    ],
)
def test_what_can_not_be_is_refused_at_once(
    words: tuple[str, ...],
    code: int,
    told: str,
    holocine: Holocine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screenplays(1)
    monkeypatch.setenv("PATH", "/nowhere")
    answer = holocine("render", "scenes", *OUT, *words)
    assert (answer.exit_code, answer.stdout) == (code, "")
    assert told in answer.stderr


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MachineError, match="needs ray") as caught:
        open_engine("ray", [])
    assert "holocine[cluster]" in caught.value.hint
    with pytest.raises(MachineError, match="needs submitit") as caught:
        slurm.submit([], [], Path())
    assert "holocine[slurm]" in caught.value.hint


def test_settings_are_read() -> None:
    assert [minutes(text) for text in ("90", "8:00:00", "1:30", "0:00:30")] == [90, 480, 90, 1]
    given = ["partition=gpu", "time=2:00", "workers=3"]
    found = read_settings("slurm", given, slurm.SETTINGS)
    assert found == {"partition": "gpu", "time": 120, "workers": 3}
    with pytest.raises(InputError, match="given twice"):
        read_settings("slurm", ["gpus=1", "gpus=2"], slurm.SETTINGS)
