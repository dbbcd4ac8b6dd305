"""A download as people see it: a bar on a terminal, a line per file elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from holocine_cli.console import Console, moves
from holocine_core.api import file_size
from holocine_core.errors import Problem
from holocine_core.events import Emit, Event, FileFetching, FileReady, Warned


@contextlib.contextmanager
def downloading(console: Console) -> Iterator[Emit]:
    """Receives the events of one pull; the bar, if any, is gone at the end."""
    with contextlib.ExitStack() as stack:
        bar = None
        if moves(sys.stderr) and not (console.quiet or console.verbose):
            from holocine_cli.live import DownloadBar

            bar = stack.enter_context(DownloadBar())
            console.above = bar.above
            stack.callback(setattr, console, "above", None)

        def emit(event: Event) -> None:
            match event:
                case FileFetching():
                    if bar is not None:
                        bar.show(event.file, event.bytes, event.of)
                    of = file_size(event.of)
                    console.detail(f"{event.file}: {file_size(event.bytes)} of {of}")
                case FileReady():
                    word = "fetched" if event.fetched else "was there already"
                    console.note(f"{event.file}: {word}")
                case Warned():
                    console.warn(Problem(event.message, event.where, event.hint))

        yield emit
