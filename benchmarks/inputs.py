"""What is answered to broken screenplays, scripts and tags of films: 0, 2 or 3, never 1.

python -m benchmarks.inputs [--screenplays 100000] [--scripts 10000] [--tags 1000]

Screenplays and scripts go through the command line itself, tags through all that the core makes of
them: pages, cut lists, plans of edits. Each number is the same input every time.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_cli.app import main as holocine
from holocine_cli.contract import code_of
from holocine_core.errors import HolocineError
from holocine_core.film import provenance
from tests.altered import Tags, altered, used
from tests.broken import broken
from tests.scripts_broken import broken_script

FILM = """
size: 96x64
profiles: {standard: {steps: 2, guidance: 1}}
frames: 13
cuts: [6]
shots: [A lamp is lit., The lamp goes out.]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenplays", type=int, default=100_000)
    parser.add_argument("--scripts", type=int, default=10_000)
    parser.add_argument("--tags", type=int, default=1_000)
    counts = parsed(parser, screenplays=20, scripts=20, tags=20)
    print(f"# {machine()}\n")
    print("| inputs | tried | exit 0 | exit 2 | exit 3 | exit 1 | slowest, s |")
    print("|---|---|---|---|---|---|---|")
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        faults += row("screenplays", counts.screenplays, screenplay)
        faults += row("scripts", counts.scripts, script)
        if counts.tags:
            faults += row("tags", counts.tags, tag_of(Path("film.mp4")))
    for fault in faults[:20]:
        print(" ", fault)
    sys.exit(bool(faults))


def row(name: str, count: int, ask: Callable[[int], int]) -> list[str]:
    """Ask so many times and print the answers; those that are none."""
    codes: collections.Counter[int] = collections.Counter()
    faults, slowest = [], 0.0
    for number in range(count):
        begun = time.perf_counter()
        code = ask(number)
        slowest = max(slowest, time.perf_counter() - begun)
        codes[code] += 1
        if code not in (0, 2, 3):
            faults.append(f"{name} {number}: exit {code}")
    wrong = count - codes[0] - codes[2] - codes[3]
    print(f"| {name} | {count} | {codes[0]} | {codes[2]} | {codes[3]} | {wrong} | {slowest:.2f} |")
    return faults


def asked(*words: str) -> int:
    """The exit code of a command whose words nobody reads."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        return holocine(list(words))


def screenplay(number: int) -> int:
    Path("film.yaml").write_bytes(broken(number))
    return asked("check", "film.yaml")


def script(number: int) -> int:
    kind, raw = broken_script(number)
    Path("script").write_bytes(raw)
    return asked("import", "script", "--from", kind, "-o", "made.yaml", "--force")


def tag_of(film: Path) -> Callable[[int], int]:
    """Renders a film, and asks what is made of it with its tag altered."""
    Path("tag.yaml").write_text(FILM)
    if asked("render", "tag.yaml", "-o", str(film), "-qq"):
        sys.exit("the film that is altered was not made")
    tags = Tags(film)
    whole = json.loads(tags.text)

    def ask(number: int) -> int:
        tags.text = altered(whole, number)
        provenance.read_metadata = tags  # type: ignore[assignment]
        try:
            used(film)
        except HolocineError as error:
            return int(code_of(error))
        except Exception:
            return 1
        finally:
            provenance.read_metadata = tags.read
        return 0

    return ask


if __name__ == "__main__":
    main()
