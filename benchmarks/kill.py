"""SIGKILL a render at random moments, run the same command again, compare the films byte by byte.

python -m benchmarks.kill [--kills 20] [--screenplay screenplays/lighthouse.yaml] [--seed 1]
                          [--model nano] [--profile standard]

Only kills count that met the render at work: where it was done before, another moment is drawn.
With ``--model tiny`` a small random model films, which shows the work folder as well in less time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from benchmarks.startup import FILM
from holocine_core.model.tiny import write_tiny


@dataclass(frozen=True, slots=True)
class Render:
    """A screenplay, the model that films it, and how well."""

    screenplay: Path
    model: str
    profile: str

    def command(self, out: Path) -> list[str]:
        start = [sys.executable, "-m", "holocine_cli", "render", str(self.screenplay)]
        return [*start, "--model", self.model, "-o", str(out), "--profile", self.profile, "-qq"]

    def finish(self, out: Path) -> float:
        """Render to the end; seconds."""
        started = time.perf_counter()
        subprocess.run(self.command(out), check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def small() -> Path:
    """A film of a second."""
    screenplay = scratch("film.yaml")
    screenplay.write_text(FILM)
    return screenplay


def killed(command: list[str], moment: float) -> bool:
    """Begin a render and kill it after some seconds; False where it had ended by then."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(moment)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def events(folder: Path, name: str) -> int:
    """How many events of a name the work folder's log holds."""
    logs = list(folder.rglob("run.jsonl"))
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return sum(json.loads(line)["event"] == name for line in lines if line.endswith("}"))


def doing(folder: Path) -> str:
    """What the killed render was at, by the last whole line of its log."""
    logs = list(folder.rglob("run.jsonl"))
    lines = logs[0].read_text().splitlines() if logs else []
    if not lines:
        return "starting"
    last = json.loads(lines[-1])
    known = {
        "StepDone": "denoising {scene}, step {step}",
        "FramesDecoded": "decoding {scene}, frame {frames}",
        "TakeDone": "between takes or cutting the film",
        "FilmDone": "finished",
    }
    return known.get(last["event"], last["event"]).format(**last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--screenplay", type=Path, default=Path("screenplays/lighthouse.yaml"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="nano", help="a name, a folder, or tiny")
    parser.add_argument("--profile", default="standard")
    options = parsed(parser, kills=1, model=tiny, profile="draft", screenplay=small)
    with tempfile.TemporaryDirectory() as scratch:
        model = options.model
        if model == "tiny":
            model = f"{scratch}/tiny"
            write_tiny(Path(model))
        render = Render(options.screenplay, model, options.profile)
        whole = Path(scratch) / "whole" / "film.mp4"
        whole.parent.mkdir()
        seconds = render.finish(whole)
        print(f"# {machine()}")
        print(
            f"# {options.screenplay}, {options.model}, {options.profile}: {seconds:.1f} s, "
            f"{events(whole.parent, 'StepDone')} steps, sha256 {digest(whole)[:16]}\n"
        )
        same = kill_often(render, Path(scratch), digest(whole), seconds, options)
        print(f"\n{same} of {options.kills} films identical to the uninterrupted one")
    sys.exit(same != options.kills)


def kill_often(
    render: Render, scratch: Path, expected: str, seconds: float, options: argparse.Namespace
) -> int:
    """Print a line per kill; how many films were identical in the end."""
    print("| kill | after s | at | steps before + after | film |")
    print("|---|---|---|---|---|")
    chance, same, number = random.Random(options.seed), 0, 0
    while number < options.kills:
        out = scratch / "killed" / "film.mp4"
        out.parent.mkdir()
        moment = chance.uniform(0.3, seconds)
        if killed(render.command(out), moment):
            number += 1
            at, before = doing(out.parent), events(out.parent, "StepDone")
            render.finish(out)
            after = events(out.parent, "StepDone") - before
            identical = digest(out) == expected
            same += identical
            verdict = "identical" if identical else "DIFFERENT"
            print(
                f"| {number} | {moment:.1f} | {at} | {before} + {after} | {verdict} |", flush=True
            )
        shutil.rmtree(out.parent)
    return same


if __name__ == "__main__":
    main()
