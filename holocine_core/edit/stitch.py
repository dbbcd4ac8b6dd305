"""Clips -> film: transitions, sound, delivery, provenance; probed before it gets its name."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from holocine_core.edit.delivery import (
    Fit,
    VideoCodec,
    check_video,
    picture_filter,
    pixel_format,
    sound_args,
    video_args,
)
from holocine_core.edit.ffmpeg import Frames, Probe, probe, read_frames, write_frames
from holocine_core.edit.metadata import FilmMetadata, metadata_args, metadata_document
from holocine_core.edit.process import source, url
from holocine_core.edit.reel import (
    ClipInput,
    Facts,
    Transition,
    check_clip,
    check_reel,
    clip_starts,
    delivered,
    difference,
    hard_cuts,
    interpolated,
    repeated,
    roll,
)
from holocine_core.edit.seal import SEAL_TAG, seal
from holocine_core.edit.sound import HEADROOM_DB, SoundCue, cut_sound, lay_sound, set_loudness
from holocine_core.edit.title_cards import Labels, slated
from holocine_core.errors import InputError, RenderError
from holocine_core.events import Emit, Warned, ignore
from holocine_core.script.timeline import DeliveredFrame, FrameSpan
from holocine_core.store.files import Ready, hidden_room, make_folder, replacing
from holocine_core.store.vault import disk_errors

# One AAC frame at 48 kHz is 21 ms.
_SOUND_TOLERANCE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The film's own size and rate, where they differ from the clips'."""

    size: tuple[int, int] | None = None
    """Width and height."""
    fps: Fraction | None = None
    motion: Literal["plain", "interpolate"] = "plain"
    """How a higher rate is reached: frames shown again, or moved pictures in between."""
    fit: Fit = "pad"


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchJob:
    """Everything the film is made of. Frame numbers are the film's, at the clips' rate.

    Args:
        transitions: One between each two clips.
        size: Width and height of every clip.
        metadata: Tags and chapters.
    """

    clips: tuple[ClipInput, ...]
    transitions: tuple[Transition, ...]
    fps: Fraction
    size: tuple[int, int]
    delivery: Delivery = field(default_factory=Delivery)
    video: VideoCodec = field(default_factory=VideoCodec)
    metadata: FilmMetadata = field(default_factory=FilmMetadata)
    opening: ClipInput | None = None
    """A card before the first clip."""
    closing: ClipInput | None = None
    """A card behind the last one."""
    slate: Labels = ()
    """What is written into the picture."""
    sounds: tuple[SoundCue, ...] = ()
    loudness: float | None = None
    """LUFS that the mix is brought to; as it is where None."""

    @property
    def reel(self) -> tuple[tuple[ClipInput, ...], tuple[Transition, ...]]:
        """All that is shown in order, and what lies between: cards begin and end with cuts."""
        before = () if self.opening is None else (self.opening,)
        behind = () if self.closing is None else (self.closing,)
        cuts = (Transition(),)
        return (
            (*before, *self.clips, *behind),
            (*cuts * len(before), *self.transitions, *cuts * len(behind)),
        )

    @property
    def out_fps(self) -> Fraction:
        return self.delivery.fps or self.fps

    @property
    def out_size(self) -> tuple[int, int]:
        return self.delivery.size or self.size


def film_frames(job: StitchJob) -> int:
    """Frames of the film at the clips' rate: crossfades overlap, fades and cuts do not."""
    return clip_starts(*job.reel)[-1]


def scene_starts(job: StitchJob) -> tuple[int, ...]:
    """The film's frame, at the clips' rate, where each clip's first frame stands."""
    first = int(job.opening is not None)
    return clip_starts(*job.reel)[first : first + len(job.clips)]


def delivered_frame(job: StitchJob, frame: int) -> DeliveredFrame:
    """The delivered frame that shows ``frame`` first; of the length, the delivered length."""
    return delivered(frame, job.fps, job.out_fps)


def stitch(
    job: StitchJob, out: Path, emit: Emit = ignore, ready: Ready = lambda made, out: None
) -> Probe:
    """Cut the film and put it at ``out`` once its probe agrees with the job; replaces a film there.

    ``ready`` is called right before the film gets its name: what it raises keeps it from that.

    Raises:
        InputError: Job, clips and file name do not go together; nothing was begun.
        MachineError: ffmpeg or the disk failed; ``out`` is as it was.
        DamagedClip: A clip cannot be read, or is not as announced; ``out`` is as it was.
        RenderError: The film came out other than ordered; ``out`` is as it was.
    """
    _check(job, out)
    with replacing(out) as made:
        _write_film(job, made, emit)
        film = probe(made)
        _verify_film(film, job, out)
        if SEAL_TAG in job.metadata.tags:
            seal(made)
        ready(made, out)
    return film


def _check(job: StitchJob, out: Path) -> None:
    check_reel(*job.reel)
    check_video(job.video, job.out_size, out)
    length = film_frames(job)
    if delivered_frame(job, length) < 1:
        raise InputError(f"{length} frames at {job.out_fps} fps leave none", hint="raise `fps`")
    for clip in job.reel[0]:
        check_clip(clip, job.size, job.fps)
    for cue in job.sounds:
        if not 0 <= cue.start_frame < cue.start_frame + cue.frames <= length:
            raise ValueError(f"the cue {cue} lies outside of {length} frames")
    for chapter in job.metadata.chapters[-1:]:
        if chapter.end_frame > length:
            raise ValueError(f"chapter '{chapter.title}' ends after {length} frames")


def _write_film(job: StitchJob, made: Path, emit: Emit) -> None:
    room = made.parent / "work"
    room.mkdir()
    inputs = _tags_input(_delivered_metadata(job), job.out_fps, room)
    sound: tuple[str, ...] = ()
    if cues := _delivered_cues(job):
        inputs += source(_lay_sound(job, cues, room / "sound.wav", emit))
        sound = ("-map", "2:a", *sound_args(job.video))
    width, height = job.size
    with write_frames(
        made,
        width,
        height,
        job.out_fps,
        [*_film_args(job.video, job.size, job.out_size, job.delivery.fit, made.suffix), *sound],
        inputs,
    ) as writer:
        for chunk in _film_stream(job, room):
            writer.write(chunk)


def _film_args(
    video: VideoCodec, size: tuple[int, int], to: tuple[int, int], fit: Fit, suffix: str
) -> tuple[str, ...]:
    """Output options of a film whose frames are input 0 and whose tags are input 1."""
    suffix = suffix.lower()
    picture = ("-map", "0:v", "-vf", picture_filter(video, size, to, fit))
    return (*picture, *video_args(video, suffix), *metadata_args(suffix, 1))


def _tags_input(metadata: FilmMetadata, fps: Fraction, room: Path) -> list[str]:
    document = room / "tags.txt"
    document.write_text(metadata_document(metadata, fps), encoding="utf-8", newline="\n")
    return ["-f", "ffmetadata", "-i", url(document)]


def _film_stream(job: StitchJob, room: Path) -> Iterator[Frames]:
    """The film's frames at the delivered rate."""
    reel = roll(*job.reel)
    if job.slate:
        reel = slated(reel, job.slate, job.fps)
    if job.delivery.motion == "plain" or job.out_fps == job.fps:
        return repeated(reel, job.fps, job.out_fps)
    borders = (0, *hard_cuts(*job.reel), film_frames(job))
    spans = [FrameSpan(a, b) for a, b in pairwise(borders)]
    return interpolated(reel, spans, job.fps, job.out_fps, room / "stretch.mp4")


def _delivered_metadata(job: StitchJob) -> FilmMetadata:
    """Tags and chapters at the delivered rate; shots of which no frame is left have no chapter."""
    chapters = (
        replace(
            chapter,
            start_frame=delivered_frame(job, chapter.start_frame),
            end_frame=delivered_frame(job, chapter.end_frame),
        )
        for chapter in job.metadata.chapters
    )
    kept = tuple(chapter for chapter in chapters if chapter.end_frame > chapter.start_frame)
    return FilmMetadata(tags=job.metadata.tags, chapters=kept)


def _delivered_cues(job: StitchJob) -> list[SoundCue]:
    """The cues at delivered time, so that each starts with its scene's first delivered frame.

    A scene of which no frame is left is not heard.
    """
    cues = []
    for cue in job.sounds:
        start, stop = (
            delivered_frame(job, f) for f in (cue.start_frame, cue.start_frame + cue.frames)
        )
        if stop > start:
            cues.append(replace(cue, start_frame=start, frames=stop - start))
    return cues


def _lay_sound(job: StitchJob, cues: Sequence[SoundCue], wav: Path, emit: Emit) -> Path:
    headroom = HEADROOM_DB if job.loudness is not None else 0.0
    frames = delivered_frame(job, film_frames(job))
    mix = lay_sound(cues, frames, job.out_fps, wav, headroom_db=headroom)
    if job.loudness is not None:
        loud = wav.with_name("loud.wav")
        wav = loud if set_loudness(wav, job.loudness, loud) is not None else wav
    if mix.clipped:
        emit(
            Warned(
                message=f"the sound clips in {mix.clipped} samples: its peak is {mix.peak:.2f}",
                hint=f"lower the gain by {20 * np.log10(mix.peak):.1f} dB",
            )
        )
    return wav


def _verify_film(film: Probe, job: StitchJob, out: Path) -> None:
    frames = delivered_frame(job, film_frames(job))
    _verify(film, frames, job.out_fps, job.out_size, job.video, out)
    heard = film.seconds if film.audio_seconds is None else film.audio_seconds
    facts: Facts = {
        "a sound track": (film.audio, bool(_delivered_cues(job))),
        "as much sound as picture": (abs(heard - film.seconds) <= _SOUND_TOLERANCE_S, True),
    }
    _require(out, facts)


def _verify(
    film: Probe, frames: int, fps: Fraction, size: tuple[int, int], video: VideoCodec, out: Path
) -> None:
    facts: Facts = {
        "frames": (film.frames, frames),
        "size": ((film.width, film.height), size),
        "frames per second": (film.fps, fps),
        "a steady rate": (film.steady, True),
        "seconds": (film.seconds, float(frames / fps)),
        "pixels": (film.pix_fmt, pixel_format(video)),
    }
    _require(out, facts)


def _require(path: Path, facts: Facts) -> None:
    """Raise RenderError for the first fact that is not as it should be."""
    if wrong := difference(facts):
        raise RenderError(
            f"the film has {wrong}",
            where=str(path),
            hint="run the command again; if it repeats, please report it with this message",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotCut:
    """One shot to be exported.

    Attributes:
        clip: Number of its scene's clip in the job.
        span: Its frames of that clip, not empty.
        name: The file's name without its suffix.
        title: For the file's title tag; none where empty.
    """

    clip: int
    span: FrameSpan
    name: str
    title: str = ""


def cut_shots(
    job: StitchJob,
    shots: Sequence[ShotCut],
    folder: Path,
    ready: Ready = lambda made, out: None,
) -> Generator[Path]:
    """Export shots as films of their own, as the film is delivered: its size and rate, exact to the
    frame, and with what is heard of it meanwhile. No transition or slate is in the picture.

    Replaces files there; each path comes once it is written. A shot of which a low rate leaves no
    frame has one.

    Args:
        ready: Told of every file right before it gets its name.

    Raises:
        InputError, MachineError, RenderError: As :func:`stitch`; the shots before stay.
    """
    for clip in {shot.clip for shot in shots}:
        check_clip(job.clips[clip], job.size, job.fps)
    suffix = ".mov" if job.video.codec == "prores" else ".mp4"
    with ExitStack() as stack:
        with disk_errors("write the shots", folder):
            make_folder(folder)
            room = stack.enter_context(hidden_room(folder))
            cues = _delivered_cues(job)
            mix = _lay_sound(job, cues, room / "sound.wav", ignore) if cues else None
        for shot in shots:
            out = folder / f"{shot.name}{suffix}"
            check_video(job.video, job.out_size, out)
            with replacing(out, ready) as part:
                _cut_shot(job, shot, mix, part)
            yield out


def _cut_shot(job: StitchJob, shot: ShotCut, mix: Path | None, made: Path) -> None:
    at = scene_starts(job)[shot.clip]
    span = FrameSpan(at + shot.span.start, at + shot.span.stop)
    start, stop = (delivered_frame(job, frame) for frame in (span.start, span.stop))
    frames = max(1, stop - start)
    metadata = FilmMetadata(tags={"title": shot.title} if shot.title else {})
    inputs = _tags_input(metadata, job.out_fps, made.parent)
    sound: tuple[str, ...] = ()
    if mix is not None:
        piece = made.with_name("piece.wav")
        cut_sound(mix, FrameSpan(start, start + frames), job.out_fps, piece)
        inputs += source(piece)
        sound = ("-map", "2:a", *sound_args(job.video))
    args = _film_args(job.video, job.size, job.out_size, job.delivery.fit, made.suffix)
    reel = read_frames(job.clips[shot.clip].path, span=shot.span)
    if stop == start:
        shown: Iterator[Frames] = iter((next(reel)[:1],))
    elif job.delivery.motion == "plain" or job.out_fps == job.fps:
        shown = repeated(reel, job.fps, job.out_fps, span.start)
    else:
        scratch = made.with_name("stretch.mp4")
        shown = interpolated(reel, [span], job.fps, job.out_fps, scratch, span.start)
    with write_frames(made, *job.size, job.out_fps, [*args, *sound], inputs) as writer:
        for chunk in shown:
            writer.write(chunk)
    found = probe(made)
    _verify(found, frames, job.out_fps, job.out_size, job.video, made)
    _require(made, {"a sound track": (found.audio, mix is not None)})
