"""The printer: the product goes to stdout, everything else to stderr, each as loud as asked."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

from holocine_cli.escapes import for_terminal, in_json, sequence
from holocine_core.errors import HolocineError, Interrupted, MachineError, Problem, problems_of

COLORS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}


def moves(stream: IO[str] | None) -> bool:
    """Whether a stream is a terminal whose lines can be drawn over."""
    return (
        stream is not None
        and not stream.closed
        and stream.isatty()
        and os.environ.get("TERM") != "dumb"
    )


def paints(stream: IO[str] | None) -> bool:
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
        if not (self.on and codes and text):
            return text
        return f"{sequence(';'.join(codes) + 'm')}{text}{sequence('0m')}"


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
        self.streams = False
        """Whether stdout is kept for a file's bytes."""
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
        """What the command was called for; with --json the document holds it instead, and of a
        file that goes to stdout itself there is nothing to say."""
        if not (self.as_json or self.streams):
            write_product(f"{text}\n")

    def document(self, value: Mapping[str, Any]) -> None:
        """The JSON document: the only thing on stdout."""
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        plain = codecs.lookup(encoding).name != "utf-8"  # Then JSON's own escapes have to do.
        text = in_json(json.dumps(value, indent=1, ensure_ascii=plain))
        _write_to_stdout(f"{text}\n")

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
            self.above(for_terminal(text))
        else:
            write(sys.stderr, f"{text}\n")


def write(stream: IO[str] | None, text: str) -> None:
    """Write and flush a message; one that cannot be written is dropped and ends no render."""
    if stream is None or stream.closed:
        return
    try:
        stream.write(_holdable(stream, for_terminal(text)))
        stream.flush()
    except BrokenPipeError:
        discard(stream)
    except OSError:
        return  # A full disk may have room again for the next one.


def write_product(text: str) -> None:
    """Write what people read to stdout and flush; a reader that has gone away is no error.

    Raises:
        MachineError: Stdout cannot take it.
    """
    _write_to_stdout(for_terminal(text))


def _write_to_stdout(text: str) -> None:
    stream = sys.stdout
    if stream is None or stream.closed:
        raise cannot_write_product()
    try:
        stream.write(_holdable(stream, text))
        stream.flush()
    except BrokenPipeError:
        discard(stream)
    except OSError as error:
        discard(stream)
        raise cannot_write_product(error) from error


def cannot_write_product(error: OSError | None = None) -> MachineError:
    """What is said where stdout takes nothing."""
    why = "it cannot be written" if error is None else error.strerror or str(error)
    return MachineError(f"stdout: {why}", hint="free some space, or send stdout to another place")


def is_of_stdout(error: OSError) -> bool:
    """Whether an error that nobody expected is one of Typer printing help: files are named in
    theirs."""
    kinds = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO)
    if error.filename is not None or error.errno not in kinds:
        return False
    discard(sys.stdout)
    return True


def write_now(value: Mapping[str, Any]) -> None:
    """The JSON document past all buffers, right before the process ends at once."""
    stream = sys.__stdout__
    if stream is None:
        return
    try:
        text = json.dumps(value, indent=1)
    except RuntimeError:  # The work goes on meanwhile and may have changed it.
        text = json.dumps({**value, "takes": []}, indent=1)
    rest = f"{text}\n".encode()
    with contextlib.suppress(OSError):
        while rest:
            rest = rest[os.write(stream.fileno(), rest) :]


def _holdable(stream: IO[str], text: str) -> str:
    """The text with what the stream's encoding lacks written as escapes."""
    encoding = getattr(stream, "encoding", None)
    return text.encode(encoding, "backslashreplace").decode(encoding) if encoding else text


def prepare_streams() -> None:
    """Occupy the numbers of closed standard streams, so that no other file becomes one of them.

    What is then written to stdout fails as it does on a full disk; on stderr it goes nowhere.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
            os.set_inheritable(number, True)
            mode = "r" if number == 0 else "w"
            stream = os.fdopen(number, mode, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # For help, which Typer writes.


def flush_all() -> bool:
    """Empty both streams before the interpreter does, which would complain; whether stdout could
    be written."""
    written = sys.stdout is not None
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            discard(stream)
        except OSError:
            discard(stream)
            written = written and stream is not sys.stdout
    return written


def discard(stream: IO[str]) -> None:
    """Send what follows on a stream nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    with contextlib.suppress(OSError):
        stream.flush()
