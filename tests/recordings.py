"""A page's sessions at the shell, run again: ``python -m tests.recordings`` writes it anew.

Every block of ``console`` is a session of bash in one folder, from the page's first to its last:
lines that begin with ``$ `` are typed, what follows them is what was seen, on both streams.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "shell.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
MARK = "\x1e"


def typed(block: str) -> list[str]:
    """The commands of a session; lines that begin with ``> `` go on with one."""
    found: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line.startswith("> ") and found:
            found[-1] += "\n" + line[2:]
    return found


def recorded(commands: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """A session's block: each command and what it says.

    Raises:
        RuntimeError: The shell ended before the last command did.
    """
    script = "".join(
        f"__code=$?; printf '{MARK}\\n'; (exit $__code); eval {_quoted(command)}\n"
        for command in commands
    )
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = ran.stdout.split(f"{MARK}\n")[1:]
    if len(said) != len(commands):
        raise RuntimeError(f"the session ended early:\n{ran.stdout}")
    lines = []
    for command, text in zip(commands, said, strict=True):
        lines += [f"$ {command}".replace("\n", "\n> "), *_trimmed(text, folder)]
    return "".join(f"{line}\n" for line in lines)


def _trimmed(text: str, folder: Path) -> Iterator[str]:
    shown = text.replace(str(folder), "~").replace(str(PAGE.parents[1]), "...")
    for line in shown.splitlines():
        yield line.rstrip()


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


def environment(home: Path) -> dict[str, str]:
    """Of a shell of nobody's: no settings but the page's, a terminal of 80 columns."""
    scripts = sysconfig.get_path("scripts")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLOCINE")}
    return {
        **kept,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }


def page_again(page: str) -> str:
    """The page with every session run again, in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name).resolve() / "films"
        home.mkdir()
        around = environment(home)

        def anew(found: re.Match[str]) -> str:
            return f"```console\n{recorded(typed(found[1]), home, around)}```"

        return BLOCK.sub(anew, page)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    path.write_text(page_again(path.read_text(encoding="utf-8")), encoding="utf-8")
