"""What scripts may rely on: the exit codes and the one JSON document of ``--json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from holocine_core.errors import (
    HolocineError,
    InputError,
    Interrupted,
    MachineError,
    Problem,
    RenderError,
    problems_of,
)

SCHEMA = 1
"""Version of the JSON document."""
AGAIN = "fix what is said above and run the same command again"
"""What is to be done where some of several films failed."""
MEND = "fix what is said above: nothing was made"
"""As :data:`AGAIN`, of those who only plan."""
MOST_NAMED = 5
"""Films that failed which are told by name."""


class ExitCode(IntEnum):
    """What a command's end means, grouped by what its caller does next."""

    DONE = 0
    """Use the result."""
    BUG = 1
    """Report it."""
    INPUT = 2
    """Fix the arguments or the screenplay; repeating the call unchanged never helps."""
    MACHINE = 3
    """Fix the machine: ffmpeg, weights, memory, disk."""
    PARTIAL = 4
    """Some of the work is done and kept, some failed; run the same command again."""
    GATE_MISSED = 5
    """The run was fine, the result is below what was asked for."""
    INTERRUPTED = 130
    """Ctrl-C; run the same command again to go on."""
    TERMINATED = 143
    """SIGTERM; run the same command again to go on."""

    @property
    def status(self) -> str:
        """The code's name in the JSON document."""
        return self.name.lower()


class SomeFailed(HolocineError):
    """Of several films at least one failed; each one's own error has been told already.

    Args:
        errors: One per film that failed.
        films: How many there were.
        names: Those that failed.
        hint: What to do.
    """

    def __init__(
        self,
        errors: Sequence[HolocineError],
        films: int,
        names: Sequence[object] = (),
        hint: str = AGAIN,
    ) -> None:
        message = f"{len(errors)} of {films} films failed"
        super().__init__(
            f"{message}: {_listed(names)}" if names else message,
            hint=hint,
        )
        self.errors = tuple(errors)
        self.films = films
        kinds = {error.kind for error in errors}
        self.kind = kinds.pop() if len(kinds) == 1 else RenderError.kind


def _listed(names: Sequence[object]) -> str:
    shown = [str(name) for name in names]
    if len(shown) > MOST_NAMED:
        shown[MOST_NAMED - 1 :] = [f"and {len(shown) - MOST_NAMED + 1} more"]
    return ", ".join(shown)


class GateMissed(HolocineError):
    """Measures did not reach what ``evaluate`` was asked for.

    Args:
        problems: One per gate that was missed.
    """

    kind = "gate"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.message, where=first.where, hint=first.hint)
        self.problems = tuple(problems)


def code_of(error: BaseException) -> ExitCode:
    """The exit code an error stands for."""
    match error:
        case SomeFailed():
            codes = {code_of(one) for one in error.errors}
            alike = len(codes) == 1 and len(error.errors) == error.films
            return codes.pop() if alike else ExitCode.PARTIAL
        case InputError():
            return ExitCode.INPUT
        case MachineError():
            return ExitCode.MACHINE
        case RenderError():
            return ExitCode.PARTIAL
        case GateMissed():
            return ExitCode.GATE_MISSED
        case Interrupted() | KeyboardInterrupt():
            return ExitCode.INTERRUPTED
    return ExitCode.BUG


def problem_record(problem: Problem) -> dict[str, str]:
    """A problem or warning inside the document."""
    return {"message": problem.message, "where": problem.where, "hint": problem.hint}


def error_record(error: HolocineError) -> dict[str, Any]:
    """An error inside the document, with all of its problems."""
    return {
        "kind": error.kind,
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "problems": [problem_record(problem) for problem in problems_of(error)],
    }


def document(
    command: str, code: ExitCode, fields: Mapping[str, Any], error: HolocineError | None = None
) -> dict[str, Any]:
    """The one document a command prints with ``--json``, also when it fails."""
    return {
        "schema": SCHEMA,
        "command": command,
        "status": code.status,
        "exit_code": int(code),
        **fields,
        "error": None if error is None else error_record(error),
    }
