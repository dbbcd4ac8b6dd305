"""Warnings of several files: what concerns them all, such as their model, is told once a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from holocine_cli.console import Console
from holocine_core.errors import Problem


class Warnings:
    """Tells warnings, each once. Of several files those that name no place in one of them are
    gathered first, and told with the number of files that they hold for.

    Args:
        console: Where to.
        files: That the call is about; the same one several times counts once.
    """

    def __init__(self, console: Console, files: Iterable[Path]) -> None:
        self._console = console
        self._files = len(set(files))
        self._gathers = self._files > 1
        self._told: set[Problem] = set()
        self._shared: dict[Problem, dict[Path, None]] = {}

    def tell(self, path: Path, warnings: Sequence[Problem]) -> None:
        """Those of one file; while there may be more of the same, only what names a place in it."""
        self.gather(path, warnings)
        for warning in warnings:
            if not self._is_shared(path, warning):
                self._tell(warning, warning)

    def gather(self, path: Path, warnings: Sequence[Problem]) -> None:
        """Note what a file shares with others, to be told by :meth:`tell_shared`."""
        for warning in warnings:
            if self._is_shared(path, warning):
                self._shared.setdefault(warning, {})[path] = None

    def tell_shared(self) -> None:
        """What was gathered; from now on all is told as it comes."""
        for warning, paths in self._shared.items():
            if len(paths) == 1:
                shown = replace(warning, where=warning.where or str(*paths))
            else:
                count = f" ({len(paths)} of {self._files} screenplays)"
                shown = replace(warning, message=warning.message + count)
            self._tell(warning, shown)
        self._gathers = False

    def _is_shared(self, path: Path, warning: Problem) -> bool:
        at = warning.where
        return self._gathers and not (at == str(path) or at.startswith(f"{path}:"))

    def _tell(self, warning: Problem, shown: Problem) -> None:
        if warning not in self._told:
            self._told.add(warning)
            self._console.warn(shown)
