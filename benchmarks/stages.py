"""Where the time of a film goes: seconds of each stage of one `holocine render` from the shell.

    python -m benchmarks.stages [--runs 3] [--model nano]

Every run is a fresh process in an empty folder. A moment counts for the innermost stage that is at
work in it, so that loading within the reading of texts is loading.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.film import FILM
from benchmarks.machine import machine
from benchmarks.quick import parsed

STAGES = {
    "command": "the command itself: screenplay, plan, work folder",
    "import": "torch and diffusers' Wan classes",
    "load": "reading networks from disk",
    "text": "reading the prompts",
    "denoise": "all guided steps",
    "decode": "latents to frames",
    "encode": "frames to the take's clip",
    "cut": "clips to the film, its cuts looked for",
    "leave": "the process's end",
}
SHORT = """
profiles: {standard: {steps: 2}}
global: The old library in the evening, clear weather.
frames: 9
cuts: [5]
shots: [An old woman stands quietly., She talks.]
"""
STARTED = "HOLOCINE_BENCHMARK_STARTED"


class Watch:
    """Gives every moment to the innermost stage that is open."""

    def __init__(self, started: float) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._open = ["command"]
        self._since = started

    def turn(self) -> None:
        now = time.time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def stage(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is a stage."""

        @wraps(call)
        def within(*given: Any, **named: Any) -> Any:
            self.turn()
            self._open.append(name)
            try:
                return call(*given, **named)
            finally:
                self.turn()
                self._open.pop()

        return within

    def stages(self, name: str, call: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        """A generator function whose steps are a stage."""

        @wraps(call)
        def within(*given: Any, **named: Any) -> Iterator[Any]:
            steps = call(*given, **named)
            take = self.stage(name, lambda: next(steps, self))
            while (one := take()) is not self:
                yield one

        return within


def child(words: list[str], out: Path) -> None:
    """Run the command in this process and write down its stages."""
    watch = Watch(float(os.environ[STARTED]))
    from holocine_cli import app
    from holocine_core import keeping, render
    from holocine_core.sample import studio

    opened = studio.Studio.__init__.__defaults__

    def open_generator(plan: Any, emit: Any) -> Any:
        found = watch.stage("import", studio._open)(plan, emit)
        from holocine_core.model.networks import Networks

        kind = type(found)
        for name in ("encode", "denoise"):
            stage = "text" if name == "encode" else name
            setattr(kind, name, watch.stage(stage, getattr(kind, name)))
        kind.decode = watch.stages("decode", kind.decode)
        Networks.use = watch.stage("load", Networks.use)  # type: ignore[method-assign]
        return found

    assert opened is not None
    studio.Studio.__init__.__defaults__ = (opened[0], open_generator)
    kept = keeping.KeptTakes
    kept.keep_clip = watch.stage("encode", kept.keep_clip)  # type: ignore[method-assign]
    render.cut_film = watch.stage("cut", render.cut_film)
    sys.argv = ["holocine", *words]
    try:
        app.entry()
    finally:
        watch.turn()
        out.write_text(json.dumps({"ended": time.time(), "seconds": watch.seconds}))


@dataclass(frozen=True, slots=True)
class Run:
    """One render.

    Attributes:
        seconds: By stage.
        total: Seconds from the call to the end of the process.
        peak: Most resident memory, bytes.
    """

    seconds: dict[str, float]
    total: float
    peak: int


def run(model: str, screenplay: str = FILM) -> Run:
    """Render in a process of its own and an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "film.yaml").write_text(screenplay, encoding="utf-8")
        words = ["render", "film.yaml", "--model", model, "--device", "cpu", "-qq"]
        started = time.time()
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stages", "--child", "told.json", *words],
            cwd=folder,
            env={
                **os.environ,
                STARTED: str(started),
                "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
            },
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.time()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"the render ended with {process.returncode}")
        told = json.loads((folder / "told.json").read_text())
    seconds: dict[str, float] = told["seconds"]
    seconds["leave"] += ended - told["ended"]
    return Run(seconds, ended - started, usage.ru_maxrss * 1024)


def middle(runs: list[Run]) -> Run:
    """The medians of some runs, stage by stage."""
    stages = {name: statistics.median(one.seconds[name] for one in runs) for name in STAGES}
    return Run(
        stages,
        statistics.median(one.total for one in runs),
        max(one.peak for one in runs),
    )


def table(found: Run) -> str:
    rows = [
        f"| {name} | {about} | {found.seconds[name]:.2f} | "
        f"{found.seconds[name] / sum(found.seconds.values()):.0%} |"
        for name, about in STAGES.items()
    ]
    return "\n".join(["| stage | | s | share |", "|---|---|---|---|", *rows])


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[3:], Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="nano")
    args = parsed(parser, runs=1)
    screenplay = SHORT if args.quick else FILM
    found = middle([run(args.model, screenplay) for _ in range(args.runs)])
    film = "2 shots, 9 frames, 2 steps" if args.quick else "4 shots, 121 frames, standard"
    print(f"*{machine()}; {args.model}, {film}; medians of {args.runs}*\n")
    print(table(found))
    print(f"\n{found.total:.1f} s in all; {found.peak / 2**20:.0f} MiB at most.")


if __name__ == "__main__":
    main()
