"""What it takes to plan a folder of screenplays: time and memory of `holocine plan --fleet`.

python -m benchmarks.planning [--count 10000] [--screenplay screenplays/lighthouse.yaml]

The folder's screenplays are one and the same with other seeds. Processor's seconds change little
where other work shares the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--screenplay", type=Path, default=Path("screenplays/lighthouse.yaml"))
    args = parsed(parser, count=20)
    folder = scratch()
    text = re.sub(r"^seed:.*$", "", args.screenplay.read_text(encoding="utf-8"), flags=re.M)
    for number in range(args.count):
        (folder / f"film{number:05d}.yaml").write_text(f"seed: {number}\n{text}", encoding="utf-8")
    words = [sys.executable, "-m", "holocine_cli", "plan", str(folder), "--fleet", "8", "--json"]
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE) as planning:
        assert planning.stdout is not None
        document = json.loads(planning.stdout.read())
        _, status, used = os.wait4(planning.pid, 0)
        planning.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    assert planning.returncode == 0, document["error"]
    assert document["fleet"]["films"] == args.count
    processor = used.ru_utime + used.ru_stime
    print(f"*{machine()}; {args.screenplay}*\n")
    print("| screenplays | seconds | processor's seconds | peak memory |\n|---|---|---|---|")
    print(f"| {args.count} | {seconds:.1f} | {processor:.1f} | {used.ru_maxrss / 1024:.0f} MiB |")


if __name__ == "__main__":
    main()
