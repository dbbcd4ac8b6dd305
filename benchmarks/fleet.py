"""Workers that share films, with faults at random moments: what becomes of the films.

python -m benchmarks.fleet [--runs 200] [--films 4] [--workers 3] [--seed 1]

Every run: a few films of a small random model, workers on two hosts (they say so), leases of two
seconds, and faults drawn from a seed: SIGKILL, SIGSTOP for longer than a lease, SIGTERM, a folder
that turns read-only and back, a full disk. Who ends is followed by another worker. In the end:
every film's bytes are those of the film rendered alone, no take was denoised twice to its end, and
nobody holds anything. With ``--no-flock`` locks of the file system fail as well.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_cli.app import main as holocine
from holocine_core.model import lean
from holocine_core.model.tiny import write_tiny
from holocine_core.store.leases import Lease

LEASE = 2.0
FILM = """
seed: {seed}
size: 32x32
profiles: {{standard: {{steps: 7, guidance: 2}}}}
scenes:
  - {{id: storm, global: A cliff., frames: {frames}, cuts: [7], shots: [A cliff., A lamp.]}}
  - {{id: dawn, global: A cliff at dawn., frames: 9, shots: [A gull.]}}
"""
PATIENCE = 180.0
"""Seconds after which a run that is not over has failed."""


@dataclass
class Outcome:
    """What a run came to; faults by name, and what is wrong in words."""

    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    workers: int = 0
    taken_over: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Worker:
    """A process that makes films."""

    pid: int
    code: int | None = None

    def is_over(self) -> bool:
        if self.code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def send(self, number: int) -> None:
        if not self.is_over():
            os.kill(self.pid, number)


class Farm:
    """A folder of screenplays and the workers that film them.

    Args:
        room: An empty folder.
        model: That films.
        films: How many.
        no_flock: Whether locks of the file system fail.
    """

    def __init__(self, room: Path, model: Path, films: int, *, no_flock: bool) -> None:
        self.room = room
        self.fault = room / "fault"
        """While it is there, its text names the error that writing fails with."""
        self.workers: list[Worker] = []
        self._model = model
        self._no_flock = no_flock
        (room / "scenes").mkdir(parents=True)
        for number in range(films):
            text = FILM.format(seed=number, frames=13 + 4 * (number % 3))
            (room / f"scenes/film{number}.yaml").write_text(text)

    @property
    def films(self) -> list[Path]:
        return [self.room / f"films/{one.stem}.mp4" for one in (self.room / "scenes").iterdir()]

    def start(self, *more: str) -> Worker:
        """A worker, forked from this process, that says it is of one of two hosts."""
        number = len(self.workers)
        pid = os.fork()
        if pid:
            self.workers.append(Worker(pid))
            return self.workers[-1]
        code = 99
        try:
            code = self._work(number, *more)
        finally:
            os._exit(code)
        raise AssertionError

    def _work(self, number: int, *more: str) -> int:
        with (self.room / f"worker{number}.log").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        for name in ("stdout", "stderr"):
            setattr(sys, name, os.fdopen(os.dup(1), "w", buffering=1))
        os.chdir(self.room)
        host = f"host-{'ab'[number % 2]}"
        socket.gethostname = lambda: host
        self._break_writing()
        words = ["scenes", "--worker", "-o", "films/{stem}.mp4", "--model", str(self._model), "-qq"]
        return holocine(["render", *words, *more])

    def _break_writing(self) -> None:
        def broken(name: str) -> Callable[..., Any]:
            real: Callable[..., Any] = getattr(os, name)

            def call(*args: Any, **kwargs: Any) -> Any:
                with contextlib.suppress(OSError):
                    number = int(self.fault.read_text() or 0)
                    if number:
                        raise _Broken(number, os.strerror(number))
                return real(*args, **kwargs)

            return call

        for name in ("replace", "rename", "mkdir", "fsync"):
            setattr(os, name, broken(name))
        if self._no_flock:

            def refuses(*_: object) -> None:
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

            fcntl.flock = refuses

    def wait(self, until: float) -> bool:
        """Wait for all workers; whether all ended in time."""
        while not all(one.is_over() for one in self.workers):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


class _Broken(OSError):
    """A fault of the disk: not one of those that are suppressed above."""


def run(room: Path, model: Path, alone: dict[str, str], args: argparse.Namespace) -> Outcome:
    """One run, with faults drawn from the random state."""
    farm, outcome, began = (
        Farm(room, model, args.films, no_flock=args.no_flock),
        Outcome(),
        time.monotonic(),
    )
    for _ in range(args.workers):
        farm.start()
    until = began + PATIENCE
    for _ in range(random.randint(1, 4)):
        time.sleep(random.uniform(0.1, 1.2))
        at_work = [one for one in farm.workers if not one.is_over()]
        if not at_work:
            break
        name, fault = random.choice(list(FAULTS.items()))
        outcome.faults[name] += 1
        fault(farm, random.choice(at_work))
    if not farm.wait(until):
        outcome.wrong.append("a worker never ended")
    # What was given up for a disk that is whole again is tried again, and who was killed followed.
    farm.start("--retry")
    if not farm.wait(until) or farm.workers[-1].code != 0:
        outcome.wrong.append(f"the last worker ended with {farm.workers[-1].code}")
    for one in farm.workers:
        one.send(signal.SIGKILL)
    outcome.workers = len(farm.workers)
    outcome.wrong += check(farm, alone)
    outcome.taken_over = sum(
        bool(line.get("before")) for film in farm.films for line in journal(farm, film)
    )
    bugs = [one for one in farm.workers if one.code in (1, 99)]
    outcome.wrong += [f"a worker ended with {one.code}" for one in bugs]
    outcome.seconds = time.monotonic() - began
    return outcome


def _kill(farm: Farm, worker: Worker) -> None:
    worker.send(signal.SIGKILL)
    farm.start()


def _stop(farm: Farm, worker: Worker) -> None:
    worker.send(signal.SIGSTOP)
    time.sleep(LEASE * 1.5)
    worker.send(signal.SIGCONT)


def _terminate(farm: Farm, worker: Worker) -> None:
    worker.send(signal.SIGTERM)
    farm.start()


def _break(number: int) -> Callable[[Farm, Worker], None]:
    def fault(farm: Farm, worker: Worker) -> None:
        farm.fault.write_text(str(number))
        time.sleep(random.uniform(0.2, 1.0))
        farm.fault.unlink()
        farm.start()

    return fault


FAULTS: dict[str, Callable[[Farm, Worker], None]] = {
    "killed": _kill,
    "stopped beyond its lease": _stop,
    "told to end": _terminate,
    "folder read-only for a while": _break(errno.EROFS),
    "disk full for a while": _break(errno.ENOSPC),
}


def check(farm: Farm, alone: dict[str, str]) -> list[str]:
    """What is wrong with the films of a run."""
    wrong = []
    for film in farm.films:
        if not film.is_file() or digest(film) != alone[film.name]:
            wrong.append(f"{film.name} is not the film that is made alone")
        ends = collections.Counter(
            line["scene"]
            for line in journal(farm, film)
            if line["event"] == "StepDone" and line["step"] == line["steps"]
        )
        wrong += [f"{film.name}: {scene} denoised {n} times" for scene, n in ends.items() if n > 1]
        holder = Lease(film.parent / ".holocine" / film.stem).holder()
        if holder is None or not holder.released:
            wrong.append(f"{film.name} is still claimed")
    left = [str(path) for path in farm.room.rglob(".holocine-*")]
    return wrong + [f"left behind: {path}" for path in left]


def journal(farm: Farm, film: Path) -> Iterator[dict[str, Any]]:
    log = film.parent / ".holocine" / film.stem / "run.jsonl"
    for line in log.read_text().splitlines() if log.is_file() else []:
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def made_alone(room: Path, model: Path, films: int) -> dict[str, str]:
    """The bytes of every film, made by one worker in peace."""
    farm = Farm(room, model, films, no_flock=False)
    farm.start()
    if not farm.wait(time.monotonic() + PATIENCE) or farm.workers[0].code != 0:
        sys.exit((room / "worker0.log").read_text())
    return {film.name: digest(film) for film in farm.films}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--films", type=int, default=4)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-flock", action="store_true")
    args = parsed(parser, runs=1, films=2, workers=2)
    os.environ |= {"HOLOCINE_LEASE": str(LEASE), "OMP_NUM_THREADS": "1"}
    os.environ["HOLOCINE_CPU_ATTENTION"] = "products"
    lean.import_lean()
    import holocine_core.sample.generator  # noqa: F401 - before workers are forked

    torch.set_num_threads(1)  # Threads of OpenMP do not outlive a fork.
    room = scratch()
    model = room / "model"
    write_tiny(model)
    alone = made_alone(room / "alone", model, args.films)
    random.seed(args.seed)
    total, wrong = Outcome(), 0
    print(f"# {machine()}\n")
    for number in range(1, args.runs + 1):
        found = run(room / str(number), model, alone, args)
        total.faults += found.faults
        total.workers += found.workers
        total.taken_over += found.taken_over
        total.seconds += found.seconds
        if found.wrong:
            wrong += 1
            print(f"run {number}: {'; '.join(found.wrong)}; see {room / str(number)}", flush=True)
            sys.stdout.flush()
        else:
            shutil.rmtree(room / str(number))
    print(f"{args.runs} runs of {args.films} films, {total.workers} workers in all\n")
    print("| fault | times |\n|---|---|")
    for name in FAULTS:
        print(f"| {name} | {total.faults[name]} |")
    print(f"| a film taken over from one who had not given it back | {total.taken_over} |")
    print(f"\n{wrong} runs with anything wrong, {total.seconds / args.runs:.1f} s a run")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
