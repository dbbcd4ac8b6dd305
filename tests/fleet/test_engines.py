"""Workers that an engine starts: what a person at a shell sees of them, and of their failures."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holocine_core import api
from holocine_core.errors import InputError, MachineError
from holocine_core.fleet import drive as drives
from holocine_core.fleet.drive import drive, open_engine
from holocine_core.fleet.engines import ray as rays
from holocine_core.fleet.engines import slurm
from holocine_core.fleet.engines.options import minutes, read_settings
from holocine_core.fleet.engines.process import end_worker, start_worker
from holocine_core.fleet.queue import Queue, Queued
from holocine_core.request import Request
from holocine_core.store.leases import Holder, Lease
from tests.cli.conftest import Holocine, holocine  # noqa: F401 - a fixture
from tests.fleet.conftest import SHORT, Make

pytestmark = pytest.mark.slow

LONG = SHORT.replace("frames: 5", "frames: 161").replace("32x32", "64x64")
OUT = ("-o", "films/{stem}.mp4")
DEAF = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLOCINE_LEASE", "3")
    Path("scenes").mkdir()


def screenplays(count: int, steps: int = 3, text: str = SHORT) -> None:
    for number in range(count):
        Path(f"scenes/film{number}.yaml").write_text(text.format(seed=number, steps=steps))


def digests() -> dict[str, str]:
    films = sorted(Path("films").glob("*.mp4"))
    return {one.stem: hashlib.sha256(one.read_bytes()).hexdigest() for one in films}


def start(*words: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "holocine_cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )


def wait_for(found: Callable[[], Any], seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)
    return what


def at_work(besides: Sequence[int] = ()) -> list[int]:
    """Processes that hold a film and have made a step of it."""
    found = []
    for work in Path("films/.holocine").glob("film*"):
        with contextlib.suppress(OSError):
            holder = Lease(work).holder()
            log = (work / "run.jsonl").read_text()
            if holder and holder.process and not holder.released and "StepDone" in log:
                found.append(holder.process.pid)
    return [pid for pid in found if pid not in besides]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def holders() -> list[Holder | None]:
    return [Lease(work).holder() for work in Path("films/.holocine").glob("film*")]


def nobody_holds_anything() -> bool:
    return all(one is not None and one.released for one in holders())


def nobody_is_at_work() -> bool:
    """Who was killed together with its node gave nothing back."""
    return not any(
        one and not one.released and one.process and not one.process.is_gone() for one in holders()
    )


def ends(work: Path) -> list[str]:
    """Scenes whose denoising came to its end, as the journal tells."""
    lines = [json.loads(line) for line in (work / "run.jsonl").read_text().splitlines()]
    steps = [one for one in lines if one["event"] == "StepDone"]
    return [one["scene"] for one in steps if one["step"] == one["steps"]]


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


# --- Slurm ---------------------------------------------------------------------------------------

SBATCH = """#!/bin/sh
cp "$1" "{room}/script.sh"
echo "Submitted batch job 42"
"""


def test_an_array_is_submitted(
    holocine: Holocine,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screenplays(2)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sbatch", "srun"):
        (tools / name).write_text(SBATCH.format(room=tmp_path))
        (tools / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    asked = ("workers=8", "partition=gpu", "gpus=1", "cpus=4", "memory=64", "time=8:00:00")
    settings = [word for one in asked for word in ("--engine", one)]
    answer = holocine(
        "render", "scenes", *OUT, "--on", "slurm", *settings, "--engine", "account=films"
    )
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout.split() == [f"42_{number}" for number in range(8)]
    assert "holocine status" in answer.stderr
    script = (tmp_path / "script.sh").read_text()
    subprocess.run(["sh", "-n", str(tmp_path / "script.sh")], check=True)
    for option in (
        *("--array=0-7%8", "--partition=gpu", "--gpus-per-node=1", "--cpus-per-task=4"),
        *("--mem=64GB", "--time=480", "--account=films", "--job-name=holocine", "--signal="),
    ):
        assert f"#SBATCH {option}" in script, option
    assert script.index("#SBATCH") < script.index("srun"), "Slurm reads them before any command"


def test_an_array_that_works_without_slurm(
    holocine: Holocine,  # noqa: F811
    tiny: Path,
) -> None:
    screenplays(2)
    settings = ("--engine", "cluster=local", "--engine", "workers=2")
    answer = holocine("render", "scenes", *OUT, "--model", tiny, "--on", "slurm", *settings)
    assert answer.exit_code == 0, answer.stderr
    wait_for(lambda: len(digests()) == 2)
    wait_for(nobody_holds_anything)


def test_a_job_that_is_requeued_gives_its_film_back(tiny: Path) -> None:
    screenplays(1, steps=60, text=LONG)
    words = ["render", "scenes", "--worker", *OUT, "--model", str(tiny)]
    job = slurm.Job(words, str(Path.cwd()), "logs")
    requeued = []

    def told(*_: object) -> None:
        requeued.append(job.checkpoint(0))

    before = signal.signal(signal.SIGUSR2, told)  # As submitit hears Slurm.
    calling = threading.Thread(
        target=lambda: (wait_for(at_work), os.kill(os.getpid(), signal.SIGUSR2))
    )
    calling.start()
    try:
        assert job(0) == 143
    finally:
        calling.join()
        signal.signal(signal.SIGUSR2, before)
    assert nobody_holds_anything()
    (again,) = requeued
    assert again.function.words == words
    assert again.args == (0,)


# --- Ray -----------------------------------------------------------------------------------------


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of two nodes with a processor each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    found = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "num_gpus": 0},
    )
    found.second = found.add_node(num_cpus=1, num_gpus=0)
    monkeypatch.setenv("RAY_ADDRESS", found.address)
    yield found
    found.shutdown()


def test_a_cluster_whose_workers_nodes_and_driver_die(cluster: Any, tiny: Path) -> None:
    screenplays(4, steps=25, text=LONG)
    words = ("render", "scenes", "--on", "ray", "--engine", "cpus=1", *OUT, "--model", tiny)
    with start(*words) as driver:
        first = wait_for(lambda: len(found := at_work()) == 2 and found)
        os.kill(first[0], signal.SIGKILL)
        wait_for(lambda: at_work(besides=first))
        cluster.remove_node(cluster.second)
        cluster.second = cluster.add_node(num_cpus=1, num_gpus=0)
        wait_for(lambda: len(at_work()) >= 1)
        driver.kill()
    wait_for(nobody_is_at_work)
    with start(*words) as driver:
        assert driver.stdout is not None
        told = driver.stdout.read()
    assert driver.returncode == 0, told
    assert "4 films: 4 made" in told
    assert nobody_holds_anything()
    shared = digests()
    for work in Path("films/.holocine").glob("film*"):
        assert len(ends(work)) == 1, "no take is denoised twice to its end"
    with start("render", "scenes", "-o", "alone/{stem}.mp4", "--model", tiny, "-qq") as alone:
        assert alone.wait() == 0
    Path("films").rename("shared")
    Path("alone").rename("films")
    assert digests() == shared


def test_a_node_that_does_not_see_the_folder(tmp_path: Path) -> None:
    mark = tmp_path / "films/.holocine/workers/.seen"
    mark.parent.mkdir(parents=True)
    mark.write_text("token")
    film = tmp_path / "a.yaml"
    film.touch()
    version = rays.version("holocine")
    assert rays.look_around(str(mark), "token", [str(film)], version) == ""
    assert "does not see" in rays.look_around(str(mark), "other", [], version)
    assert "does not see" in rays.look_around(str(tmp_path / "a/b/c/d"), "token", [], version)
    assert "missing.yaml" in rays.look_around(
        str(mark), "token", [str(tmp_path / "missing.yaml")], version
    )
    assert "holocine" in rays.look_around(str(mark), "token", [], "9.9")


def test_an_address_that_answers_is_tried() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        rays._answers(f"ray://127.0.0.1:{listening.getsockname()[1]}")
    for wrong in ("ray://127.0.0.1:99999", "ray://nowhere", "ray://"):
        with pytest.raises(MachineError):
            rays._answers(wrong)
