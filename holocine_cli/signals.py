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


@contextlib.contextmanager
def stoppable(
    on_first: Callable[[int], None], on_second: Callable[[], None]
) -> Iterator[Callable[[], bool]]:
    """While this is open, a first signal makes the yielded function return True.

    A thread hears the signals through a socket, so that they are answered at once although the
    interpreter is inside a long step. Outside the main thread signals are left alone.

    Args:
        on_first: Told the signal's number.
        on_second: Called right before the process ends with 128 + the signal's number.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    stop = threading.Event()
    heard, spoken = socket.socketpair()
    spoken.setblocking(False)

    def listen() -> None:
        while number := heard.recv(1):
            if stop.is_set():
                on_second()
                os._exit(128 + number[0])
            stop.set()
            on_first(number[0])

    before = {number: signal.signal(number, _unheard) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(spoken.fileno())
    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield stop.is_set
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        spoken.close()
        listener.join()
        heard.close()


def _unheard(number: int, frame: object) -> None:
    """The socket has been written to already."""
