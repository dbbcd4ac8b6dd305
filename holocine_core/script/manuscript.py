"""A screenplay file as read, with the place of everything in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from holocine_core.errors import InputError, Problem
from holocine_core.script.screenplay import Scene, Screenplay
from holocine_core.script.shot_names import shot_name
from holocine_core.script.yaml_source import Key, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Manuscript:
    """A screenplay file as read: what of it is valid, and what is wrong with the rest.

    ``scenes`` holds the valid scenes with their index, also where ``screenplay`` is None because
    something else in the file is wrong: so later checks can still report on them.
    """

    source: Source
    screenplay: Screenplay | None
    scenes: tuple[tuple[int, Scene], ...]
    problems: tuple[Problem, ...]
    flat: bool
    """Whether the file writes its one scene at the top level."""

    def key(self, key: Key) -> Key:
        """The place in the file of a key of the validated form."""
        if self.flat and key[:2] == ("scenes", 0):
            return key[2:]
        return key

    def where(self, key: Key, *, name: bool = False) -> str:
        return self.source.where(self.key(key), name=name)

    def problem(self, key: Key, message: str, hint: str = "", *, word: str = "") -> Problem:
        """A fault of a value; of a text of several lines, where ``word`` stands in it."""
        key = self.key(key)
        where = self.source.where_in(key, word) if word else self.source.where(key)
        return Problem(message, where, hint)

    def shot_name(self, scene: int, shot: int) -> str:
        """The name of a shot of a valid scene, both numbered from 0."""
        scenes = self.source.data.get("scenes")
        known = dict(self.scenes)[scene].id or f"scene-{scene + 1}"
        return shot_name(known, shot + 1, 1 if self.flat or not scenes else len(scenes))

    def accepted(self, more: Sequence[Problem] = ()) -> Screenplay:
        """The screenplay.

        Raises:
            InputError: With all problems, the file's own and ``more``, in file order.
        """
        problems = in_file_order([*self.problems, *more])
        if problems:
            raise InputError.of(problems)
        assert self.screenplay is not None
        return self.screenplay


def in_file_order(problems: Sequence[Problem]) -> list[Problem]:
    """Problems by line and column, each once."""

    def place(problem: Problem) -> tuple[int, int]:
        found = re.search(r":(\d+):(\d+)$", problem.where)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    return sorted(dict.fromkeys(problems), key=place)
