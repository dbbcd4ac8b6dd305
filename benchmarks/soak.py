"""The long proofs, one after another; their tables go into docs/soak.md.

python -m benchmarks.soak [WORD ...]

With words only the proofs whose names begin with one are made anew; the others stay as they are.
With --quick each is made in small, and the page printed instead of written.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quick import parsed

PAGE = Path(__file__).parents[1] / "docs" / "soak.md"


@dataclass(frozen=True, slots=True)
class Proof:
    """A benchmark and what it shows."""

    name: str
    words: str
    about: str


PROOFS = (
    Proof(
        "kill-tiny",
        "benchmarks.kill --model tiny --kills 20",
        "SIGKILL at twenty random moments of a small random model's film, then the same command "
        "again: is the film the uninterrupted one, byte for byte?",
    ),
    Proof(
        "kill",
        "benchmarks.kill --kills 10",
        "The same with nano, ten times.",
    ),
    Proof(
        "crash-points",
        "benchmarks.crash_points",
        "Every command is killed right before each change that it makes to the disk, and called "
        "again: does it end as the unbroken one, byte for byte, with nothing left over?",
    ),
    Proof(
        "crash-errors",
        "benchmarks.crash_points --fault EIO",
        "At every one of these changes the disk answers with an error instead, once: does the "
        "command say so and end with 3 (or 4, of several films), or have all done without it, and "
        "does it end as the unbroken one when it is called again?",
    ),
    Proof(
        "damages",
        "benchmarks.damages --count 125",
        "A file is damaged between two commands: flipped, cut short, longer, zeros, or gone. Is "
        "what comes of it right to the last byte, and was the damage told by name?",
    ),
    Proof(
        "inputs",
        "benchmarks.inputs",
        "A hundred thousand screenplays, ten thousand scripts and a thousand films' tags, broken "
        "in all ways: is each answered by exit code 0, 2 or 3?",
    ),
    Proof(
        "altered",
        "benchmarks.altered --count 2000",
        "Two thousand altered weight files, configs and tokenizers through all that opens a model: "
        "is each answered, and does the error name the file?",
    ),
    Proof(
        "fleet",
        "benchmarks.fleet --runs 200",
        "Two hundred times three workers on two hosts that share four films, with faults at random "
        "moments: are the films those that are made alone, is no take denoised twice to its end, "
        "and does nobody hold anything in the end?",
    ),
    Proof(
        "fleet-no-flock",
        "benchmarks.fleet --runs 40 --seed 2 --no-flock",
        "The same where the file system knows no locks.",
    ),
    Proof(
        "broken",
        "benchmarks.broken --count 5000",
        "Five thousand broken screenplays through `holocine check`: each must be answered, with a "
        "place and a remedy, and none with a traceback.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wanted", nargs="*", metavar="WORD")
    args = parsed(parser, wanted=["broken"])
    wanted = args.wanted
    for proof in PROOFS:
        if wanted and not any(proof.name.startswith(word) for word in wanted):
            continue
        print(f"{proof.name}: python -m {proof.words}", flush=True)
        words = proof.words.split()
        command = [sys.executable, "-m", *([words[0], "--quick"] if args.quick else words)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{proof.name} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        made = page(PAGE.read_text(encoding="utf-8"), proof, done.stdout)
        if args.quick:
            print(made)
        else:
            PAGE.write_text(made, encoding="utf-8")


def page(text: str, proof: Proof, told: str) -> str:
    """The page with a proof's table in its place."""
    begin, end = f"<!-- {proof.name} -->\n", f"<!-- /{proof.name} -->"
    told = re.sub("^# (.*)$", r"*\1*\n", told.strip(), flags=re.M)  # The machine is no heading.
    body = f"`python -m {proof.words}`: {proof.about}\n\n{told}\n"
    if begin not in text:
        return f"{text.rstrip()}\n\n## {proof.name}\n\n{begin}{body}{end}\n"
    return re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}{body}{end}", text, flags=re.S
    )


if __name__ == "__main__":
    main()
