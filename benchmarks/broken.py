"""A thousand broken screenplays through `holocine check`: every one an answer, never a traceback.

python -m benchmarks.broken [--count 1000]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import re
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_cli.app import main as holocine
from tests.broken import broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    count = parsed(parser, count=20).count
    codes: collections.Counter[int] = collections.Counter()
    faults: list[str] = []
    said = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.yaml"
        for number in range(count):
            path.write_bytes(broken(number))
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = holocine(["check", str(path), "--json"])
            codes[code] += 1
            answer = json.loads(out.getvalue())
            problems = answer["error"]["problems"] if answer.get("error") else []
            said += len(problems)
            if code not in (0, 2) or "Traceback" in err.getvalue():
                faults.append(f"{number}: exit {code}")
            if code == 2 and not problems:
                faults.append(f"{number}: no problem named")
            faults += [
                f"{number}: no place or no remedy: {problem}"
                for problem in problems
                if not re.search(r":\d+:\d+$", problem["where"]) or not problem["hint"]
            ]
    print(f"# {machine()}")
    print(f"{count} screenplays: {codes[2]} refused with {said} problems, {codes[0]} still valid")
    print(f"{len(faults)} faults: tracebacks, other exit codes, problems without place or remedy")
    for fault in faults[:20]:
        print(" ", fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
