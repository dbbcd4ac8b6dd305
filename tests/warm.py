"""`python -m MODULE` of a test in a fork of a process that has imported what it needs.

Importing torch and diffusers takes longer than all else that most such commands do. A caller starts
a small process that hands its words, folder, environment and streams on, and ends as the fork does;
where it is killed, the fork and all that it started are.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
IMPORTED = ("diffusers", "holocine_cli.app", "holocine_core.sample.generator")
CALLER = """
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    told = {"words": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps(told).encode() + b"\\n")
    code = int(server.makefile().readline() or 1)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Warm:
    """Starts a process that imports and listens, once it is asked for.

    Args:
        folder: For its socket.
        imported: Modules that it imports.
        environment: Beside the test's own, for the imports.
    """

    def __init__(
        self,
        folder: Path,
        imported: Sequence[str] = IMPORTED,
        environment: Mapping[str, str] = {},
    ) -> None:
        self._folder = folder
        self._imported = imported
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Of the process that imports."""
        return dict(self._environment)

    def process(self) -> type[subprocess.Popen[Any]]:
        """``subprocess.Popen`` whose calls of ``python -m`` are forks."""
        warm, real = self, subprocess.Popen

        class Process(real):  # type: ignore[misc, valid-type]
            def __init__(self, args: Any, *more: Any, **named: Any) -> None:
                if list(args[:2]) == [sys.executable, "-m"]:
                    args = [sys.executable, "-ISc", CALLER, warm._place(real), *args[2:]]
                super().__init__(args, *more, **named)

        return Process

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()

    def _place(self, start: type[subprocess.Popen[Any]]) -> str:
        place = str(self._folder / "warm")
        if self._server is None:
            self._server = start(
                [sys.executable, "-m", "tests.warm", place, *self._imported],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert self._server.stdout is not None
            assert self._server.stdout.readline() == b"ready\n"
        return place


def _serve(place: str, imported: Sequence[str]) -> None:
    for name in imported:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            found, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in found:  # It is at its end: so is the caller.
                return
            caller, _ = listening.accept()
            if not os.fork():
                listening.close()
                _answer(caller)
                os._exit(0)
            caller.close()


def _answer(caller: socket.socket) -> None:
    """Fork again, and wait for its end or the caller's."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(caller, 1, 3)
    order = json.loads(caller.makefile().readline())
    fork = os.fork()
    if not fork:
        os.setsid()
        caller.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os._exit(_run(**order))
    for stream in streams:
        os.close(stream)
    while not (ended := os.waitpid(fork, os.WNOHANG))[0]:
        if select.select([caller], [], [], 0.01)[0]:
            os.killpg(fork, signal.SIGKILL)
            ended = os.waitpid(fork, 0)
            break
    with contextlib.suppress(OSError):
        caller.sendall(f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())


def _run(words: list[str], folder: str, environment: dict[str, str]) -> int:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    sys.stdin = os.fdopen(0)
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace")
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
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
    _serve(sys.argv[1], sys.argv[2:])
