"""Starting the ranks of one film: torchrun's own launcher, on this machine."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT, SIGTERM

from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.model.devices import visible_gpus
from holocine_core.model.rank_numbers import asked_ranks, this_rank
from holocine_core.store.files import read_json, write_json

__all__ = ["RESULT", "asked_ranks", "launch_ranks", "leave_result", "refuse_gpus", "this_rank"]

RESULT = "HOLOCINE_RESULT"
"""Variable that names the file in which the leader leaves its exit code."""


def refuse_gpus(size: int, device: str) -> None:
    """Raises InputError or MachineError where there are not so many devices.

    Args:
        size: GPUs that are asked for.
        device: As it is asked for: ``cpu`` makes ranks of processors.
    """
    if size < 1:
        raise InputError(f"{size} GPUs film nothing", where="--gpus", hint="1 or more")
    if device == "cpu" or size == 1:
        return
    if ":" in device:
        raise InputError(
            f"{device} is one GPU, and {size} are asked for",
            where="--gpus",
            hint="choose which with CUDA_VISIBLE_DEVICES",
        )
    there = len(visible_gpus() or ())
    if there < size:
        raise MachineError(
            f"{size} GPUs are asked for, and this machine has {there or 'none'}",
            where="--gpus",
            hint="`holocine doctor` shows what this machine has; with --device cpu ranks are "
            "processes of its processor",
        )


def launch_ranks(size: int, words: Sequence[str], patience: int | None = None) -> int:
    """Run the command line once on every rank; the leader's exit code.

    Any rank that dies ends all: the launcher asks the others to end, and kills who has not within
    half a minute. A signal is handed on to all; a second one ends them at once.

    Args:
        size: Ranks.
        words: Of the command line.
        patience: Seconds that the ranks have to end after a signal, before they are killed; where
            None as torch has it: TORCH_ELASTIC_SHUTDOWN_TIMEOUT, or half a minute.

    Raises:
        MachineError: A rank died.
        Interrupted: A signal came, and the leader had no time to end its step.
    """
    os.environ.setdefault("LOGLEVEL", "CRITICAL")  # The leader says what went wrong.
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with tempfile.TemporaryDirectory(prefix="holocine-ranks-") as room:
        result = Path(room) / "result.json"
        os.environ[RESULT] = str(result)
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // size)))
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=size,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            monitor_interval=0.5,
            shutdown_timeout=patience,
        )
        asked, died = 0, False
        try:
            elastic_launch(config, sys.executable)("-m", "holocine_cli", *words)
        except SignalException as signalled:
            asked = int(signalled.sigval)
        except ChildFailedError as failed:
            died = any(rank > 0 for rank in failed.failures)
        told = read_json(result)
    if told is None and asked:
        raise Interrupted(
            "ended before the step at work was made: what was kept before it is there",
            hint="run the same command again to go on",
        )
    if told is None or (died and told["exit_code"] in (128 + SIGINT, 128 + SIGTERM)):
        raise MachineError(
            "a rank died, and the others were ended",
            where="--gpus",
            hint="run the same command again: what is kept goes on, on fewer GPUs too",
        )
    return int(told["exit_code"])


def leave_result(code: int) -> None:
    """The leader's exit code, where a launcher waits for it."""
    if this_rank() == 0 and (path := os.environ.get(RESULT)):
        with contextlib.suppress(OSError):
            write_json(Path(path), {"exit_code": code})
