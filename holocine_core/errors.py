"""Named problems. Each says what is wrong, where, and what to do next."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

REMEDIES = {
    errno.EIO: "check the disk, then run the same command again: what is finished is kept",
    errno.ESTALE: "the network's disk was lost: mount it and run the same command again",
    errno.ENOSPC: "free some space and run the same command again: what is finished is kept",
    errno.EDQUOT: "free some space and run the same command again: what is finished is kept",
    errno.EROFS: "the disk can only be read: mount it for writing, or name another folder",
    errno.EACCES: "give yourself leave to read and write it (chmod), or name another folder",
    errno.EPERM: "give yourself leave to read and write it (chmod), or name another folder",
    errno.ENOMEM: "free some memory and run the same command again: what is finished is kept",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs: the system has no more open files to give",
    errno.EFBIG: "raise the limit of files' sizes (ulimit -f), or use another disk",
    errno.ETIMEDOUT: "the disk does not answer: check it, then run the same command again",
    errno.ENODEV: "the disk is gone: mount it and run the same command again",
    errno.ENXIO: "the disk is gone: mount it and run the same command again",
    errno.ENAMETOOLONG: "give a shorter name: the disk takes 255 bytes, of which some are needed",
    errno.ELOOP: "it is a link to itself: name the file that is meant",
}
"""What to do about a refusal of the operating system, by its number."""


class HolocineError(Exception):
    """Base of every problem a user is told about.

    Args:
        message: What is wrong, as one sentence without a final full stop.
        where: ``file:line:column``, a path or a device; empty where nothing narrower is known.
        hint: What to do next.
    """

    kind = "error"

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.others: tuple[Problem, ...] = ()
        """What else stands in the way, behind this: see :func:`together`."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come from other processes whole."""
        return _revive, (type(self), self.args, dict(self.__dict__))


def _revive(
    kind: type[HolocineError], args: tuple[Any, ...], told: dict[str, Any]
) -> HolocineError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(told)
    return error


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input file."""

    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Damaged(Problem):
    """A file of a model that is there and is no use. What lacks may be fetched later, and a plan
    without it is a plan; this one has to be mended first."""


MOST_TOLD = 100
"""Problems of one file that are told one by one."""


class InputError(HolocineError):
    """The input is at fault: repeating the call unchanged never helps."""

    kind = "input"

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.problems = tuple(problems) or (Problem(message, where, hint),)

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InputError:
        """One error for all of a file's problems, in file order; of very many the first and a
        count."""
        first, told = problems[0], tuple(problems)
        if len(told) > MOST_TOLD:
            rest = told[MOST_TOLD:]
            more = f"and {len(rest):,} more problem{'s' * (len(rest) > 1)}"
            told = (*told[:MOST_TOLD], Problem(more, rest[0].where, "mend those above first"))
        return cls(first.message, where=first.where, hint=first.hint, problems=told)


class MachineError(HolocineError):
    """The machine is at fault: ffmpeg, weights, memory, disk, a lock held by another render."""

    kind = "machine"


class InUse(MachineError):
    """Another process has the film; it may have ended a moment later."""


class TakenOver(MachineError):
    """Another process has the film by now, since this one was silent for too long."""


class RenderError(HolocineError):
    """A take failed although input and machine looked right."""

    kind = "render"


class Interrupted(HolocineError):
    """The user asked to stop; everything finished so far is kept."""

    kind = "interrupted"


def problems_of(error: HolocineError) -> tuple[Problem, ...]:
    """Everything an error has to say; one problem for most."""
    own = getattr(error, "problems", ())
    return (*(own or (Problem(error.message, error.where, error.hint),)), *error.others)


def together(errors: Sequence[HolocineError]) -> HolocineError:
    """The first of several errors, which tells the others behind itself, each once.

    Args:
        errors: One at least, in the order in which somebody would come to them.
    """
    first, *rest = errors
    told = dict.fromkeys(problem for error in rest for problem in problems_of(error))
    known = problems_of(first)
    first.others += tuple(problem for problem in told if problem not in known)
    return first


def is_panic(error: BaseException) -> bool:
    """Whether a library in Rust gave up: what it raises then is no ``Exception``, and is told on
    stderr by itself."""
    return type(error).__module__ == "pyo3_runtime"
