"""Folders of model files as people have them, by their published names: what each is taken for.

python -m benchmarks.layouts [--first 1] [--count 0]

Every layout is written with files of the real shapes that hold nothing (holes), and asked for as
`holocine plan --model FOLDER` asks: which file is which part, and whether every header fits the
network. What holds no numbers can't be filmed: that files found so film as the pipeline they come
from does is shown by tests (tests/cli/test_own_files.py, tests/model/test_gathered.py).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.errors import HolocineError
from holocine_core.model.components import LocatedModel
from holocine_core.model.fitting import model_problems
from holocine_core.model.locate import find_model
from tests.model.layout_cases import LAYOUTS
from tests.model.layouts import write_layout

TOKENIZER = Path(find_model("nano").component("tokenizer").paths[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="number of the first layout")
    parser.add_argument("--count", type=int, default=0, help="how many; all where 0")
    args = parsed(parser, count=3)
    first = args.first - 1
    some = LAYOUTS[first : first + args.count if args.count else None]
    print(f"# {machine()}\n")
    print("| layout | files | outcome | seconds |\n|---|---|---|---|")
    ends: Counter[str] = Counter()
    for layout in some:
        with tempfile.TemporaryDirectory() as room:
            folder = write_layout(layout, Path(room) / "Downloads", TOKENIZER)
            started = time.perf_counter()
            how, told = _outcome(folder)
            took = time.perf_counter() - started
        ends[how] += 1
        told = told.replace(str(folder.resolve()), ".").replace(room, "")
        print(f"| {layout.name} | {len(layout.files)} | {told} | {took:.2f} |")
    print(f"\n{len(some)} layouts: " + ", ".join(f"{n} {how}" for how, n in ends.items()))


def _outcome(folder: Path) -> tuple[str, str]:
    """How it ends, in a word and in words for people."""
    try:
        located = find_model(str(folder))
    except HolocineError as refused:
        return "refused", f"**refused**: {refused.message}. Remedy: {refused.hint}"
    if located.missing:
        parts = dict.fromkeys(located.called(file.part) for file in located.missing)
        told = (
            f"{_name(located, folder)} lacks {', '.join(parts)}. Remedy: {located.missing[0].hint}"
        )
        return "incomplete", f"**incomplete**: {told}"
    faults = model_problems(located, frozenset(located.components))
    if faults:
        return "refused", f"**refused**: {faults[0].message}. Remedy: {faults[0].hint}"
    taken = {located.called(p): f.paths[0].name for p, f in located.components.items()}
    files = "; ".join(f"{part} `{name}`" for part, name in taken.items())
    return "found", f"**{_name(located, folder)}**: {files}"


def _name(located: LocatedModel, folder: Path) -> str:
    stock = located.spec.name == folder.resolve().name
    return "stock Wan" if stock else located.spec.name


if __name__ == "__main__":
    main()
