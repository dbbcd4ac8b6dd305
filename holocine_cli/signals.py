"""Ctrl-C and SIGTERM: the first asks to stop after the current step, the second ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"


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

    def __call__(self) -> bool:
        return self.number != 0

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


@contextlib.contextmanager
def handling(stop: StopRequest) -> Iterator[None]:
    """While this is open, signals go to ``stop``; outside the main thread they are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop.heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
