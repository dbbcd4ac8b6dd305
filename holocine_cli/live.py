"""The live displays on a terminal's stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live as RichLive
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from holocine_cli.console import discard
from holocine_cli.escapes import for_terminal
from holocine_core.api import clock, duration, memory

if TYPE_CHECKING:
    from holocine_cli.progress import Shooting
    from holocine_cli.train_view import Learning


class _Terminal(RichConsole):
    def on_broken_pipe(self) -> None:
        """A terminal that has gone away ends no render."""
        self.quiet = True
        discard(self.file)

    def _write_buffer(self) -> None:
        try:
            super()._write_buffer()
        except OSError:  # Gone in another way: its window was closed, say.
            self.on_broken_pipe()


class _Told(ProgressColumn):
    """The words right of a bar."""

    def render(self, task: Task) -> Text:
        return Text(for_terminal(str(task.fields.get("told", ""))), style="default")


class _Name(ProgressColumn):
    """What a bar is of: taken as it stands, brackets and all."""

    def render(self, task: Task) -> Text:
        return Text(f"  {for_terminal(task.description)}", style="bold")


@dataclass(frozen=True, slots=True)
class _Narrower:
    """Short of the right edge: a terminal's echo of Ctrl-C there would begin a new line."""

    inside: RenderableType

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.inside, options.update_width(options.max_width - 4))


class _Bars(Progress):
    below: Sequence[str] = ()
    """Lines under the bars."""

    def get_renderable(self) -> RenderableType:
        lines = (
            Text(f"  {for_terminal(line)}", no_wrap=True, overflow="ellipsis")
            for line in self.below
        )
        return _Narrower(Group(super().get_renderable(), *lines))


class _Display:
    """A progress display that is drawn over while it is open and leaves nothing behind."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._progress = _Bars(
            *columns,
            console=_Terminal(stderr=True, highlight=False),
            transient=True,
            expand=True,
            refresh_per_second=8,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def above(self, text: str) -> None:
        """Print over the bars."""
        self._progress.console.print(Text.from_ansi(text), soft_wrap=True)


class DownloadBar(_Display):
    """One bar: the file that is being fetched."""

    def __init__(self) -> None:
        super().__init__(
            _Name(table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._file = ""
        self._task = self._progress.add_task("looking", total=None)

    def show(self, file: str, got: int, of: int) -> None:
        """Bring the bar up to date."""
        if file != self._file:
            self._file = file
            name = file.rsplit("/", 1)[-1]
            # What was here before counts for no speed.
            self._progress.reset(self._task, total=of, completed=got, description=name)
        self._progress.update(self._task, completed=got)


class Live(_Display):
    """Two bars: the take that is being shot, and the whole film."""

    def __init__(self) -> None:
        super().__init__(
            _Name(table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            _Told(table_column=Column(no_wrap=True)),
        )
        self._take = self._progress.add_task("", total=None, told="")
        self._film = self._progress.add_task("film", total=None, told="")

    def show(self, now: Shooting) -> None:
        """Bring the bars up to date."""
        unit = {"shooting": "step", "developing": "frame"}.get(now.stage, "")
        told = [f"{unit} {now.at}/{now.of}"] if unit else [now.stage]
        if now.stage == "shooting":
            told.append(
                f"{duration(now.step_seconds)} a step" if now.step_seconds else "warming up"
            )
        self._progress.update(
            self._take,
            description=now.scene or "take",
            total=now.of or None,
            completed=now.at,
            told="  ".join(told),
        )
        whole = [f"take {min(now.done + 1, now.takes)}/{now.takes}"]
        if now.left is not None and (now.left_is_whole or now.left >= 1):
            least = "" if now.left_is_whole else "over "
            whole.append(f"{least}{clock(now.left)} left")
        if now.peak_bytes:
            whole.append(f"peak {memory(now.peak_bytes)}")
        of = f"film {now.number} of {now.films}" if now.films > 1 else "film"
        self._progress.update(
            self._film, description=of, total=1, completed=now.share, told="  ".join(whole)
        )


class TrainingView(_Display):
    """One bar, the steps of a run, and below it what was measured."""

    def __init__(self) -> None:
        super().__init__(
            _Name(table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            _Told(table_column=Column(no_wrap=True)),
        )
        self._run = self._progress.add_task("", total=None, told="")

    def show(self, now: Learning) -> None:
        """Bring it up to date."""
        told = f"step {now.step}/{now.steps}" if now.steps else now.doing
        if now.left is not None:
            told += f"  {clock(now.left)} left"
        self._progress.update(
            self._run, description=now.out, total=now.steps or None, completed=now.step, told=told
        )
        self._progress.below = now.lines


@contextlib.contextmanager
def page() -> Iterator[Callable[[str], None]]:
    """While this is open, each text is drawn over the one before; none stays."""
    terminal = _Terminal(stderr=True, highlight=False)
    with RichLive(console=terminal, transient=True, redirect_stdout=False) as live:
        yield lambda text: live.update(Text.from_ansi(for_terminal(text)), refresh=True)
