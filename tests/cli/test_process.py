"""What the command's own process settles before it begins."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

SHOWN = """
import os, runpy, sys
import holocine_cli.app as app
app.main = lambda: 0
try:
    app.entry()
except SystemExit:
    pass
print(os.environ.get("HOLOCINE_IMPORTS"), os.environ.get("GOMP_SPINCOUNT"))
"""
NAMES = ("HOLOCINE_IMPORTS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "lean 1000"),
        ({"GOMP_SPINCOUNT": "5"}, "lean 5"),
        ({"OMP_WAIT_POLICY": "passive"}, "lean None"),
        ({"HOLOCINE_IMPORTS": "whole"}, "whole 1000"),
    ],
)
def test_threads_do_not_spin_and_imports_are_lean_unless_it_was_said(
    given: dict[str, str], found: str
) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", SHOWN], env={**bare, **given}, capture_output=True, text=True
    )
    assert done.stdout.strip() == found, done.stderr


FAULTS = """
import resource, sys
import holocine_cli.app as app
import numpy as np

def main():
    for turn in range(12):
        if turn == 2:  # By then the heap is as large as it becomes.
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        passed = [np.ones(2**18) for _ in range(32)]  # Too small for huge pages.
        del passed
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return 0

app.main = main
app.entry()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
@pytest.mark.parametrize(
    ("given", "mapped_anew"), [({}, False), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, True)]
)
def test_freed_memory_is_used_again_unless_it_was_said(
    given: dict[str, str], mapped_anew: bool
) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env={**bare, **given}, capture_output=True, text=True
    )
    pages = 10 * 32 * 2**21 // 4096
    assert (int(done.stdout) > pages // 2) is mapped_anew, done.stderr
    assert mapped_anew or int(done.stdout) < pages // 20
