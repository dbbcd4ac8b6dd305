"""Writes the list of every command's options: ``python -m tests.cli.option_names``.

The list is committed as options.txt; a script may rely on every name in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from holocine_cli.commands import app
from holocine_cli.spellings import OTHER_NAMES

LIST = Path(__file__).parent / "options.txt"


def option_names() -> str:
    also = [f"also: {'/'.join([name, *others])}" for name, others in OTHER_NAMES.items()]
    return "\n".join([*_lines(typer.main.get_command(app), "holocine"), *also]) + "\n"


def _lines(command: Any, name: str) -> list[str]:
    options = sorted(
        "/".join(one.opts) for one in command.params if one.param_type_name != "argument"
    )
    lines = [" ".join([f"{name}:", *options])]
    for below in sorted(getattr(command, "commands", {})):
        lines += _lines(command.commands[below], f"{name} {below}")
    return lines


if __name__ == "__main__":
    LIST.write_text(option_names(), encoding="utf-8")
