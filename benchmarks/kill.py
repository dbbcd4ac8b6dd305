"""SIGKILL a render at random moments, run the same command again, compare the films byte by byte.

python -m benchmarks.kill [--kills 20] [--screenplay screenplays/lighthouse.yaml] [--seed 1]
                          [--model nano]

Films with a tiny random model unless told of another: what is tried is the work folder, and forty
renders are to end today.
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
from holocine_core.model.tiny import write_tiny


@dataclass(frozen=True, slots=True)
class Render:
    """A screenplay and the model that films it."""

    screenplay: Path
    model: str

    def command(self, out: Path) -> list[str]:
        """The final profile: most steps, so most moments fall into the denoising."""
        start = [sys.executable, "-m", "holocine_cli", "render", str(self.screenplay)]
        return [*start, "--model", self.model, "-o", str(out), "--profile", "final", "-qq"]

    def finish(self, out: Path) -> float:
        """Render to the end; seconds."""
        started = time.perf_counter()
        subprocess.run(self.command(out), check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


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
    parser.add_argument("--model", help="a name or a folder instead of the tiny model")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        if options.model is None:
            write_tiny(Path(scratch) / "tiny")
        render = Render(options.screenplay, options.model or f"{scratch}/tiny")
        whole = Path(scratch) / "whole" / "film.mp4"
        whole.parent.mkdir()
        seconds = render.finish(whole)
        expected = digest(whole)
        steps = events(whole.parent, "StepDone")
        print(f"# {machine()}")
        print(f"# {options.screenplay}: {seconds:.1f} s, {steps} steps, sha256 {expected[:16]}\n")
        print("| kill | after s | at | steps before + after | film |")
        print("|---|---|---|---|---|")
        same = 0
        for number in range(1, options.kills + 1):
            folder = Path(scratch) / f"kill{number}"
            folder.mkdir()
            out = folder / "film.mp4"
            moment = chance.uniform(0.3, seconds)
            process = subprocess.Popen(render.command(out), stdout=subprocess.DEVNULL)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            at, before = doing(folder), events(folder, "StepDone")
            render.finish(out)
            after = events(folder, "StepDone") - before
            identical = digest(out) == expected
            same += identical
            verdict = "identical" if identical else "DIFFERENT"
            print(
                f"| {number} | {moment:.1f} | {at} | {before} + {after} | {verdict} |", flush=True
            )
            shutil.rmtree(folder)
        print(f"\n{same} of {options.kills} films identical to the uninterrupted one")
    sys.exit(same != options.kills)


if __name__ == "__main__":
    main()
