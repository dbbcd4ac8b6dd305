"""The only door to ffmpeg: write frames, read frames, probe.

Letters: n frames, H rows, W columns; frames are uint8 RGB ``[n, H, W, 3]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BufferedReader
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from holocine_core.edit.process import DISK_FULL, Run, source, strict, url
from holocine_core.errors import InputError, MachineError, RenderError
from holocine_core.script.timeline import FrameSpan

Frames = npt.NDArray[np.uint8]

# A third of the size of ffv1 and utvideo, and smaller than ultrafast (benchmarks/masters.py prints
# it). The thread count is fixed because x264 writes other bits for another count, and the default
# is the machine's.
MASTER_ARGS = ("-c:v", "libx264rgb", "-preset", "superfast", "-qp", "0", "-threads", "8")
"""Codec of lossless intermediates: exact RGB, the same bytes from run to run. For ``.mp4``."""

_SAME_BYTES = ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")
_TO_RGB = "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp+bitexact,format=rgb24"
_CHUNK_BYTES = 8 << 20


def _cannot_write(path: Path, run: Run) -> MachineError:
    reason = run.reason
    hint = "see ffmpeg's message; `holocine doctor` tests this machine's ffmpeg"
    if DISK_FULL in reason:
        hint = f"free some space in {path.absolute().parent} and run the same command again"
    return MachineError(f"ffmpeg could not write {path.name}: {reason}", where=str(path), hint=hint)


class FrameWriter:
    """Takes frames for one file; made by :func:`write_frames`."""

    def __init__(self, run: Run, path: Path, width: int, height: int) -> None:
        self.frames = 0
        """Frames written so far."""
        self._run, self._path, self._shape = run, path, (height, width, 3)

    def write(self, frames: Frames) -> None:
        """Append uint8 RGB ``[n, H, W, 3]``. Raises MachineError once ffmpeg has given up."""
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != self._shape:
            raise ValueError(
                f"expected uint8 [n, *{self._shape}], got {frames.dtype} {frames.shape}"
            )
        try:
            with self._run.waited():
                self._run.stdin.write(np.ascontiguousarray(frames).reshape(-1).data)
        except BrokenPipeError as broken:
            self._run.wait()
            raise _cannot_write(self._path, self._run) from broken
        self.frames += len(frames)

    def finish(self) -> None:
        if not self.frames:
            raise RenderError("a clip needs at least one frame", where=str(self._path))
        try:
            with self._run.waited():
                self._run.stdin.close()
        except BrokenPipeError as broken:
            self._run.wait()
            raise _cannot_write(self._path, self._run) from broken
        if self._run.wait():
            raise _cannot_write(self._path, self._run)


@contextmanager
def write_frames(
    path: Path,
    width: int,
    height: int,
    fps: Fraction,
    codec_args: Sequence[str],
    inputs: Sequence[str] = (),
) -> Iterator[FrameWriter]:
    """Encode frames to ``path`` as they come; overwrites. Whoever calls renames afterwards.

    Args:
        path: Its suffix picks the container.
        codec_args: Output options, such as ``MASTER_ARGS``.
        inputs: Options that open further inputs; the frames are input 0.

    Raises:
        MachineError: ffmpeg failed; carries its reason. The partial file is removed, as it is on
            any exception of the body.
    """
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}")
    rate = ("-framerate", f"{fps.numerator}/{fps.denominator}", "-i", "pipe:0")
    run = Run([*source, *rate, *inputs, *codec_args, *_SAME_BYTES, "-y", url(path)], feed=True)
    writer = FrameWriter(run, path, width, height)
    try:
        yield writer
        writer.finish()
    except BaseException:
        run.kill()
        path.unlink(missing_ok=True)
        raise


def read_frames(
    path: Path, *, span: FrameSpan | None = None, filters: str = ""
) -> Iterator[Frames]:
    """A film's frames in order, in chunks of at most 8 MiB (or one frame), each a new array.

    Args:
        span: Only these frames; they must exist.
        filters: A video filter chain applied before the conversion to RGB. It must keep the size;
            the number of frames is then the filter's, and unchecked.

    Raises:
        InputError: No film, damaged, or shorter than its own index or ``span`` says.
    """
    held = probe(path)
    wanted = FrameSpan(0, held.frames) if span is None else span
    if wanted.stop > held.frames:
        raise InputError(
            f"frames {wanted.start} to {wanted.stop} are wanted of {held.frames}",
            where=str(path),
            hint="make the file again",
        )
    chain = [] if span is None else [f"trim=start_frame={span.start}:end_frame={span.stop}"]
    chain += [filters] if filters else []
    args = ["-xerror", *source(path), "-map", "0:V:0", "-vf", ",".join([*chain, _TO_RGB])]
    output = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    count = None if filters else len(wanted)
    return _decode([*args, *output], path, (held.height, held.width), count)


def _decode(
    args: Sequence[str], path: Path, size: tuple[int, int], count: int | None
) -> Iterator[Frames]:
    height, width = size
    frame_bytes = height * width * 3
    per_chunk = max(1, _CHUNK_BYTES // frame_bytes)
    run = Run(args)
    got = 0
    try:
        while True:
            chunk = np.empty((per_chunk, height, width, 3), np.uint8)
            with run.waited():
                filled = _fill(run.stdout, chunk)
            whole, rest = divmod(filled, frame_bytes)
            got += whole
            if whole:
                yield chunk[:whole]
            if rest or whole < per_chunk:
                break
        if run.wait_reading(path) or rest or count not in (None, got):
            reason = run.reason if run.process.returncode else f"{got} of {count} frames"
            raise InputError(
                f"the film is damaged: {reason}", where=str(path), hint="make or fetch it again"
            )
    finally:
        run.kill()


def _fill(pipe: BufferedReader, chunk: Frames) -> int:
    """Read until the chunk is full or the pipe ends; the bytes got."""
    view = chunk.reshape(-1).data
    at = 0
    while at < len(view) and (step := pipe.readinto(view[at:])):
        at += step
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a file holds, counted packet by packet. Sizes as displayed, after rotation."""

    frames: int
    width: int
    height: int
    fps: Fraction
    seconds: float
    codec: str
    pix_fmt: str
    audio: bool
    audio_seconds: float | None
    steady: bool
    """Whether every frame lasts equally long; if not, ``fps`` is the mean."""


@dataclass(frozen=True, slots=True)
class _Packet:
    pts: int
    duration: int


@dataclass(frozen=True, slots=True)
class _Stream:
    kind: str
    codec: str
    size: tuple[int, int]
    tick: Fraction
    """Seconds of one unit of the packets' times."""
    layout: str
    """Of its sound channels, as ffmpeg names them; empty for pictures."""
    packets: tuple[_Packet, ...]

    @property
    def begins(self) -> Fraction:
        """Seconds."""
        return self.tick * min(packet.pts for packet in self.packets)

    @property
    def ends(self) -> Fraction:
        """Seconds: Matroska rounds every packet's length to milliseconds, and its sum drifts."""
        return self.tick * max(packet.pts + packet.duration for packet in self.packets)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InputError("the file does not exist", where=str(path), hint="check the path")


def _streams(path: Path, *maps: str) -> tuple[list[_Stream], str]:
    """The mapped streams with all their packets, and ffmpeg's log."""
    _require_file(path)
    choose = [arg for each in maps for arg in ("-map", each)]
    args = [*strict(path), *source(path), *choose, "-map_metadata", "-1", "-c", "copy"]
    run = Run([*args, "-f", "framecrc", "pipe:1"], level="info")
    try:
        with run.waited():
            table = run.stdout.read().decode()
    except BaseException:
        run.kill()
        raise
    failed = run.wait_reading(path)
    if failed and "not on whitelist" in run.log:
        raise InputError(
            "it is a playlist, or another kind of file that names others or is not read here",
            where=str(path),
            hint="give the film or sound itself, in one file: MP4, MKV, MOV, WAV, FLAC, MP3, OGG",
        )
    if failed or "partial file" in run.log:
        raise InputError(
            f"ffmpeg cannot read it: {run.reason}",
            where=str(path),
            hint="check that it is a complete film or sound file; make or fetch it again",
        )
    return _parse_framecrc(table), run.log


def _parse_framecrc(table: str) -> list[_Stream]:
    heads: dict[tuple[str, int], str] = {}
    packets: dict[int, list[_Packet]] = {}
    for line in table.splitlines():
        if head := re.match(r"#(\w+) (\d+): (.*)", line):
            heads[head[1], int(head[2])] = head[3].strip()
        elif not line.startswith("#"):
            cells = [cell.strip() for cell in line.split(",")]
            flags = next((int(c[2:], 16) for c in cells[6:] if c.startswith("F=")), 0)
            if not flags & 4:  # AV_PKT_FLAG_DISCARD: decoded for others' sake, never shown
                packets.setdefault(int(cells[0]), []).append(_Packet(int(cells[2]), int(cells[3])))
    streams = []
    for index in sorted(number for key, number in heads if key == "tb"):
        width, _, height = heads.get(("dimensions", index), "0x0").partition("x")
        streams.append(
            _Stream(
                heads["media_type", index],
                heads["codec_id", index],
                (int(width), int(height)),
                Fraction(heads["tb", index]),
                heads.get(("channel_layout_name", index), ""),
                tuple(packets.get(index, ())),
            )
        )
    return streams


def _stated_rate(text: str) -> Fraction:
    """The rate behind ffmpeg's two decimals: whole, n*1000/1001, or as printed."""
    shown = Fraction(text)
    for rate in (Fraction(round(shown)), Fraction(round(shown * 1001 / 1000) * 1000, 1001)):
        if rate and abs(rate - shown) <= Fraction(1, 200):
            return rate
    return shown


def _rate(stream: _Stream, stated: Fraction | None) -> tuple[Fraction, bool]:
    """Frames per second, and whether every frame lies within a tick of that rate."""
    pts = sorted(packet.pts for packet in stream.packets)
    steps = [b - a for a, b in pairwise(pts)] or [stream.packets[0].duration]
    ticks = Fraction(sum(steps), len(steps))
    guesses = [1 / (ticks * stream.tick)] if ticks else []
    if stated is not None:
        # Matroska keeps milliseconds, too coarse for most rates, so its stated rate counts first.
        guesses.insert(0 if stream.tick == Fraction(1, 1000) or len(set(steps)) > 1 else 1, stated)
    for rate in guesses:
        per_frame = 1 / (rate * stream.tick)
        if all(abs(t - pts[0] - i * per_frame) <= 1 for i, t in enumerate(pts)):
            return rate, True
    return guesses[-1], False


def probe(path: Path) -> Probe:
    """Count and measure a film. Raises InputError where there is none to read."""
    streams, log = _streams(path, "0:V:0?", "0:a:0?")
    video = next((s for s in streams if s.kind == "video"), None)
    sound = next((s for s in streams if s.kind == "audio"), None)
    if video is None or not video.packets:
        raise InputError("it holds no picture", where=str(path), hint="give a film file")
    # The output's dump repeats the mapped stream; tags cannot forge it, they stand further right.
    dump = re.split(r"^Output #0", log, maxsplit=1, flags=re.M)[-1]
    # Two spaces, and four in releases before 5.
    described = re.search(r"^(?:  ){1,2}Stream #0:0.*?: Video: [^,]*, (\w+)(.*)", dump, re.M)
    if described is None:
        raise MachineError(
            "this ffmpeg describes films in words that are not known here",
            where=str(path),
            hint="`pip install -U imageio-ffmpeg` brings one that is; leave IMAGEIO_FFMPEG_EXE out",
        )
    stated = re.search(r", ([\d.]+) fps", described[2])
    fps, steady = _rate(video, _stated_rate(stated[1]) if stated else None)
    turned = re.search(r"^ +display ?matrix: rotation of (-?[\d.]+)", dump, re.M | re.I)
    quarter = turned is not None and round(float(turned[1]) / 90) % 2 == 1
    width, height = video.size[::-1] if quarter else video.size
    return Probe(
        frames=len(video.packets),
        width=width,
        height=height,
        fps=fps,
        seconds=float(len(video.packets) / fps),
        codec=video.codec,
        pix_fmt=described[1],
        audio=sound is not None,
        audio_seconds=_lasting(sound, sound) if sound is not None else None,
        steady=steady,
    )


def _lasting(stream: _Stream, first: _Stream) -> float:
    """Seconds from the beginning of one stream to the end of another; 0 where it has none."""
    return float(stream.ends - first.begins) if stream.packets else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTrack:
    """A file's first sound track.

    Attributes:
        seconds: From the file's beginning to the sound's end.
        late: Whether the picture begins before it.
        mono: Whether it has one channel.
    """

    seconds: float
    late: bool
    mono: bool


def probe_audio(path: Path) -> SoundTrack | None:
    """The file's sound, None without any. Raises InputError if the file is unreadable."""
    streams, _ = _streams(path, "0:a:0?", "0:V:0?")
    sound = next((s for s in streams if s.kind == "audio"), None)
    if sound is None:
        return None
    pictures = (s for s in streams if s.kind == "video" and s.packets)
    first = min((*pictures, sound), key=lambda s: s.begins) if sound.packets else sound
    return SoundTrack(
        seconds=_lasting(sound, first), late=first is not sound, mono=sound.layout == "mono"
    )
