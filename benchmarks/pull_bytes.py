"""What a pull asks of the hub when it is stopped three times: bytes sent, by bytes of the file.

python -m benchmarks.pull_bytes [--megabytes 64]

A hub on this machine has one file. The same command is called until it is whole: Ctrl-C ends the
first call after a quarter of the file, kill -9 the second after another, and the third loses its
line after one more. Beside it, the same with huggingface_hub's own download into a folder.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.model.spec import WAN_COMPONENTS
from tests.model.fake_hub import FakeHub, left, serving

WEIGHTS = "vae/diffusion_pytorch_model.safetensors"
STOPS = ((signal.SIGINT, "Ctrl-C"), (signal.SIGKILL, "kill -9"), (None, "the line, cut"))
LIBRARY = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[1], sys.argv[2], revision=sys.argv[3], local_dir=sys.argv[4])
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """By who fetches the file into a folder."""
    pull = ["models", "pull", "holocine-14b-full", "--only", "vae", "--accept-licence"]
    asked = [WAN_COMPONENTS.repo, WEIGHTS, WAN_COMPONENTS.revision or "main", str(folder)]
    return {
        "holocine": [
            *(sys.executable, "-m", "holocine_cli", *pull),
            *("--models-dir", str(folder), "-qq"),
        ],
        "huggingface_hub": [sys.executable, "-c", LIBRARY, *asked],
    }


def call(hub: FakeHub, command: list[str], quarter: int, stop: signal.Signals | None) -> None:
    """One call, which a signal ends after a quarter of the file; the last one loses its line."""
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(scratch())}
    environment = {k: v for k, v in environment.items() if k != "HF_HUB_OFFLINE"}
    quiet = subprocess.DEVNULL
    before = hub.sent
    hub.cuts = [] if stop else [quarter]
    process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
    while stop and process.poll() is None:
        if hub.sent - before >= quarter:
            process.send_signal(stop)
            break
        time.sleep(0.002)
    process.wait()


def measured(who: str, content: bytes) -> None:
    """Print a line per request of the file."""
    folder = scratch()
    hub = FakeHub({WAN_COMPONENTS.repo: {"vae/config.json": b"{}", WEIGHTS: content}}, pause=0.002)
    with serving(hub):
        for number, (stop, name) in enumerate(STOPS, 1):
            seen = len(hub.of(WEIGHTS))
            call(hub, commands(folder)[who], len(content) // 4, stop)
            time.sleep(0.2)  # The hub notices a caller that was killed at its next piece.
            here = sum(part.stat().st_size for part in left(folder))
            for request in hub.of(WEIGHTS)[seen:]:
                print(
                    f"| {who} | {number} | {name} | {request.start:,} | {request.sent:,} "
                    f"| {here:,} |",
                    flush=True,
                )
        sent = sum(request.sent for request in hub.of(WEIGHTS))
        (path,) = folder.rglob(Path(WEIGHTS).name)
        whole = hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()
        print(
            f"| {who} | all | {'whole' if whole else 'DAMAGED'} | | {sent:,} "
            f"({sent / len(content):.3f} of the file) | {sum(map(size, left(folder))):,} |"
        )


def size(path: Path) -> int:
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=64)
    args = parsed(parser, megabytes=4)
    content = random.Random(1).randbytes(int(args.megabytes * 1e6))
    print(f"*{machine()}; a file of {len(content):,} bytes*\n")
    print("| who | call | ended by | from byte | bytes sent | begun and left behind |")
    print("|---|---|---|---|---|---|")
    for who in commands(Path()):
        measured(who, content)


if __name__ == "__main__":
    main()
