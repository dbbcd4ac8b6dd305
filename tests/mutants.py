"""Small faults that some test has to catch: ``python -m tests.mutants [WORD ...]``.

Each fault of mutants.yaml is put into a copy of the repository, and its tests are run there; one
that passes is a hole. Words choose the faults whose file or text has one of them. Takes minutes, so
it is no part of the default check.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        file: Below the repository.
        was: What stands there, once.
        becomes: The fault.
        tests: That have to fail.
    """

    file: str
    was: str
    becomes: str
    tests: str

    def text(self, root: Path) -> str:
        """The file with the fault in it.

        Raises:
            ValueError: What it would change stands there never or twice.
        """
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.was) != 1:
            raise ValueError(f"{self.file} has {text.count(self.was)} times: {self.was}")
        return text.replace(self.was, self.becomes)


def mutants() -> list[Mutant]:
    """All of the list."""
    return [Mutant(**one) for one in yaml.safe_load(LIST.read_text(encoding="utf-8"))]


def copy_to(folder: Path) -> None:
    """The repository's tracked files, and those not yet tracked."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def is_caught(mutant: Mutant, root: Path) -> bool:
    """Whether its tests fail with it."""
    path = root / mutant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(mutant.text(root), encoding="utf-8")
    try:
        words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*words, *mutant.tests.split()],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
        )
    finally:
        path.write_text(sound, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest could not run {mutant.tests}:\n{done.stdout[-2000:]}")
    return done.returncode == 1


def main(words: Sequence[str]) -> int:
    """Try the faults; the number of those that nothing caught."""
    chosen = [m for m in mutants() if not words or any(w in f"{m.file} {m.was}" for w in words)]
    survived = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        copy_to(root)
        for mutant in chosen:
            started = time.perf_counter()
            caught = is_caught(mutant, root)
            survived += not caught
            seconds = time.perf_counter() - started
            verdict = "caught" if caught else "SURVIVED"
            print(f"{verdict:8} {seconds:4.0f} s  {mutant.file}: {mutant.was.strip()}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} caught")
    return survived


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
