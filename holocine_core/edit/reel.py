"""Clips and transitions -> one stream of frames, at the clips' rate and at the film's.

Memory holds one chunk and one crossfade. Letters: n frames, H rows, W columns; frames are uint8
RGB ``[n, H, W, 3]``. A frame number of the reel is at the clips' rate unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, probe, read_frames, write_frames
from holocine_core.errors import InputError, RenderError
from holocine_core.script.timeline import DeliveredFrame, FrameSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInput:
    """One scene's clip."""

    path: Path
    frames: int
    title: str = ""
    cuts: tuple[int, ...] = ()
    """First frames of the clip's later shots: motion is not interpolated across them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What lies between two clips.

    A ``crossfade`` overlaps ``frames`` of both; a ``fade`` through black dims the last
    ``frames // 2`` of the one and the first of the other's, and like a ``cut`` keeps the length.
    """

    kind: Literal["cut", "fade", "crossfade"] = "cut"
    frames: int = 0

    @property
    def tail(self) -> int:
        """Frames of the earlier clip it takes part of."""
        return self.frames // 2 if self.kind == "fade" else self.frames

    @property
    def head(self) -> int:
        """Frames of the later clip it takes part of."""
        return self.frames - self.tail if self.kind == "fade" else self.frames

    @property
    def overlap(self) -> int:
        return self.frames if self.kind == "crossfade" else 0


class DamagedClip(RenderError):
    """A clip cannot be read, or is not as announced: it has to be made again."""

    def __init__(self, message: str, path: Path) -> None:
        hint = "make it again"
        super().__init__(message, where=str(path), hint=hint)
        self.path = path


Facts = Mapping[str, tuple[object, object]]
"""What is measured: its name -> what was got, what was wanted."""


def difference(facts: Facts) -> str:
    """The first fact that is not as it should be, in words; empty if all are."""
    wrong = (f"{name}: {got}, not {wanted}" for name, (got, wanted) in facts.items())
    return next((words for words, (a, b) in zip(wrong, facts.values(), strict=True) if a != b), "")


def check_clip(clip: ClipInput, size: tuple[int, int], fps: Fraction) -> None:
    """Raise DamagedClip where the file is not the clip that is announced."""
    try:
        held = probe(clip.path)
    except InputError as error:
        raise DamagedClip(error.message, clip.path) from error
    facts: Facts = {
        "frames": (held.frames, clip.frames),
        "size": ((held.width, held.height), size),
        "frames per second": (held.fps, fps),
    }
    if wrong := difference(facts):
        raise DamagedClip(f"the clip has {wrong}", clip.path)


_CUT = Transition()
_LEAST = {"cut": (0, 0), "fade": (2, None), "crossfade": (1, None)}


def check_reel(clips: Sequence[ClipInput], transitions: Sequence[Transition]) -> None:
    """Raise InputError where transitions do not fit between and into the clips."""
    if not clips or len(transitions) != len(clips) - 1:
        raise ValueError(f"{len(clips)} clips need one transition between each two")
    for each in transitions:
        least, most = _LEAST[each.kind]
        if each.frames < least or (most is not None and each.frames > most):
            raise InputError(
                f"a {each.kind} of {each.frames} frames",
                hint=f"give it {'no length' if most == 0 else f'at least {least} frames'}",
            )
    for number, clip in enumerate(clips):
        before, after = _around(number, transitions)
        if before.head + after.tail > clip.frames:
            raise InputError(
                f"its transitions take {before.head} + {after.tail} of {clip.frames} frames",
                where=clip.title or str(clip.path),
                hint="shorten the transitions or lengthen the scene",
            )
        if any(not 0 < cut < clip.frames for cut in clip.cuts):
            raise ValueError(f"cuts {clip.cuts} outside of {clip.frames} frames")


def _around(number: int, transitions: Sequence[Transition]) -> tuple[Transition, Transition]:
    """The transitions before and after a clip; the film's ends are cuts."""
    padded = (_CUT, *transitions, _CUT)
    return padded[number], padded[number + 1]


def clip_starts(clips: Sequence[ClipInput], transitions: Sequence[Transition]) -> tuple[int, ...]:
    """The frame of the reel where each clip's first frame stands, and last the reel's length."""
    starts = [0]
    for clip, after in zip(clips, [*transitions, _CUT], strict=True):
        starts.append(starts[-1] + clip.frames - after.overlap)
    return tuple(starts)


def shots_in_reel(
    clips: Sequence[ClipInput], transitions: Sequence[Transition]
) -> tuple[tuple[int, int, FrameSpan], ...]:
    """Every shot that the reel shows: its clip, its number in it (from 0), its frames of the reel.

    A crossfade belongs to the later scene; one longer than a scene's last shots swallows them.
    """
    marks = [
        (number, shot, start + cut)
        for number, (clip, start) in enumerate(
            zip(clips, clip_starts(clips, transitions), strict=False)
        )
        for shot, cut in enumerate((0, *clip.cuts))
    ]
    length = clip_starts(clips, transitions)[-1]
    later = accumulate((at for *_, at in reversed(marks[1:])), min, initial=length)
    stops = list(later)[::-1]
    return tuple(
        (number, shot, FrameSpan(at, stop))
        for (number, shot, at), stop in zip(marks, stops, strict=True)
        if stop > at
    )


def hard_cuts(clips: Sequence[ClipInput], transitions: Sequence[Transition]) -> tuple[int, ...]:
    """Frames of the reel that do not continue the one before: shots, and scenes that no crossfade
    joins."""
    starts = clip_starts(clips, transitions)
    cuts = {start + cut for start, clip in zip(starts, clips, strict=False) for cut in clip.cuts}
    cuts |= {s for s, t in zip(starts[1:], transitions, strict=False) if not t.overlap}
    return tuple(sorted(cuts))


def roll(clips: Sequence[ClipInput], transitions: Sequence[Transition]) -> Iterator[Frames]:
    """The reel's frames in order. Raises DamagedClip where a clip cannot be read."""
    waiting: list[Frames] = []
    for number, clip in enumerate(clips):
        before, after = _around(number, transitions)
        fading_in = np.concatenate(waiting) if waiting else None
        waiting = []
        body = FrameSpan(before.head, clip.frames - after.tail)
        for at, chunk in _pieces(_clip_frames(clip.path), (body.start, body.stop)):
            if at < body.start:
                if fading_in is None:
                    yield dim(chunk, at + 1, before.head + 1)
                else:
                    yield dissolve(fading_in[at : at + len(chunk)], chunk, at + 1, before.head + 1)
            elif at < body.stop:
                yield chunk
            elif after.overlap:
                waiting.append(chunk)
            else:
                yield dim(chunk, clip.frames - 1 - at, after.tail, step=-1)


def read_to_end(clip: ClipInput, size: tuple[int, int], fps: Fraction) -> None:
    """Raise DamagedClip where a clip is not what is announced, or can't be read to its end."""
    check_clip(clip, size, fps)
    for _ in _clip_frames(clip.path):
        pass


def _clip_frames(path: Path) -> Iterator[Frames]:
    try:
        yield from read_frames(path)
    except InputError as error:
        raise DamagedClip(error.message, path) from error


def _pieces(stream: Iterator[Frames], borders: Sequence[int]) -> Iterator[tuple[int, Frames]]:
    """A stream's chunks with their first frame's number, cut so that none crosses a border."""
    at = 0
    for chunk in stream:
        inside = [b - at for b in borders if at < b < at + len(chunk)]
        for start, stop in pairwise([0, *inside, len(chunk)]):
            if stop > start:
                yield at + start, chunk[start:stop]
        at += len(chunk)


def _weights(frames: int, first: int, step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return (first + step * np.arange(frames, dtype=np.int32)).reshape(-1, 1, 1, 1)


def dim(frames: Frames, first: int, of: int, step: int = 1) -> Frames:
    """Frames at ``first / of``, ``(first + step) / of``, ... of their light, rounded half up."""
    lit = frames * _weights(len(frames), first, step)
    return ((2 * lit + of) // (2 * of)).astype(np.uint8)


def dissolve(old: Frames, new: Frames, first: int, of: int) -> Frames:
    """``old`` turning into ``new``: the first frame has ``first / of`` of ``new``."""
    weight = _weights(len(new), first, 1)
    mixed = old * (of - weight) + new * weight
    return ((2 * mixed + of) // (2 * of)).astype(np.uint8)


def delivered(frame: int, fps: Fraction, to: Fraction) -> DeliveredFrame:
    """The film's frame, at rate ``to``, that shows the reel's ``frame`` first: rounded half up."""
    scaled = frame * to / fps
    return DeliveredFrame(int((2 * scaled + 1) // 2))


def repeated(
    reel: Iterator[Frames], fps: Fraction, to: Fraction, first: int = 0
) -> Iterator[Frames]:
    """The reel, or what of it begins with frame ``first``, at rate ``to``: every frame shown as
    often as it takes, or dropped."""
    at = first
    for chunk in reel:
        shown = [delivered(at + i, fps, to) for i in range(len(chunk) + 1)]
        yield chunk if fps == to else np.repeat(chunk, np.diff(shown), axis=0)
        at += len(chunk)


def interpolated(
    reel: Iterator[Frames],
    spans: Sequence[FrameSpan],
    fps: Fraction,
    to: Fraction,
    scratch: Path,
    first: int = 0,
) -> Iterator[Frames]:
    """The reel at rate ``to`` with moved pictures in between, and never between two shots.

    Args:
        spans: The reel's uncut stretches, one after another.
        scratch: An ``.mp4`` that is written and removed.
        first: The frame with which what is given of the reel begins.
    """
    pieces = _pieces(reel, [span.stop - first for span in spans])
    for span in spans:
        at, chunk = next(pieces)
        height, width = chunk.shape[1:3]
        with write_frames(scratch, width, height, fps, MASTER_ARGS) as writer:
            writer.write(chunk)
            while writer.frames < len(span):
                writer.write(next(pieces)[1])
        wanted = delivered(span.stop, fps, to) - delivered(span.start, fps, to)
        for moved in read_frames(scratch, filters=_minterpolate(first + at, fps, to)):
            if wanted:
                yield moved[:wanted]
            wanted -= min(wanted, len(moved))
        if wanted:
            raise RenderError(f"{wanted} interpolated frames are missing after frame {span.stop}")
        scratch.unlink()
    if next(pieces, None) is not None:  # also lets the last clip's reader look at how it ended
        raise ValueError("the reel is longer than its spans")


def _minterpolate(start: int, fps: Fraction, to: Fraction) -> str:
    # The frames keep their place in the film, so the stretch falls on the film's grid; cloned
    # frames let the last picture last, and the scene detector is off because we know the cuts.
    return (
        f"tpad=stop=4:stop_mode=clone,settb={fps.denominator}/{fps.numerator},setpts=N+{start},"
        "scale=flags=accurate_rnd+full_chroma_int+bitexact"
        ":out_color_matrix=bt709:out_range=full,format=yuv444p,"
        f"minterpolate=fps={to.numerator}/{to.denominator}:scd=none"
    )
