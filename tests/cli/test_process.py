"""What the command's own process settles before it begins."""

from __future__ import annotations

import os
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
