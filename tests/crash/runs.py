"""A command that is killed before a change it makes, or told of an error of the disk, and called
again: does it end as if nothing had been?

Every call is a fork of this process, which has imported all that it needs: so a death costs what
the command itself does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tests.crash.points import Fault, Points

Verdict = Literal["survived", "wrong", "refused", "exit 1", "other exit", "debris"]
VERDICTS: tuple[Verdict, ...] = ("survived", "wrong", "refused", "exit 1", "other exit", "debris")
DIARIES = re.compile(
    r"(cache/.*"  # how long things took here, and hashes of files by their numbers
    r"|(.*/)?(run|metrics)\.jsonl|(.*/)?events\.out\.tfevents.*"  # what happened when
    r"|(.*/)?([a-z]+-)?lease-\d+\.json)"  # who was there
)
"""Files that tell of a run and not of what it made: no two runs' are alike."""
_NUMBERED = re.compile(r"(?<=lease-)\d+(?=\.json)|(?<=tfevents\.)\S+")
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command, and what was done before it.

    Attributes:
        name: For the table.
        words: Of the command.
        before: Commands that are called first, without a death.
        given: Files that are there before all.
    """

    name: str
    words: Sequence[str]
    before: Sequence[Sequence[str]] = ()
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one death or error.

    Attributes:
        point: The change that was not made.
        verdict: How the same command ended, called again.
        told: What is not as it should be.
    """

    point: str
    verdict: Verdict
    told: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: its exit code, -9 where it was killed, and what it said."""

    code: int
    said: str


class Stage:
    """Where a case is played again and again.

    Args:
        case: The command.
        folder: Where all of it happens; made and removed again and again.
        call: The program: words in, an exit code out.
    """

    def __init__(self, case: Case, folder: Path, call: Callable[[list[str]], int]) -> None:
        self.case = case
        self._folder = folder
        self._call = call
        self._beside = folder.with_name(f"{folder.name}.before")
        self._told = folder.with_name(f"{folder.name}.told")
        _empty(self._beside)
        for name, text in case.given.items():
            (self._beside / name).write_text(text, encoding="utf-8")
        self._set()
        for words in case.before:
            self._must(words)
        shutil.rmtree(self._beside)
        shutil.copytree(folder, self._beside, symlinks=True)
        self._set()
        self._must(case.words)
        self._whole = contents(folder)
        self.points = self._counted()

    @property
    def folder(self) -> Path:
        """Where the case is played."""
        return self._folder

    @property
    def whole(self) -> Mapping[str, bytes]:
        """What the command makes, unbroken."""
        return self._whole

    def reset(self) -> None:
        """Everything as it is before the command."""
        self._set()

    def call(self) -> Ended:
        """The command, as things are."""
        return self._run(self.case.words)

    def outcome(self, number: int, fault: Fault = "death") -> Outcome:
        """Fail at a change, call the same command again, and look."""
        self._set()
        point = self.points[number]
        failed = self._run(self.case.words, number, fault)
        # 4: some of several films.
        allowed = (-signal.SIGKILL,) if fault == "death" else (0, 3, 4)
        if failed.code not in allowed:
            verdict: Verdict = "exit 1" if failed.code == 1 else "other exit"
            return Outcome(point=point, verdict=verdict, told=f"at the {fault}: {failed}")
        if failed.code == 0:
            # Whoever hears of nothing has everything, and does not call again: another reshoot
            # would be another film. What the disk would not let go goes with the next call.
            ended = self._compared(point)
            before = self._debris()
            if ended.verdict == "debris" and self._run(self.case.words).code == 0:
                left = [name for name in before if name in contents(self._folder)]
                return replace(ended, verdict="debris" if left else "survived", told=str(left))
            return ended
        again = self._run(self.case.words)
        match again.code:
            case 0:
                return self._compared(point)
            case 1:
                return Outcome(point=point, verdict="exit 1", told=again.said)
            case 2:
                return Outcome(point=point, verdict="refused", told=again.said)
        return Outcome(point=point, verdict="other exit", told=f"{again.code}: {again.said}")

    def _compared(self, point: str) -> Outcome:
        if lacks := self._faults():
            return Outcome(point=point, verdict="wrong", told=lacks)
        if debris := self._debris():
            return Outcome(point=point, verdict="debris", told=str(debris))
        return Outcome(point=point, verdict="survived")

    def _debris(self) -> list[str]:
        return [name for name in contents(self._folder) if name not in self._whole]

    def _faults(self) -> str:
        """What is not as a whole run makes it; empty where all is."""
        found = contents(self._folder)
        lost = [name for name in self._whole if name not in found]
        other = [n for n, held in self._whole.items() if n in found and found[n] != held]
        return f"lacks {lost}, others: {other}" if lost or other else ""

    def _counted(self) -> list[str]:
        """The changes of a whole run; that no two runs differ in what they make is seen as well."""
        self._set()
        self._must(self.case.words, counting=True)
        points = json.loads(self._told.read_text(encoding="utf-8"))
        assert contents(self._folder) == self._whole, "two whole runs do not make the same"
        return list(points)

    def _set(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._beside, self._folder, symlinks=True)

    def _must(self, words: Sequence[str], *, counting: bool = False) -> None:
        ended = self._run(words, counting=counting)
        if ended.code:
            raise AssertionError(f"{' '.join(words)} ended with {ended}")

    def _run(
        self,
        words: Sequence[str],
        fails_at: int | None = None,
        fault: Fault = "death",
        *,
        counting: bool = False,
    ) -> Ended:
        """A call in a process of its own."""
        said = self._told.with_suffix(".said")
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            code = 99
            try:
                points = Points(self._folder, fails_at, fault)
                code = self._child(words, points, said, watched=counting or fails_at is not None)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        code = _waited(child)
        return Ended(code, said.read_text(encoding="utf-8", errors="replace")[-1500:])

    def _child(self, words: Sequence[str], points: Points, said: Path, *, watched: bool) -> int:
        stream = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for handle in (1, 2):
            os.dup2(stream, handle)
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", encoding="utf-8", closefd=False)
        os.chdir(self._folder)
        os.environ["XDG_CACHE_HOME"] = str(self._folder / "cache")
        os.fsync = lambda handle: None  # Nobody pulls the plug.
        if watched:
            points.watch()
        code = self._call(list(words))
        if watched:
            self._told.write_text(json.dumps(points.seen), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        return code


def _waited(child: int) -> int:
    """A child's exit code; one that hangs is ended."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGALRM


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def contents(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder, by its name; of diaries only that they are there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        diary = path.is_dir() or DIARIES.fullmatch(name)
        found[_NUMBERED.sub("N", name)] = b"" if diary else path.read_bytes()
    return found


def outcomes(
    stage: Stage, every: int = 1, first: int = 0, fault: Fault = "death"
) -> Iterator[Outcome]:
    """Faults at all changes, or at some of them, evenly."""
    for number in range(first, len(stage.points), every):
        yield stage.outcome(number, fault)


def counted(found: Iterable[Outcome]) -> dict[Verdict, int]:
    """How often each verdict was given."""
    all_of_them = [one.verdict for one in found]
    return {verdict: all_of_them.count(verdict) for verdict in VERDICTS}
