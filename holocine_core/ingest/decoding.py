"""Frames out of a decoder: what can be read of a film, with the times at which it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError
from holocine_core.ingest.opening import printed


def decoded(path: Path, container: Any, stream: Any, times: Times) -> Iterator[tuple[Any, bool]]:
    """Frames, and whether something before them is missing.

    Their ``pts`` is the time each is shown at, in ticks. Where a stretch can't be decoded they go
    on with the next keyframe.

    Raises:
        InputError: Times jump back.
    """
    import av

    torn, wait, last = False, False, None
    for packet in container.demux(stream):
        if wait and not packet.is_keyframe:
            continue
        times.feed(packet)
        try:
            found = packet.decode()
            wait = False
        except av.FFmpegError:
            stream.codec_context.flush_buffers()
            torn = wait = True
            continue
        for frame in found:
            time = times.of(frame)
            if time is None:
                continue
            if last is not None and time <= last:
                if (last - time) * stream.time_base >= 1:
                    raise InputError(
                        f"its times jump back at {float(last * stream.time_base):.1f} s",
                        where=printed(path),
                        hint="it is two films in one file: cut it there, or join them with a tool "
                        "that counts on",
                    )
                torn |= time < last  # But a second frame at one time is never shown.
                continue
            if frame.is_corrupt:
                torn = True
                continue
            frame.pts = last = time
            yield frame, torn
            torn = False


class Times:
    """When frames are shown, in ticks, as they come out of the decoder.

    Where a film is ``in_order``, the time of a frame is that of the packet with which it comes
    out: both rise, and a film that is entered anywhere has the same times.

    Args:
        in_order: Whether frames' own times are wrong.
        entered: Whether the film is entered behind its begin.
    """

    def __init__(self, in_order: bool, entered: bool) -> None:
        self._in_order, self._entered = in_order, entered
        self._fed: int | None = None
        self._step = 1
        self._last: int | None = None

    def feed(self, packet: Any) -> None:
        """A packet goes into the decoder."""
        if packet.dts is not None:
            self._step = max(1, packet.dts - self._fed) if self._fed is not None else self._step
            self._fed = packet.dts

    def of(self, frame: Any) -> int | None:
        """A frame comes out; None where nothing tells its time."""
        time = self._by_packets(frame) if self._in_order else frame.pts
        if time is None and self._last is not None:
            time = self._last + max(1, frame.duration)  # Streams may tell only keyframes' times.
        if time is not None:
            self._last = int(time)
        return time

    def _by_packets(self, frame: Any) -> int | None:
        if frame.dts is not None:
            return int(frame.dts)
        # It comes out after the last packet. How many are to follow is known only if some did.
        if self._fed is None or (self._entered and self._last is None):
            return None
        self._fed += self._step
        return self._fed
