"""Single frames of a film as pictures on disk: what shots are judged, captioned and reviewed by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.events import Stop
from holocine_core.ingest.footage import Footage, Picture, read_pictures
from holocine_core.store.files import atomic
from holocine_core.store.vault import disk_errors

LONGER_SIDE = 448
"""Pixels."""
_QUALITY = 88
_APART = 8.0
"""Seconds between two wanted frames from which on the film is entered anew."""


class Looks:
    """Frames of a film by their times.

    Args:
        footage: The film.
        folder: Where pictures are kept.
    """

    def __init__(self, footage: Footage, folder: Path) -> None:
        self._footage = footage
        self._folder = folder
        share = min(1.0, LONGER_SIDE / max(footage.width, footage.height))
        self.size = (max(2, round(footage.width * share)), max(2, round(footage.height * share)))
        """Width and height of the pictures."""

    def path(self, time: int) -> Path:
        """Where the picture of the frame at ``time`` is, or will be."""
        return self._folder / f"{time:012d}.jpg"

    def gather(self, times: Iterable[int], should_stop: Stop) -> None:
        """Keep the frames at these times, in ticks; those that are there are not read again.

        Raises:
            InputError: The film holds no frame at one of them.
            MachineError: The disk failed.
            Interrupted: ``should_stop`` said so; what was gathered is kept.
        """
        wanted = sorted({time for time in times if not self.path(time).is_file()})
        with disk_errors("keep pictures", self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        while wanted:
            reach = _APART / float(self._footage.tick)
            for seen in read_pictures(self._footage, self.size, since=wanted[0]):
                if seen.time == wanted[0]:
                    self._keep(wanted.pop(0), seen.pixels)
                    if should_stop():
                        raise Interrupted("stopped while footage was looked at; pictures are kept")
                    if not wanted or wanted[0] - seen.time > reach:
                        break
                elif seen.time > wanted[0]:
                    raise _changed(self._footage, wanted[0])
            else:
                if wanted:
                    raise _changed(self._footage, wanted[0])

    def read(self, time: int) -> Picture:
        """A gathered picture, RGB."""
        import cv2

        data = np.frombuffer(self.path(time).read_bytes(), np.uint8)
        pixels: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if pixels is None:
            raise MachineError(
                "a picture of the film is damaged",
                where=str(self.path(time)),
                hint="check the disk, remove this file and run the same command again",
            )
        upright: Picture = pixels[..., ::-1]
        return upright

    def _keep(self, time: int, pixels: Picture) -> None:
        import cv2

        _, data = cv2.imencode(
            ".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        path = self.path(time)
        with disk_errors("keep pictures", path), atomic(path) as part:
            part.write_bytes(data.tobytes())


def spread(times_n: NDArray[np.int64] | Sequence[int], count: int) -> tuple[int, ...]:
    """At most ``count`` times, evenly over a shot's frames, the ends left out."""
    total = len(times_n)
    count = min(count, total)
    return tuple(int(times_n[int((i + 0.5) * total / count)]) for i in range(count))


def _changed(footage: Footage, time: int) -> InputError:
    return InputError(
        f"the frame at {float(time * footage.tick):.3f} s is not there any more",
        where=str(footage.path),
        hint="the file was changed while it was read; run the same command again",
    )
