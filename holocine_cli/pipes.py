"""``-``: a file that comes from stdin, and one that goes to stdout."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holocine_cli.console import cannot_write_product, discard, moves, write_product
from holocine_core.errors import InputError, MachineError

if TYPE_CHECKING:
    from holocine_cli.groups import Besides, Shared
    from holocine_cli.session import Session

DASH = Path("-")
STDIN = Path("<stdin>")
"""The name of what came from there, in the current folder."""
MOST_BYTES = 8_000_000
"""More than any screenplay, script or list has: what reads it says how much that is."""
_CHUNK = 1 << 20
WRITES_TO_STDOUT = frozenset({"export", "import", "new", "plan", "render", "report", "schema"})
"""Commands that take ``-o -``."""
INSTEAD = {
    "evaluate": "--json prints the numbers as a document",
    "preview": "a draft has a storyboard beside it; without one: "
    "holocine render FILE --profile draft -o -",
    "watch": "name the draft with -o, or leave it out",
}
"""What to do where a command does not."""


def read_stdin(session: Session, what: str) -> bytes:
    """All that stdin holds, once.

    Args:
        session: Of the call.
        what: It is read as: "a screenplay".

    Raises:
        InputError: Something was read from it already, or it can not be read.
    """
    if session.stdin is not None:
        refuse_twice()
    stream = sys.stdin
    if stream is None or stream.closed:
        raise InputError("stdin is closed", where="-", hint="pipe something into it")
    if stream.isatty():
        session.console.note(f"reading {what} from the terminal; Ctrl-D ends it")
    try:
        session.stdin = stream.buffer.read(MOST_BYTES)
    except OSError as refused:
        raise InputError(
            f"stdin can not be read: {refused.strerror or refused}", where=str(STDIN)
        ) from refused
    return session.stdin


def refuse_twice() -> None:
    """Raises InputError: ``-`` stands for two things."""
    raise InputError(
        "stdin is asked for twice, and holds one thing",
        where="-",
        hint="name files for all but one",
    )


def given(session: Session, path: Path, what: str) -> tuple[Path, bytes | None]:
    """A file's name and, for ``-``, what it holds. Raises InputError as :func:`read_stdin`."""
    return (STDIN, read_stdin(session, what)) if path == DASH else (path, None)


def text_from_stdin(session: Session, what: str) -> str:
    """The same, as text.

    Raises:
        InputError: As :func:`read_stdin`, or it is no text.
    """
    try:
        return read_stdin(session, what).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{what} is no text in UTF-8", where=str(STDIN)) from None


def takes_stdout(command: str, options: Mapping[str, Any], *, as_json: bool) -> bool:
    """Whether a call writes a file to stdout.

    Raises:
        InputError: The command takes no ``-`` and is given one, which is no file that is called
            so; or two want stdout.
    """
    films = options.get("film"), *(options.get("films") or ())
    if DASH in films:
        raise InputError(
            f"{command} reads a film from its file: what it was made with lies beside it",
            where="-",
            hint="name the film's file; screenplays come from stdin, as in: holocine render -",
        )
    if options.get("out") != DASH:
        return False
    if command not in WRITES_TO_STDOUT:
        hint = INSTEAD.get(command, "name a file with -o")
        raise InputError(f"{command} writes no file to stdout", where="--out", hint=hint)
    if command == "plan" or options.get("dry_run"):
        return False  # It says where the film would go.
    if as_json:
        raise InputError(
            "--json and -o - both want stdout", where="--out", hint="leave one of them out"
        )
    return True


@contextlib.contextmanager
def to_stdout(out: Path | None, name: str) -> Iterator[Path | None]:
    """While this is open, a text file is written: to ``out``, or for ``-`` to a place from which it
    goes to stdout in the end.

    Args:
        out: As the call says.
        name: Of the file that goes to stdout.

    Raises:
        MachineError: Stdout cannot take it.
    """
    if out != DASH:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="holocine-") as folder:
        path = Path(folder) / name
        yield path
        text_to_stdout(path.read_bytes().decode(errors="surrogatepass"))


def text_to_stdout(text: str) -> None:
    """A text file as it is; a terminal is shown its control characters.

    Raises:
        MachineError: Stdout cannot take it.
    """
    if moves(sys.stdout):
        return write_product(text)
    _write([text.encode(errors="surrogatepass")])


def refuse_film_on_stdout(session: Session, besides: Besides, shared: Shared) -> None:
    """Raises InputError where a film, or what is to lie beside it, can not go to stdout."""
    if not session.console.streams:
        return
    given = {"--storyboard": besides.storyboard, "--otio": besides.otio,
             "--worker": shared.worker, "--on": shared.on is not None}  # fmt: skip
    for name in (name for name, is_given in given.items() if is_given):
        raise InputError(
            f"{name} needs a film with a name, and -o - gives it none",
            where=name,
            hint=f"name the film with -o, or leave {name} out",
        )
    if sys.stdout is not None and not sys.stdout.closed and sys.stdout.isatty():
        raise InputError(
            "stdout is a terminal, and a film is no text",
            where="--out",
            hint="send it to a file or a program: -o - > film.mp4, -o - | ffplay -",
        )


def send_film(session: Session, film: Path) -> None:
    """A finished film to stdout, where the call says so.

    Raises:
        MachineError: Stdout cannot take it; the film is kept.
    """
    if not session.console.streams:
        return
    try:
        copy_to_stdout(film)
    except MachineError as refused:
        raise MachineError(
            refused.message,
            where=str(film),
            hint=f"the film is whole and kept there: {refused.hint}",
        ) from refused


def copy_to_stdout(path: Path) -> None:
    """A file's bytes, and nothing else.

    Raises:
        MachineError: Stdout cannot take it.
    """
    with path.open("rb") as file:
        _write(iter(lambda: file.read(_CHUNK), b""))


def _write(chunks: Iterable[bytes]) -> None:
    stream = sys.stdout
    if stream is None or stream.closed:
        raise cannot_write_product()
    try:
        for chunk in chunks:
            stream.buffer.write(chunk)
        stream.buffer.flush()
    except BrokenPipeError:  # Who reads it has enough, which is no error.
        discard(stream)
    except OSError as error:
        if error.filename is not None:
            raise  # A file's, and not stdout's.
        discard(stream)
        raise cannot_write_product(error) from error
