"""Ranks that need no start of their own: a process imports a module once, and forks it for each.

Importing torch and diffusers takes longer than most trainings of the tests. What torchrun does
beside starting (it ends all where one dies) is tested where films are rendered by ``--gpus``, and
where `holocine train` is started on several ranks.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE = 240
"""Seconds after which ranks that wait for each other are ended."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Ranks that run; they are a group of processes of their own."""

    number: int
    pid: int
    log: Path

    def kill(self) -> None:
        assert self.pid > 1
        os.killpg(self.pid, signal.SIGKILL)


class Forked:
    """Calls ``main()`` of a module in processes that have imported it."""

    def __init__(self, module: str, folder: Path, environment: Mapping[str, str] = {}) -> None:
        self._folder = folder
        self._launches = 0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", module],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, size: int, *words: object) -> Launch:
        """So many ranks, each with these words as its command line."""
        self._launches += 1
        log = self._folder / f"ranks-{self._launches}.log"
        assert self._server.stdin is not None
        order = {"number": self._launches, "size": size, "log": str(log)}
        order["words"] = [str(word) for word in words]
        print(json.dumps(order), file=self._server.stdin, flush=True)
        return Launch(self._launches, self._answer(self._launches, "pid"), log)

    def end(self, launch: Launch) -> int:
        """Waits for its end: 0 where every rank ended so."""
        return self._answer(launch.number, "code")

    def run(self, size: int, *words: object) -> str:
        """Starts, waits, and fails where a rank did; what they wrote."""
        launch = self.start(size, *words)
        code, told = self.end(launch), launch.log.read_text(encoding="utf-8")
        assert code == 0, told[-3000:]
        return told

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def _answer(self, number: int, word: str) -> int:
        """What is told of a launch; of earlier ones nobody may have asked."""
        assert self._server.stdout is not None
        while line := self._server.stdout.readline():
            answer = json.loads(line)
            if answer["number"] == number and word in answer:
                return int(answer[word])
        raise AssertionError("the process that forks has ended")


def _serve(module: str) -> None:
    main = importlib.import_module(module).main
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        launch = os.fork()
        if not launch:
            os.setsid()
            signal.alarm(PATIENCE)
            answers.close()
            _to(Path(order["log"]))
            os._exit(_ranks(main, [module, *order["words"]], order["size"]))
        told = {"number": order["number"]}
        print(json.dumps({**told, "pid": launch}), file=answers, flush=True)
        _, status = os.waitpid(launch, 0)
        # Ranks whose launch was killed may outlive it for a moment.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launch, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({**told, "code": code}), file=answers, flush=True)


def _to(log: Path) -> None:
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)


def _ranks(main: object, words: Sequence[str], size: int) -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    running = set()
    for rank in range(size):
        pid = os.fork()
        if not pid:
            told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
            if size > 1:
                os.environ.update({name: str(value) for name, value in told.items()})
                os.environ["MASTER_ADDR"] = "127.0.0.1"
            sys.argv = list(words)
            os._exit(_called(main))
        running.add(pid)
    while running:
        pid, status = os.wait()
        running.discard(pid)
        if code := os.waitstatus_to_exitcode(status):
            for other in running:
                os.kill(other, signal.SIGKILL)
            return code
    return 0


def _called(main: object) -> int:
    assert callable(main)
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
