"""Workers as an array job of Slurm's, through submitit: submitted, and left to Slurm."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import MachineError
from holocine_core.fleet.engines.options import (
    Setting,
    count,
    minutes,
    read_settings,
    require_package,
)
from holocine_core.fleet.engines.process import end_worker, logs_of, start_worker

SETTINGS = {
    "workers": Setting(count, "how many, 1"),
    "partition": Setting(str, "of the cluster"),
    "account": Setting(str, "that pays"),
    "qos": Setting(str, "quality of service"),
    "constraint": Setting(str, "on nodes"),
    "gpus": Setting(count, "cards of a worker"),
    "cpus": Setting(count, "processors of a worker"),
    "memory": Setting(count, "of a worker, in GB"),
    "time": Setting(minutes, "as 8:00:00 or in minutes"),
    "cluster": Setting(str, "slurm, or local to try it without"),
}
SIGNALLED = 120
"""Seconds before a job's end at which Slurm tells it."""
REQUEUED = 1000
"""Times that a job may run out of its time: a folder takes as long as it takes."""
_SLURM = {"partition": "partition", "account": "account", "qos": "qos", "constraint": "constraint"}


@dataclass
class Job:
    """One worker of the array, as it travels to its node.

    A job that is to be requeued, since its time is over or another one comes first, ends its worker
    first, which gives its film back.
    """

    words: list[str]
    at: str
    logs: str
    _worker: Any = None

    def __call__(self, number: int) -> int:
        self._worker = start_worker(self.words, Path(self.at), Path(self.logs))
        # Not a wait: in the midst of one, the handler of Slurm's signal could not wait as well.
        while self._worker.poll() is None:
            time.sleep(1)
        return int(self._worker.returncode)

    def checkpoint(self, number: int) -> Any:
        """Called by submitit before a job is requeued."""
        from submitit.helpers import DelayedSubmission

        if isinstance(self._worker, subprocess.Popen):
            end_worker(self._worker, SIGNALLED - 20)
        return DelayedSubmission(Job(self.words, self.at, self.logs), number)


def submit(given: Sequence[str], words: Sequence[str], folder: Path, gpus: int = 1) -> list[str]:
    """Submit an array of workers.

    Args:
        given: Settings, as ``KEY=VALUE``.
        gpus: Cards that each worker films with, where no setting says so; 1 asks for none.
        words: Of the worker's command line.
        folder: Of the films; scripts and logs go below it.

    Returns:
        The jobs' numbers.

    Raises:
        InputError: A setting is none.
        MachineError: submitit is not installed, there is no Slurm, or it refuses.
    """
    settings = read_settings("slurm", given, SETTINGS)
    if gpus > 1:
        settings.setdefault("gpus", gpus)
    require_package("submitit", "slurm", "slurm")
    cluster = settings.pop("cluster", "slurm")
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise MachineError(
            "there is no Slurm here: sbatch is not found",
            where="--on slurm",
            hint="call it on a login node, or try it with --engine cluster=local",
        )
    import submitit

    logs = logs_of(folder)
    logs.mkdir(parents=True, exist_ok=True)
    executor = submitit.AutoExecutor(
        folder=logs / "slurm", cluster=cluster, slurm_max_num_timeout=REQUEUED
    )
    workers = settings.pop("workers", 1)
    executor.update_parameters(**_parameters(settings, workers))
    job = [Job(list(words), str(Path.cwd()), str(logs)) for _ in range(workers)]
    try:
        with executor.batch():
            jobs = [executor.submit(one, number) for number, one in enumerate(job)]
    except submitit.core.utils.FailedJobError as refused:
        raise MachineError(
            f"Slurm refused the job: {refused}", where="--on slurm", hint="look at its settings"
        ) from refused
    except subprocess.CalledProcessError as refused:
        raise MachineError(
            f"sbatch failed: {refused.stderr or refused}", where="--on slurm"
        ) from refused
    return [str(one.job_id) for one in jobs]


def _parameters(settings: dict[str, Any], workers: int) -> dict[str, Any]:
    """Settings by submitit's names."""
    found: dict[str, Any] = {
        "name": "holocine",
        "slurm_array_parallelism": workers,
        "slurm_signal_delay_s": SIGNALLED,
    }
    for name, told in _SLURM.items():
        if name in settings:
            found[f"slurm_{told}"] = settings[name]
    renamed = {"gpus": "gpus_per_node", "cpus": "cpus_per_task", "memory": "mem_gb"}
    found |= {told: settings[name] for name, told in renamed.items() if name in settings}
    found["timeout_min"] = settings.get("time", 24 * 60)
    return found
