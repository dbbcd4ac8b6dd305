"""What becomes of a script's words, by file: kept or lost; people, scenes, shots, LOOK marks.

python -m benchmarks.scripts [--scripts tests/adapt/scripts]

A word is counted as often as the source has it, in speech, action, headings, notes, titles and
cells; kept is one that the screenplay has in its values or its comments (tests/adapt/words.py).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.adapt.read import read_script
from holocine_core.errors import InputError
from tests.adapt.words import lost, of_source

SCRIPTS = Path(__file__).parents[1] / "tests" / "adapt" / "scripts"
LONGEST = 60
"""Seconds of the longest scene, so that none is parted by its length."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was made of one script.

    Attributes:
        words: Those that a person wrote into it.
        kept: Those of them in its screenplay; none where it is refused.
        people, scenes, shots, looks: Counts of the screenplay.
        refused: Why there is none; empty where there is one.
    """

    words: int
    kept: int = 0
    people: int = 0
    scenes: int = 0
    shots: int = 0
    looks: int = 0
    refused: str = ""


def outcome(path: Path) -> Outcome:
    """Read a script and count what comes of it."""
    words = of_source(path).total()
    try:
        draft = read_script(path, longest=LONGEST)
    except InputError as error:
        return Outcome(words=words, refused=str(error.problems[0].message))
    return Outcome(
        words=words,
        kept=words - lost(path, draft).total(),
        people=len(draft.looks),
        scenes=len(draft.scenes),
        shots=sum(len(scene.shots) for scene in draft.scenes),
        looks=draft.open_places,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=Path, default=SCRIPTS)
    parser.add_argument("--files", type=int, default=10_000, help="at most so many")
    given = parsed(parser, files=6)
    print(f"# {machine()}\n")
    print("| script | words | kept | people | scenes | shots | LOOK |")
    print("|---|---|---|---|---|---|---|")
    found = [(path, outcome(path)) for path in sorted(given.scripts.iterdir())[: given.files]]
    for path, one in found:
        if one.refused:
            print(f"| {path.name} | {one.words} | refused: {one.refused} | | | | |")
            continue
        print(
            f"| {path.name} | {one.words} | {one.kept} | {one.people} | {one.scenes}"
            f" | {one.shots} | {one.looks} |"
        )
    read = [one for _, one in found if not one.refused]
    print(
        f"| {len(found)} scripts, {len(found) - len(read)} refused"
        f" | {sum(one.words for one in read)} | {sum(one.kept for one in read)}"
        f" | {sum(one.people for one in read)} | {sum(one.scenes for one in read)}"
        f" | {sum(one.shots for one in read)} | {sum(one.looks for one in read)} |"
    )


if __name__ == "__main__":
    main()
