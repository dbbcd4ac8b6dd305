"""Screenplays for workers that an engine starts, and what they have come to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from holocine_core.store.holders import Holder
from holocine_core.store.leases import Lease
from tests.cli.conftest import Holocine, holocine  # noqa: F401 - a fixture
from tests.fleet.conftest import SHORT

LONG = SHORT.replace("frames: 5", "frames: 161").replace("32x32", "64x64")
OUT = ("-o", "films/{stem}.mp4")


def screenplays(count: int, steps: int = 3, text: str = SHORT) -> None:
    for number in range(count):
        Path(f"scenes/film{number}.yaml").write_text(text.format(seed=number, steps=steps))


def digests() -> dict[str, str]:
    films = sorted(Path("films").glob("*.mp4"))
    return {one.stem: hashlib.sha256(one.read_bytes()).hexdigest() for one in films}


def start(*words: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "holocine_cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )


def wait_for(found: Callable[[], Any], seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)
    return what


def at_work(besides: Sequence[int] = ()) -> list[int]:
    """Processes that hold a film and have made a step of it."""
    found = []
    for work in Path("films/.holocine").glob("film*"):
        with contextlib.suppress(OSError):
            holder = Lease(work).holder()
            log = (work / "run.jsonl").read_text()
            if holder and holder.process and not holder.released and "StepDone" in log:
                found.append(holder.process.pid)
    return [pid for pid in found if pid not in besides]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def holders() -> list[Holder | None]:
    return [Lease(work).holder() for work in Path("films/.holocine").glob("film*/")]


def nobody_holds_anything() -> bool:
    return all(one is not None and one.released for one in holders())


def nobody_is_at_work() -> bool:
    """Who was killed together with its node gave nothing back."""
    return not any(
        one and not one.released and one.process and not one.process.is_gone() for one in holders()
    )


def ends(work: Path) -> list[str]:
    """Scenes whose denoising came to its end, as the journal tells."""
    lines = [json.loads(line) for line in (work / "run.jsonl").read_text().splitlines()]
    steps = [one for one in lines if one["event"] == "StepDone"]
    return [one["scene"] for one in steps if one["step"] == one["steps"]]
