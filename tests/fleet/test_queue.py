"""Whose turn a film is, and what becomes of one that fails."""

from __future__ import annotations

import contextlib
import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holocine_core import api
from holocine_core.errors import (
    HolocineError,
    InputError,
    Interrupted,
    MachineError,
    Problem,
    RenderError,
    TakenOver,
)
from holocine_core.fleet.queue import Queue, Turn
from holocine_core.fleet.tries import Tries, read_tries
from holocine_core.store.leases import Lease
from holocine_core.store.vault import Vault
from tests.fleet.conftest import Make, again
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow


def make(turn: Turn) -> None:
    api.render(turn.plan, vault=turn.vault)


def fails(queue: Queue, error: HolocineError, times: int | None = None) -> list[str]:
    """Run a queue whose films fail; whose turn it was."""
    had = []
    for turn in queue.turns():
        had.append(turn.film.film.stem)
        with turn:
            if times is None or len(had) <= times:
                raise error
            make(turn)
    return had


def test_a_turn_that_is_not_taken_is_a_bug_of_the_caller(queued: Make) -> None:
    turns = Queue(queued(1)).turns()
    turn = next(turns)
    with pytest.raises(RuntimeError, match="a turn is a context"):
        next(turns)
    holder = Lease(turn.film.work).holder()
    assert holder is not None
    assert holder.released


def test_the_longest_first_and_each_once(queued: Make) -> None:
    films = queued(3)
    first, second = Queue(films), Queue(again(films), in_order=True)
    had: list[str] = []
    ones, others = first.turns(), second.turns()
    one = next(ones)
    with one:
        had.append(one.film.film.stem)
        other = next(others)
        with other:
            had.append(other.film.film.stem)
            make(other)
        make(one)
    for turn in ones:
        with turn:
            had.append(turn.film.film.stem)
            make(turn)
    assert had == ["film2", "film0", "film1"]
    assert [turn for turn in others] == []
    assert set(first.outcomes.values()) == {"made", "made elsewhere"}
    assert list(second.outcomes.values()).count("made elsewhere") == 2
    assert [one.finished for one in again(films)] == [True] * 3
    assert Queue(again(films)).left == []


def test_a_film_that_another_has_is_asked_for_until_it_is_made(queued: Make) -> None:
    films = queued(1)
    holder, waited = Vault(films[0].work), []
    queue = Queue(films, sleep=lambda seconds: waited.append(seconds))
    with holder.locked("render elsewhere"):
        stops = iter([False] * 8 + [True] * 9)
        assert list(queue.turns(lambda: next(stops), waited.append)) == []
    assert "render elsewhere" in waited[0]
    for turn in queue.turns():
        with turn:
            make(turn)
    assert films[0].film.is_file()


def test_what_the_machine_fails_at_is_tried_again_and_given_up(queued: Make) -> None:
    films, error = queued(1), MachineError("the disk is full", where="here", hint="free some")
    queue = Queue(films, tries=3)
    assert fails(queue, error) == ["film0"] * 3
    assert queue.errors[films[0]] is error
    later = Queue(again(films))
    assert list(later.turns()) == [], "nobody tries any more"
    (told,) = later.errors.values()
    assert isinstance(told, MachineError)
    assert (told.message, told.where, told.hint) == ("the disk is full", "here", "free some")
    for turn in Queue(again(films), retry=True).turns():
        with turn:
            make(turn)
    assert read_tries(films[0].work, "") == Tries()


def test_tries_are_counted_by_progress(queued: Make) -> None:
    """A film that comes on a little with every worker that dies is not given up."""
    (film,) = queued(1, first=4)
    for killed in range(3):
        turn = next(Queue(again([film]), tries=2).turns())
        assert read_tries(film.work, "").count == 1
        listener = Listener(stop_after=2)
        with pytest.raises(Interrupted):
            api.render(turn.plan, vault=turn.vault, emit=listener, should_stop=listener.should_stop)
        turn.give_back()
        assert turn.plan.takes[0].step == 2 * killed


@pytest.mark.parametrize("error", [InputError("wrong", where="film.yaml:3"), RenderError("nan")])
def test_what_fails_anywhere_is_not_tried_again(queued: Make, error: HolocineError) -> None:
    films = queued(2)
    queue = Queue(films)
    assert fails(queue, error, times=1) == ["film1", "film0"], "one bad film stops no other"
    assert queue.outcomes == {films[1]: "failed", films[0]: "made"}
    later = Queue(again(films))
    assert list(later.turns()) == []
    (told,) = later.errors.values()
    assert (type(told), told.message, told.where) == (type(error), error.message, error.where)


def test_a_worker_that_dies_counts_as_a_try(queued: Make) -> None:
    (film,) = queued(1)
    for _ in range(3):
        queue = Queue(again([film]))
        turn = next(queue.turns())
        turn.give_back()  # Killed: nothing more is written.
    queue = Queue(again([film]))
    assert list(queue.turns()) == []
    (error,) = queue.errors.values()
    assert "3 workers ended without a word" in error.message
    assert "holocine plan" in error.hint


def test_what_was_stopped_on_request_is_no_try(queued: Make) -> None:
    (film,) = queued(1)
    for _ in range(5):
        turn = next(Queue(again([film])).turns())
        with pytest.raises(Interrupted), turn:
            raise Interrupted("SIGTERM")
        assert read_tries(film.work, "").count == 0
    holder = Lease(film.work).holder()
    assert holder is not None
    assert holder.released


def test_a_film_that_was_taken_over_is_no_failure(queued: Make) -> None:
    (film,) = queued(1)
    queue, turns = Queue([film]), 0
    for turn in queue.turns():
        turns += 1
        with turn:
            if turns == 1:
                raise TakenOver("by process 7 on elsewhere")
            make(turn)
    assert queue.outcomes[film] == "made"
    assert turns == 2


def test_one_film_that_fails_is_no_sick_machine(queued: Make) -> None:
    films = queued(2)
    (made,) = fails(Queue(films[:1]), RenderError("never"), times=0)
    queue = Queue(again(films))
    assert fails(queue, MachineError("the disk is full")) == ["film1"] * 3
    assert made == "film0"
    assert queue.sick is None
    assert queue.left == []


def test_a_try_that_brings_the_film_on_is_none_in_vain(queued: Make) -> None:
    (film,) = queued(1, first=4)
    queue = Queue([film], tries=1)
    turn = next(queue.turns())
    with turn:
        listener = Listener(stop_after=2)
        with contextlib.suppress(Interrupted):
            api.render(turn.plan, vault=turn.vault, emit=listener, should_stop=listener.should_stop)
        raise MachineError("the disk is full")
    assert queue.left == [film]
    assert fails(Queue(again([film]), tries=1), MachineError("full")) == ["film4"]
    assert read_tries(film.work, "").given_up


def test_what_was_given_up_was_another_film(queued: Make) -> None:
    (film,) = queued(1)
    fails(Queue([film]), InputError("wrong"))
    film.screenplay.write_text(film.screenplay.read_text().replace("A lamp.", "A mended lamp."))
    mended = again([film])
    for turn in Queue(mended).turns():
        with turn:
            make(turn)
    assert film.film.is_file()


def test_a_film_that_is_made_when_the_stop_comes_is_made(queued: Make) -> None:
    (film,) = queued(1)
    queue = Queue([film])
    turn = next(queue.turns())

    def stopped() -> None:
        with turn:
            make(turn)
            raise Interrupted("SIGTERM")

    with pytest.raises(Interrupted):
        stopped()
    assert queue.outcomes == {film: "made"}


def test_what_this_machine_lacks_is_no_try_of_the_film(queued: Make) -> None:
    """A node without the weights fails at once, and again whenever it is started anew."""
    films = queued(4)
    lacking = [
        replace(
            one,
            replan=lambda one=one: replace(  # type: ignore[misc]
                one.replan(), obstacles=(Problem("nano lacks a file", "here", "pull it"),)
            ),
        )
        for one in films
    ]
    queue = Queue(lacking)
    assert list(queue.turns()) == []
    assert queue.sick is not None
    assert queue.sick.message == "nano lacks a file"
    assert [read_tries(film.work, "").count for film in films] == [0] * 4


def test_a_machine_that_fails_film_after_film_leaves_the_rest(queued: Make) -> None:
    films = queued(5)
    queue = Queue(films)
    assert fails(queue, MachineError("the device failed")) == ["film4", "film3", "film2"]
    assert queue.sick is not None
    assert len(queue.left) == 5
    assert [read_tries(film.work, "").count for film in films] == [0, 0, 1, 1, 1]


def test_a_folder_that_can_not_be_written(queued: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    (film,) = queued(1)

    def refuses(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuses)
    queue = Queue([film])
    assert list(queue.turns()) == []
    (error,) = queue.errors.values()
    assert "Read-only file system" in error.message
