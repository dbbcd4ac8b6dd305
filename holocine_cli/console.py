"""The printer: the product goes to stdout, everything else to stderr, each as loud as asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

from holocine_cli.contract import problems_of
from holocine_core.errors import HolocineError, Interrupted, Problem

COLORS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}


def moves(stream: IO[str]) -> bool:
    """Whether a stream is a terminal whose lines can be drawn over."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paints(stream: IO[str]) -> bool:
    """Whether a stream shows colours."""
    return moves(stream) and not os.environ.get("NO_COLOR")


class Paint:
    """Colours text for one stream, or leaves it plain."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, color: str = "", *, bold: bool = False, dim: bool = False) -> str:
        codes = [str(COLORS[color])] if color else []
        codes += ["1"] if bold else []
        codes += ["2"] if dim else []
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.on and codes and text else text


class Console:
    """One call's voice.

    Args:
        as_json: Whether stdout is kept for the JSON document.
        quiet: 1 drops progress and information, 2 warnings too; errors and products always show.
        verbose: Whether every event gets a line of its own.
    """

    def __init__(self, *, as_json: bool = False, quiet: int = 0, verbose: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self.above: Callable[[str], None] | None = None
        """Prints above a live display while there is one on stderr."""

    @property
    def out(self) -> Paint:
        """Colours for stdout."""
        return Paint(paints(sys.stdout))

    @property
    def err(self) -> Paint:
        """Colours for stderr."""
        return Paint(paints(sys.stderr))

    def product(self, text: str) -> None:
        """What the command was called for; with --json the document holds it instead."""
        if not self.as_json:
            write(sys.stdout, f"{text}\n")

    def document(self, value: Mapping[str, Any]) -> None:
        """The JSON document: the only thing on stdout."""
        write(sys.stdout, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def note(self, text: str) -> None:
        """Information that a quiet call does without."""
        if not self.quiet:
            self._tell(text)

    def detail(self, text: str) -> None:
        """Information that only a verbose call shows."""
        if self.verbose and not self.quiet:
            self._tell(text)

    def warn(self, problem: Problem) -> None:
        """Something to know; the work goes on."""
        if self.quiet < 2:
            self._tell(self._three_lines("warning", "yellow", problem))

    def fail(self, error: HolocineError) -> None:
        """All of an error's problems, in order."""
        stopped = isinstance(error, Interrupted)
        for problem in problems_of(error):
            if stopped:
                self._tell(self._three_lines("stopped", "yellow", problem))
            else:
                self.error(problem)

    def error(self, problem: Problem) -> None:
        """One problem; no quiet hides it."""
        self._tell(self._three_lines("error", "red", problem))

    def _three_lines(self, word: str, color: str, problem: Problem) -> str:
        paint = self.err
        lines = [f"{paint(word, color, bold=True)}: {problem.message}"]
        if problem.where:
            lines.append(f"  at {paint(problem.where, 'cyan')}")
        if problem.hint:
            lines.append(f"  hint: {problem.hint}")
        return "\n".join(lines)

    def _tell(self, text: str) -> None:
        if self.above is not None:
            self.above(text)
        else:
            write(sys.stderr, f"{text}\n")


def write(stream: IO[str], text: str) -> None:
    """Write and flush; a reader that has gone away is no error and ends no render."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        discard(stream)


def flush_all() -> None:
    """Empty both streams before the interpreter does, which would complain of closed pipes."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            discard(stream)


def discard(stream: IO[str]) -> None:
    """Send what follows on a stream nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
