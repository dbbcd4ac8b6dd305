"""Workers on a cluster: an array of Slurm's, tasks of Ray's."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import MachineError
from holocine_core.fleet.engines import ray as rays
from holocine_core.fleet.engines import slurm
from tests.cli.conftest import Holocine, holocine  # noqa: F401 - a fixture
from tests.fleet.farm import (
    LONG,
    OUT,
    at_work,
    digests,
    ends,
    nobody_holds_anything,
    nobody_is_at_work,
    screenplays,
    start,
    wait_for,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLOCINE_LEASE", "3")
    Path("scenes").mkdir()


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
