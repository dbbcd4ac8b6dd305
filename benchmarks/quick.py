"""`--quick` for every benchmark: run whole, in small."""

from __future__ import annotations

import argparse
import atexit
import functools
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

ABOUT = "run it whole in small: for a look or a test, not for figures"
STEPS = 3
SIZES = {"draft": (48, 32), "standard": (80, 48), "final": (80, 48)}
"""Of the tiny model's films, width and height by profile."""


def parsed(parser: argparse.ArgumentParser, *also: str, **quick: Any) -> argparse.Namespace:
    """The command line's values, with ``--quick`` among them.

    Args:
        parser: Of the benchmark.
        also: Other names of ``--quick``.
        quick: What ``--quick`` takes in place of defaults; a function is called for it. Values
            that are given win, and none of these has to be.
    """
    flags = ("--quick", *also)
    asked = any(flag in sys.argv[1:] for flag in flags)
    for one in (parser, *_commands(parser)):
        for action in one._actions:
            if asked and action.dest in quick:
                _may_be_absent(action)
        one.add_argument(*flags, action="store_true", default=argparse.SUPPRESS, help=ABOUT)
    args = parser.parse_args()
    args.quick = asked
    for name, value in quick.items() if asked else ():
        if getattr(args, name, None) in (None, []):
            setattr(args, name, value() if callable(value) else value)
    return args


def _commands(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return [command for group in groups for command in group.choices.values()]


def _may_be_absent(action: argparse.Action) -> None:
    """None, or an empty list, then says that a value wasn't given."""
    action.default, action.required = None, False
    if not action.option_strings:
        action.nargs = "*" if action.nargs in ("+", "*") else "?"


def scratch(name: str = "") -> Path:
    """A new empty folder, or a file's name in one, that is gone when the process ends."""
    return Path(tempfile.mkdtemp(dir=_home())) / name


@functools.cache
def _home() -> str:
    home = tempfile.mkdtemp(prefix="holocine-quick-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


@functools.cache
def tiny() -> str:
    """The folder of a tiny random model that films in few steps; it says that it learned what nano
    did, so that nano's judge reads its films."""
    from safetensors.torch import load_file, save_file

    from holocine_core.model import spec
    from holocine_core.model.card import write_card
    from holocine_core.model.tiny import TINY, write_tiny
    from holocine_core.train.export import told_by

    folder = scratch("tiny")
    write_tiny(folder, experts=1)
    profiles = {
        name: TINY.profiles[name].model_copy(update={"steps": STEPS, "width": w, "height": h})
        for name, (w, h) in SIZES.items()
    }
    write_card(folder, replace(TINY, profiles=profiles))
    learned = told_by(Path(spec.__file__).parent / "nano" / "transformer")
    (weights,) = (folder / "transformer").glob("*.safetensors")
    save_file(load_file(weights), weights, metadata=learned)
    return str(folder)
