"""Leases: of all processes on all hosts that share a folder one has it, and none for ever.

A lease is a file, ``lease-7.json``, that tells who has the folder and is written anew while its
holder lives. The next holder makes ``lease-8.json``: of several that try, the system lets one make
it. The highest number is the holder's; who finds a higher one than its own has lost the folder.

A lease ends when its holder says so, when its process is gone (on the same host), or when others
have seen it unchanged for as long as it was to last, by their own clock: hosts' clocks are never
compared. A holder that was stopped meanwhile and wakes finds out before it keeps anything.

What it asks of a file system: that a file is made by one of several, and that a rename is whole or
not at all. ``filelock.SoftFileLease`` asks for an exchange of two files as well, which NFS and SMB
do not have: there it never takes over what a dead holder has left.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.store.files import read_small
from holocine_core.store.holders import PART, SECONDS, Holder, holder_text, read_holder
from holocine_core.store.processes import Process, this_process

VARIABLE = "HOLOCINE_LEASE"
_RENEWED = 3
"""Times that a lease is renewed while it lasts."""
_POLL = 0.05
_idle: set[str] = set()
"""Tokens of this process that hold nothing: a claim, or its end, that could not be written may have
left one behind, and nobody is to wait for itself."""
_LOOK = 0.5


class Lost(Exception):
    """Another process has taken a lease over.

    Args:
        holder: Which; None where the lease's file is gone.
        seconds: How long the lease was to last.
    """

    def __init__(self, holder: Holder | None, seconds: float) -> None:
        super().__init__(str(holder or "its folder is gone"))
        self.holder = holder
        self.seconds = seconds


class Held(Exception):
    """Another process has the lease.

    Args:
        holder: Which.
    """

    def __init__(self, holder: Holder) -> None:
        super().__init__(str(holder))
        self.holder = holder


class Lease:
    """One folder's lease, to be claimed by this process.

    An object that comes in vain remembers what it saw: ask the same one again to notice that a
    holder is silent.

    Args:
        folder: That is there.
        doing: What it is claimed for.
        name: Of the lease's files.
        seconds: How long it lasts if it is not renewed; :func:`lease_seconds` where None.
    """

    def __init__(
        self, folder: Path, doing: str = "", *, name: str = "lease", seconds: float | None = None
    ) -> None:
        self.folder = folder
        self.before: Holder | None = None
        """Whose it was when it was claimed, where that one had not given it back."""
        self._name = name
        self._seconds = lease_seconds() if seconds is None else seconds
        self._doing = doing
        self._seen: tuple[tuple[int, Holder], float] | None = None
        self._number = 0
        self._mine: Holder | None = None
        self._renewed = 0.0
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None

    def claim(self, gone: Process | None = None) -> None:
        """Take the lease and renew it from now on.

        Args:
            gone: A process that is known to be silent for too long: what it held is free.

        Raises:
            Held: Another process has it, or was faster.
            OSError: The folder is not there or can not be written.
        """
        number, holder = self._highest()
        free = holder is None or self._has_ended(number, holder)
        if holder is not None and not free and (gone is None or holder.process != gone):
            raise Held(holder)
        mine = Holder(
            process=this_process(),
            token=secrets.token_hex(8),
            since=time.strftime("%Y-%m-%d %H:%M:%S"),
            doing=self._doing,
            seconds=self._seconds,
        )
        path, part = self._path(number + 1), self._part(number + 1, mine)
        try:
            # Who is killed before the claim is whole has told already whose it is.
            part.write_text(holder_text(mine), encoding="utf-8")
            path.open("x").close()
        except FileExistsError:
            part.unlink(missing_ok=True)
            raise Held(self._highest()[1] or Holder()) from None
        except OSError:
            _remove(part)
            raise
        try:
            part.replace(path)
            self._settle(number, mine)
        except OSError:
            _idle.add(mine.token)
            _remove(path, part)  # Nobody is to wait for half a claim.
            raise
        self.before = None if holder is None or holder.released else holder
        self._number, self._mine, self._renewed = number + 1, mine, time.monotonic()
        self._ended.clear()
        self._heart = threading.Thread(target=self._beat, daemon=True, name="lease")
        self._heart.start()

    def _settle(self, number: int, mine: Holder) -> None:
        """Whether a claim that was just made holds; former ones go. Errors as of :meth:`claim`."""
        # A host that saw the folder as it was a moment ago makes a number that was given before.
        highest, other = self._highest()
        if highest != number + 1 or other is None:
            self._path(number + 1).unlink(missing_ok=True)
            raise Held(other or Holder())
        self._remove_others(highest, mine)

    def _remove_others(self, number: int, mine: Holder) -> None:
        """Former claims, and what others were writing when they were killed: who lives and has come
        in vain misses nothing."""
        for older in self._numbers():
            if older < number:
                self._path(older).unlink(missing_ok=True)
        for part in self.folder.glob(f".{self._name}-*.part"):
            found = PART.fullmatch(part.name)
            if found and int(found["number"]) <= number and found["token"] != mine.token:
                part.unlink(missing_ok=True)

    def claim_at_last(self, gone: Process | None = None) -> None:
        """As :meth:`claim`, for one that has seen nothing of the folder yet: whether a holder of
        another host lives is found out by waiting for its next sign of life.

        Raises:
            Held: The holder lives.
            OSError: As :meth:`claim`.
        """
        first: Holder | None = None
        while True:
            try:
                return self.claim(gone)
            except Held as held:
                process, here = held.holder.process, this_process()
                near = process is not None and (process.host, process.boot) == (
                    here.host,
                    here.boot,
                )
                if near or first not in (None, held.holder):
                    raise
                first = held.holder
            time.sleep(min(_LOOK, first.seconds / 10))

    def require(self) -> None:
        """Look whether the folder is still this process's; renews a lease that was not for long.

        Raises:
            Lost: It is not.
            OSError: The folder can not be read or written.
        """
        with self._renewing:
            mine = self._require()
            if time.monotonic() - self._renewed > mine.seconds / _RENEWED:
                with contextlib.suppress(FileNotFoundError):  # Whoever took it over removed it.
                    self._renew(mine)
                self._require()

    def release(self, *, leaving_nothing: bool = False) -> None:
        """Give the folder back, if it is still this process's; what can not be written runs out.

        Args:
            leaving_nothing: Remove the lease's file, where nobody is to look who held it last.
        """
        self._ended.set()
        with self._renewing:
            if self._mine is not None:
                _idle.add(self._mine.token)
            with contextlib.suppress(OSError, Lost):
                mine = self._require()
                if leaving_nothing:
                    self._path(self._number).unlink()
                else:
                    self._write(replace(mine, released=True))
            self._mine = None

    def holder(self) -> Holder | None:
        """Who has the folder, or had it last; None where nobody ever had.

        Raises:
            OSError: The folder can not be read.
        """
        return self._highest()[1]

    def is_unused(self) -> bool:
        """Whether nothing tells of anyone who has the folder or ever asked for it.

        Raises:
            OSError: The folder can not be read.
        """
        return not self._numbers() and not list(self.folder.glob(f".{self._name}-*.part"))

    def is_over(self) -> bool:
        """Whether nobody has the folder, as far as this object has seen: ask the same one again.

        Raises:
            OSError: The folder can not be read.
        """
        number, holder = self._highest()
        return holder is None or self._has_ended(number, holder)

    def _has_ended(self, number: int, holder: Holder) -> bool:
        if holder.released or (holder.process is not None and holder.process.is_gone()):
            return True
        if holder.token in _idle and holder.process == this_process():
            return True
        seen, now = (number, holder), time.monotonic()
        if self._seen is None or self._seen[0] != seen:
            self._seen = seen, now
        return now - self._seen[1] >= holder.seconds

    def _require(self) -> Holder:
        if self._mine is None:
            raise Lost(None, self._seconds)
        highest, holder = self._highest()
        if highest != self._number or holder is None or holder.token != self._mine.token:
            raise Lost(holder, self._mine.seconds)
        return self._mine

    def _renew(self, mine: Holder) -> None:
        self._mine = replace(mine, beat=mine.beat + 1)
        self._write(self._mine)
        self._renewed = time.monotonic()

    def _beat(self) -> None:
        """Renew until the lease is given back or lost. What can not be written now may be later:
        whether the lease was lost meanwhile is asked before anything is kept."""
        while not self._ended.wait(self._seconds / _RENEWED):
            with self._renewing, contextlib.suppress(OSError):
                if self._ended.is_set():
                    return
                try:
                    self._renew(self._require())
                except Lost:
                    return

    def _write(self, holder: Holder) -> None:
        path, part = self._path(self._number), self._part(self._number, holder)
        try:
            part.write_text(holder_text(holder), encoding="utf-8")
            part.replace(path)
        except OSError:
            _remove(part)
            raise

    def _part(self, number: int, holder: Holder) -> Path:
        """Where a claim is written before it gets its name."""
        return self.folder / f".{self._name}-{number}.{holder.token}.part"

    def _path(self, number: int) -> Path:
        return self.folder / f"{self._name}-{number}.json"

    def _numbers(self) -> list[int]:
        named = re.compile(rf"{re.escape(self._name)}-([0-9]+)\.json")
        found = (named.fullmatch(name) for name in os.listdir(self.folder))  # noqa: PTH208
        return sorted(int(one[1]) for one in found if one)

    def _highest(self) -> tuple[int, Holder | None]:
        """The newest claim: its number, and what it says; 0 and None where there is none."""
        while numbers := self._numbers():
            with contextlib.suppress(FileNotFoundError):  # A newer one came and this one went.
                told = read_holder(read_small(self._path(numbers[-1])))
                return numbers[-1], told if told.process else self._begun(numbers[-1])
        return 0, None

    def _begun(self, number: int) -> Holder:
        """Whose a claim is that is not whole: of those that were about to make it one that may
        live, else one that is gone."""
        found = [Holder()]
        for part in self.folder.glob(f".{self._name}-{number}.*.part"):
            with contextlib.suppress(FileNotFoundError):
                found.insert(0, read_holder(read_small(part)))
        known = [one for one in found if one.process is not None]
        living = [one for one in known if one.process and not one.process.is_gone()]
        return next(iter(living or known), Holder())


@contextlib.contextmanager
def leased(
    folder: Path, doing: str = "", *, name: str = "lease", wait: bool = False
) -> Iterator[Lease]:
    """Have a folder's lease while the body works.

    Args:
        folder: That is there.
        doing: What for.
        name: Of the lease's files.
        wait: Wait for others instead of raising.

    Raises:
        Held: Another process has it.
        OSError: The folder is not there or can not be written.
    """
    lease = Lease(folder, doing, name=name)
    while True:
        try:
            lease.claim()
            break
        except Held:
            if not wait:
                raise
            time.sleep(_POLL)
    try:
        yield lease
    finally:
        lease.release()


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def lease_seconds() -> float:
    """How long this process's leases last: as ``HOLOCINE_LEASE`` says, else :data:`SECONDS`.

    Raises:
        InputError: The variable is no length of time.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if not asked:
        return SECONDS
    try:
        seconds = float(asked)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86400:
        raise InputError(
            f"{VARIABLE} is no length of a lease: {asked!r}",
            where=VARIABLE,
            hint="seconds, from 1 to 86400; 60 without it",
        )
    return seconds
