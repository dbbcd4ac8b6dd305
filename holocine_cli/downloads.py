"""A download as people see it: a bar on a terminal, a line per file elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from holocine_cli.console import moves
from holocine_cli.contract import problem_record
from holocine_cli.session import Session
from holocine_core.api import file_size
from holocine_core.errors import Interrupted, Problem
from holocine_core.events import Emit, Event, FileFetching, FileReady, Warned


@contextlib.contextmanager
def downloading(session: Session) -> Iterator[Emit]:
    """Receives the events of one pull; the bar, if any, is gone at the end.

    Raises:
        Interrupted: Ctrl-C came inside a file: how much of it is here.
    """
    console, files = session.console, dict[str, dict[str, Any]]()
    told: set[tuple[str, int]] = set()
    """Percents of files."""
    session.fields |= {"files": [], "warnings": []}
    with contextlib.ExitStack() as stack:
        bar = None
        if moves(sys.stderr) and not (console.quiet or console.verbose):
            from holocine_cli.live import DownloadBar

            bar = stack.enter_context(DownloadBar())
            console.above = bar.above
            stack.callback(setattr, console, "above", None)

        def record(file: str, state: str, got: int, of: int) -> None:
            if file not in files:
                session.fields["files"].append(files.setdefault(file, {}))
            files[file].update(file=file, state=state, bytes=got, of=of)

        def emit(event: Event) -> None:
            match event:
                case FileFetching():
                    if event.file not in files and event.bytes:
                        here = f"{file_size(event.bytes)} of {file_size(event.of)}"
                        console.note(f"{event.file}: going on, {here} are here")
                    record(event.file, "incomplete", event.bytes, event.of)
                    if bar is not None:
                        bar.show(event.file, event.bytes, event.of)
                    at = (event.file, 100 * event.bytes // max(event.of, 1))
                    if at not in told:
                        told.add(at)
                        of = file_size(event.of)
                        console.detail(f"{event.file}: {file_size(event.bytes)} of {of}")
                case FileReady():
                    word = "fetched" if event.fetched else "was there already"
                    state = "fetched" if event.fetched else "present"
                    record(event.file, state, event.bytes, event.bytes)
                    console.note(f"{event.file}: {word}")
                case Warned():
                    problem = Problem(event.message, event.where, event.hint)
                    session.fields["warnings"].append(problem_record(problem))
                    console.warn(problem)

        try:
            yield emit
        except KeyboardInterrupt as stopped:
            begun = [one for one in files.values() if one["state"] == "incomplete"]
            here = "; ".join(
                f"{file_size(one['bytes'])} of {file_size(one['of'])} of {one['file']} are here"
                for one in begun
            )
            raise Interrupted(
                here or "what was fetched is here", hint=f"go on with: {session.line}"
            ) from stopped
