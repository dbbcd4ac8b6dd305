"""Ctrl-C, SIGTERM and SIGHUP: the first asks to stop after the current step, the second ends at
once; and the time at which a call is to end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from holocine_cli.escapes import sequence

HANGUP = getattr(signal, "SIGHUP", None)
"""A terminal that was closed; Windows has none."""
SIGNALS = tuple(n for n in (signal.SIGINT, signal.SIGTERM, HANGUP) if n is not None)
SHOW_CURSOR = sequence("?25h")


def acts_as(number: int) -> int:
    """The signal that another one is like: a closed terminal is a SIGTERM."""
    return signal.SIGTERM if number == HANGUP else number


class StopRequest:
    """Whether this call was asked to stop; one for everything the call makes."""

    def __init__(self) -> None:
        self.number = 0
        """The signal that asked; 0 for none."""
        self.ending = False
        """Whether the call is saying its last words: the next signal ends it at once."""
        self.last_words: Callable[[int], None] = lambda number: None
        """Called right before the process ends with 128 + the signal's number."""
        self._listening = False
        self._end_at = float("inf")

    def __call__(self) -> bool:
        return self.number != 0 or self.time_is_over

    @property
    def time_is_over(self) -> bool:
        """Whether the time that was set is over."""
        return time.time() >= self._end_at

    def end_at(self, asked: str) -> None:
        """Ask to stop at a time: ``07:00``, ``2026-12-24T07:00`` or ``90m`` from now.

        Raises:
            InputError: It is no time, or over already.
        """
        from holocine_core.api.fleet import until

        self._end_at = until(asked, datetime.now()).timestamp()

    def heard(self, number: int, frame: object = None) -> None:
        """The signals' handler, which the interpreter runs between two steps of the main thread."""
        if self._listening:
            return  # The thread has heard it.
        if self.ending:
            self.end(number)
        self.ending = True
        self.number = self.number or number
        raise KeyboardInterrupt

    def end(self, number: int) -> None:
        """End the process."""
        number = acts_as(number)
        self.last_words(number)
        os._exit(128 + number)

    @contextlib.contextmanager
    def awaited(self, on_first: Callable[[int], None]) -> Iterator[None]:
        """While this is open, a first signal is a request and no exception.

        A thread hears the signals through a socket, so that they are answered at once although
        the interpreter is inside a long step. Outside the main thread signals are left alone.

        Args:
            on_first: Told the signal's number.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard, spoken = socket.socketpair()
        spoken.setblocking(False)

        def listen() -> None:
            while number := heard.recv(1):
                if number[0] not in SIGNALS:
                    continue
                if self.number:
                    self.end(number[0])
                self.number = number[0]
                on_first(number[0])

        wakeup = signal.set_wakeup_fd(spoken.fileno())
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        self._listening = True
        try:
            yield
        finally:
            self._listening = False
            signal.set_wakeup_fd(wakeup)
            spoken.close()
            listener.join()
            heard.close()


def end_with_input(stop: StopRequest) -> None:
    """From now on the end of stdin is a SIGTERM, for a call that was not asked to stop before."""

    def listen() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        if not stop.number:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()


@contextlib.contextmanager
def handling(stop: StopRequest) -> Iterator[None]:
    """While this is open, signals go to ``stop``; outside the main thread they are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Who calls us by nohup wants a closed terminal to be nothing.
    heard = [n for n in SIGNALS if n != HANGUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop.heard) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
