"""Films that any number of workers share, and whose turn it is.

No worker knows the others: each looks at the films' work folders, takes the longest film that
nobody has, and looks again. A film that another worker has is asked for until it is made: should
that worker die, its lease runs out and the film is this one's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal

from holocine_core.errors import HolocineError, Interrupted, InUse, MachineError, TakenOver
from holocine_core.events import FilmDone, Stop, ignore, never
from holocine_core.film.ownership import film_key, is_finished, sidecar_is_ours
from holocine_core.fleet.tries import (
    Tries,
    forget_tries,
    reached,
    read_tries,
    write_tries,
)
from holocine_core.plan.values import Plan
from holocine_core.store.journal import journal, last_line
from holocine_core.store.leases import Lease, lease_seconds
from holocine_core.store.processes import this_process
from holocine_core.store.vault import Vault

Outcome = Literal["made", "up to date", "made elsewhere", "failed", "left"]
TRIES = 3
POLL = 2.0
"""Seconds at most between two looks at films that others have; fewer where leases are short."""
FIRST_POLL = 0.05
IN_A_ROW = 3
"""Films that fail one after the other by the machine's fault: it is then the machine."""
Replan = Callable[[], Plan]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queued:
    """A film that waits.

    Attributes:
        screenplay: What it is made of.
        film: Where it goes.
        work: Its work folder.
        seconds: How long it takes; 0 where nobody knows.
        flops: What it costs.
        finished: Whether it is there already, with all that is to lie beside it.
        bf16: Whether a processor's way to compute decides its last bits.
        key: Its fingerprint: what it is made of and how.
        replan: Plans it as it stands now.
        lacks: Whether a film that is there lacks what is to lie beside it.
    """

    screenplay: Path
    film: Path
    work: Path
    seconds: float
    flops: float
    finished: bool
    bf16: bool
    key: str
    replan: Replan
    lacks: Callable[[Plan], bool] = lambda plan: False


class Turn:
    """One film that is this worker's turn: its work folder is held while this is open.

    What goes wrong in the body is noted and ends here, but for a request to stop. A film that was
    made is told by :meth:`made`.
    """

    def __init__(self, queue: Queue, queued: Queued, plan: Plan, vault: Vault) -> None:
        self.film = queued
        self.plan = plan
        self.vault = vault
        self.error: HolocineError | None = None
        """What ended the try."""
        self.over = False
        self._queue = queue
        self._stack = ExitStack()
        self._tries = Tries()

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        with self._stack:
            self.over = True
            return self._queue.end(self, error)

    def give_back(self) -> None:
        """Give the work folder back; nothing is noted."""
        self._stack.close()


class Queue:
    """The films of one worker's call.

    Args:
        films: All of them, whoever makes them.
        tries: How often a film may fail by the machine's fault before it is given up.
        retry: Try those as well that were given up earlier.
        in_order: Take them as they come, not the longest first.
        sleep: Waits.
    """

    def __init__(
        self,
        films: Sequence[Queued],
        *,
        tries: int = TRIES,
        retry: bool = False,
        in_order: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.outcomes: dict[Queued, Outcome] = {}
        self.errors: dict[Queued, HolocineError] = {}
        """Of those that failed."""
        self.sick: HolocineError | None = None
        """Why this worker ended before the films did: its machine fails."""
        self._films = films if in_order else sorted(films, key=lambda one: -one.flops)
        self._limit = tries
        self._again = set(films) if retry else set()
        self._sleep = sleep
        self._poll = min(POLL, lease_seconds() / 5)
        self._leases: dict[Queued, Lease] = {}
        self._failed_here: dict[Queued, int] = {}
        self._in_a_row: set[Queued] = set()
        for film in films:
            if film.finished:
                self.outcomes[film] = "up to date"

    @property
    def left(self) -> list[Queued]:
        """The films of which nothing is known yet."""
        return [film for film in self._films if film not in self.outcomes]

    def turns(
        self, should_stop: Stop = never, waits: Callable[[str], None] = lambda words: None
    ) -> Iterator[Turn]:
        """This worker's films, one after the other, until all films are made or given up.

        Args:
            should_stop: Asked between films, and while others' are waited for.
            waits: Told, in words, whom this worker waits for.
        """
        said, poll = "", FIRST_POLL
        while (left := self.left) and self.sick is None:
            others: list[str] = []
            turn, known = None, len(self.outcomes)
            # What failed here is better tried elsewhere: it comes last.
            for film in sorted(left, key=lambda one: self._failed_here.get(one, 0)):
                if should_stop():
                    return
                turn = self._turn(film, others)
                if turn is not None:
                    break
            if turn is not None:
                poll = FIRST_POLL
                yield turn
                if not turn.over:
                    turn.give_back()
                    raise RuntimeError("a turn is a context: take it before you ask for the next")
                if self._failed_here.get(turn.film) and self.left == [turn.film]:
                    self._pause(should_stop, self._poll * self._failed_here[turn.film])
            elif known == len(self.outcomes):
                if others and others[0] != said:
                    waits(said := others[0])
                self._pause(should_stop, poll)
                poll = min(2 * poll, self._poll)  # The last film of another is often made soon.

    def _turn(self, film: Queued, others: list[str]) -> Turn | None:
        """The film, if nobody has it and it is not made; who has it goes into ``others``."""
        lease = self._leases.setdefault(film, Lease(film.work, f"render {film.film.name}"))
        vault = Vault(film.work)
        with ExitStack() as stack:
            try:
                stack.enter_context(vault.locked("", lease))
            except InUse:
                others.append(f"{film.film}, {lease.holder()}")
                return None
            except HolocineError as error:
                self._failed_before(film, error)
                return None
            try:
                turn = self._begin(film, vault)
            except HolocineError as error:
                self._note(film, error)
                return None
            if turn is not None:
                turn._stack.push(stack.pop_all())
            return turn

    def _begin(self, film: Queued, vault: Vault) -> Turn | None:
        plan = film.replan()
        if is_finished(plan) and sidecar_is_ours(plan) and not film.lacks(plan):
            self.outcomes[film] = "made elsewhere"
            forget_tries(film.work)
            _tell_that_it_is_made(plan)
            return None
        for obstacle in plan.obstacles:  # What this machine lacks, another one may have.
            raise MachineError(obstacle.message, where=obstacle.where, hint=obstacle.hint)
        tries = read_tries(film.work, key := film_key(plan))
        if film in self._again:
            self._again.discard(film)
            tries = Tries()
        dead = tries.count >= self._limit and tries.reached == reached(plan, vault)
        if tries.given_up or dead:
            if not tries.given_up:
                write_tries(film.work, replace(tries, given_up=True))
            self.outcomes[film], self.errors[film] = "failed", tries.error()
            return None
        turn = Turn(self, film, plan, vault)
        turn._tries = tries.begun(key, reached(plan, vault), str(this_process()))
        write_tries(film.work, turn._tries)
        return turn

    def _failed_before(self, film: Queued, error: HolocineError) -> None:
        """A work folder that can not be claimed: the machine's fault, told by no record."""
        self._failed_here[film] = self._failed_here.get(film, 0) + 1
        if self._failed_here[film] >= self._limit:
            self.outcomes[film], self.errors[film] = "failed", error
        self._machine_failed(film, error)

    def _note(self, film: Queued, error: HolocineError) -> None:
        """A film that can not be planned fails anywhere, unless the machine is at fault."""
        if isinstance(error, MachineError):
            self._failed_before(film, error)
        else:
            self.outcomes[film], self.errors[film] = "failed", error

    def end(self, turn: Turn, error: BaseException | None) -> bool:
        """Note how a turn ended; whether its error ends with it."""
        film = turn.film
        if error is None:
            self.outcomes[film] = "made"
            self._in_a_row.clear()
            with suppress(HolocineError):
                forget_tries(film.work)
            return True
        if isinstance(error, TakenOver):
            turn.error = error  # It goes on elsewhere.
            return True
        if isinstance(error, Interrupted) and is_finished(turn.plan):
            self.outcomes[film] = "made"  # It was asked to stop when all was done.
        if isinstance(error, Interrupted) or not isinstance(error, HolocineError):
            with suppress(HolocineError):
                if isinstance(error, Interrupted | KeyboardInterrupt):
                    write_tries(film.work, turn._tries.uncounted())
            return False
        turn.error = error
        told = turn._tries.failed(error, self._limit, reached(turn.plan, turn.vault))
        with suppress(HolocineError):  # A full disk: the try counts as it was begun.
            turn.vault.require_held()
            write_tries(film.work, told)
        if told.given_up:
            self.outcomes[film], self.errors[film] = "failed", error
        self._failed_here[film] = self._failed_here.get(film, 0) + 1
        if isinstance(error, MachineError):
            self._machine_failed(film, error)
        return True

    def _machine_failed(self, film: Queued, error: HolocineError) -> None:
        self._in_a_row.add(film)
        if len(self._in_a_row) >= IN_A_ROW:
            self.sick = error

    def _pause(self, should_stop: Stop, seconds: float) -> None:
        waited = 0.0
        while waited < seconds and not should_stop():
            self._sleep(step := min(0.2, seconds - waited))
            waited += step


def _tell_that_it_is_made(plan: Plan) -> None:
    """A worker that died between the film's name and the journal's last line told it to nobody."""
    if (last_line(plan.work) or {}).get("event") != "FilmDone":
        with journal(plan.work, ignore) as tell:
            tell(FilmDone(film=str(plan.out), frames=0, seconds=0.0, up_to_date=True))
