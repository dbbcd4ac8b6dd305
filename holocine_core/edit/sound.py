"""Sound cues -> one stereo WAV as long as the film, mixed by moviepy.

ffmpeg decodes here rather than inside moviepy, whose file reader turns a failed or interrupted
decode into silence. Memory holds one second of the mix; decoded cues lie on the disk.
"""

from __future__ import annotations

import math
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from holocine_core.edit.ffmpeg import SoundTrack, probe_audio
from holocine_core.edit.process import DISK_FULL, Run, source, strict, url
from holocine_core.errors import InputError, MachineError
from holocine_core.events import Warned
from holocine_core.script.timeline import FrameSpan

if TYPE_CHECKING:
    from moviepy import AudioClip

SAMPLE_RATE = 48_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCue:
    """A sound that starts with a scene and is cut at its end."""

    path: Path
    start_frame: int
    frames: int
    """Length of the scene."""
    gain_db: float = 0.0
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    """Both fades lie inside what is heard of the sound."""
    offset_s: float = 0.0
    """What is skipped of the file."""
    duck_db: float = 0.0
    """How much softer it is while any other cue is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What was laid."""

    samples: int
    peak: float
    """Largest amplitude before limiting; full scale is 1."""
    clipped: int
    """Samples of either channel that were cut off at full scale."""


DUCK_RAMP_S = 0.3
"""How long a ducked sound takes down before another cue begins, and up after it ends."""
HEADROOM_DB = 24.0
"""By how much softer a mix is laid whose loudness is set afterwards."""
TRUE_PEAK_DB = -1.0
"""Highest true peak of a film whose loudness is set, as EBU R 128 has it."""


SILENCE_LUFS = -70.0
"""Below it R 128 counts nothing."""
LOUDNESS_TOLERANCE_LU = 0.5
"""How far a film's loudness may lie from what was asked: an encoder changes it a little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """A sound as EBU R 128 measures it.

    Attributes:
        integrated: LUFS; :data:`SILENCE_LUFS` is silence.
        true_peak: dBTP.
    """

    integrated: float
    true_peak: float


def probe_sound(path: Path) -> float:
    """Seconds of a sound file. Raises InputError if it is absent, unreadable or holds none."""
    return _track(path).seconds


def check_sound(path: Path) -> None:
    """Decode the whole of a sound, at many times real time, as :func:`lay_sound` would later.

    Raises:
        InputError: It is absent, holds no sound, or cannot be decoded to its end.
    """
    track = _track(path)
    run = Run([*_decoder(path, track), "-f", "crc", "pipe:1", *_beside(track)])
    try:
        with run.waited():
            checksum = run.stdout.read()
        failed = run.wait_reading(path)
    finally:
        run.kill()
    # Some formats only tell of their damage and go on.
    if failed or run.log:
        raise _damaged(path, run.reason)
    if checksum.strip() == b"CRC=0x00000001":  # of no bytes
        raise _damaged(path, "nothing can be decoded")


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"the sound is damaged: {reason}", where=str(path), hint="make or fetch it again"
    )


def _track(path: Path) -> SoundTrack:
    track = probe_audio(path)
    if track is None or not track.seconds:
        raise InputError("it holds no sound", where=str(path), hint="give a sound file")
    return track


def lay_sound(
    cues: Sequence[SoundCue], frames: int, fps: Fraction, out: Path, *, headroom_db: float = 0.0
) -> Mix:
    """Write a 48 kHz stereo WAV that lasts ``frames`` at ``fps``, to the sample: of 16 bits, or
    softer by ``headroom_db`` and of 24, so that nothing is cut off before its loudness is set.

    Raises:
        InputError: A cue's file is absent, damaged or silent by nature.
        MachineError: moviepy or ffmpeg cannot work here.
    """
    if not cues:
        raise ValueError("a mix needs at least one cue")
    try:
        from moviepy import CompositeAudioClip
    except OSError as failed:  # moviepy tries FFMPEG_BINARY when it is imported
        raise MachineError(
            f"moviepy does not start: {failed}", hint="unset FFMPEG_BINARY or point it to an ffmpeg"
        ) from failed
    total = _sample(frames, fps)
    with TemporaryDirectory(prefix="sound-", dir=out.parent) as room:
        placed = [_placed(cue, fps, Path(room) / f"{i}.f32") for i, cue in enumerate(cues)]
        clips = [
            _ducked(clip, cue, [other for other in placed if other is not clip])
            for clip, cue in zip(placed, cues, strict=True)
        ]
        return _write_wav(CompositeAudioClip(clips), total, out, headroom_db)


def _sample(frame: int, fps: Fraction) -> int:
    """The sample at which a frame starts, rounded half up."""
    return int((2 * frame * SAMPLE_RATE / fps + 1) // 2)


def _placed(cue: SoundCue, fps: Fraction, scratch: Path) -> AudioClip:
    """The cue as a moviepy clip, at its place in the film."""
    from moviepy.audio import fx
    from moviepy.audio.AudioClip import AudioArrayClip

    start = _sample(cue.start_frame, fps)
    room = _sample(cue.start_frame + cue.frames, fps) - start
    _decode(cue, room, scratch)
    heard = np.memmap(scratch, np.float32, "r").reshape(-1, 2)[:room]
    effects = [
        fx.MultiplyVolume(10 ** (cue.gain_db / 20)),
        *([fx.AudioFadeIn(cue.fade_in_s)] if cue.fade_in_s else []),
        *([fx.AudioFadeOut(cue.fade_out_s)] if cue.fade_out_s else []),
    ]
    clip = AudioArrayClip(heard, fps=SAMPLE_RATE).with_effects(effects)
    return clip.with_start(start / SAMPLE_RATE)


def _ducked(clip: AudioClip, cue: SoundCue, others: Sequence[AudioClip]) -> AudioClip:
    """A clip that gives way to the others."""
    if not cue.duck_db or not others:
        return clip
    spans = [(other.start - clip.start, other.end - clip.start) for other in others]
    floor = 10 ** (-cue.duck_db / 20)

    def gain(times: float | np.ndarray) -> np.ndarray:
        at = np.atleast_1d(np.asarray(times, np.float64))
        # How far each moment is from any other sound, in ramps.
        away = np.min([np.maximum(a - at, at - b) for a, b in spans], axis=0) / DUCK_RAMP_S
        return np.asarray(floor + (1 - floor) * np.clip(away, 0, 1))[:, None]

    return clip.transform(lambda frame, times: frame(times) * gain(times), keep_duration=True)


def _decode(cue: SoundCue, samples: int, scratch: Path) -> None:
    """Decode at least ``samples`` (or all there are) to raw stereo float32 at 48 kHz."""
    path = cue.path
    target = ["-t", str(math.ceil(samples / SAMPLE_RATE)), "-f", "f32le", "-y", url(scratch)]
    skip = ["-ss", f"{cue.offset_s:.6f}"] if cue.offset_s else []
    track = _track(path)
    run = Run([*_decoder(path, track), *skip, *target, *_beside(track)])
    try:
        failed = run.wait_reading(path)
    finally:
        run.kill()
    if failed and DISK_FULL in run.reason:
        raise MachineError(
            f"the decoded sound does not fit: {run.reason}",
            where=str(scratch.parent),
            hint="free some space there and run the same command again",
        )
    if not failed and cue.offset_s and not scratch.stat().st_size:
        raise InputError(
            f"nothing is left of the sound after {cue.offset_s:g} seconds",
            where=str(path),
            hint="lower its `offset`",
        )
    if failed or not scratch.stat().st_size:
        raise _damaged(path, run.reason)


def _decoder(path: Path, track: SoundTrack) -> list[str]:
    """The input and the way from its first sound track to stereo at 48 kHz."""
    # ffmpeg's own way from one channel to two takes 3 dB away.
    spread = "pan=stereo|c0=c0|c1=c0," if track.mono else ""
    # Where the file has no sound yet, or none for a while, silence keeps the rest in its place.
    placed = "async=1:first_pts=0"
    stereo = f"{spread}aresample={SAMPLE_RATE}:ochl=stereo:rematrix_maxval=1:{placed}"
    return [*strict(path), *source(path), "-map", "0:a:0", "-af", stereo]


def _beside(track: SoundTrack) -> list[str]:
    """Output that has ffmpeg count a late sound's time from the picture's beginning: of broadcasts'
    files it counts from that of what is used."""
    return ["-map", "0:V:0", "-c", "copy", "-f", "null", "-"] if track.late else []


def _write_wav(mix: AudioClip, total: int, out: Path, headroom_db: float) -> Mix:
    peak, clipped = 0.0, 0
    width = 3 if headroom_db else 2
    scale = 10 ** (-headroom_db / 20)
    full = 2 ** (8 * width - 1) - 1
    with wave.open(str(out), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(SAMPLE_RATE)
        for at in range(0, total, SAMPLE_RATE):
            times = np.arange(at, min(at + SAMPLE_RATE, total)) / SAMPLE_RATE
            sound = np.asarray(mix.get_frame(times)) * scale
            loud = np.abs(sound)
            peak = max(peak, float(loud.max()))
            clipped += int((loud > 1).sum())
            levels = np.ascontiguousarray(np.rint(np.clip(sound, -1, 1) * full).astype("<i4"))
            file.writeframes(levels.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())
    return Mix(samples=total, peak=peak, clipped=clipped)


def cut_sound(wav: Path, span: FrameSpan, fps: Fraction, out: Path) -> None:
    """Write what a WAV of :func:`lay_sound` holds of some frames at ``fps``, to the sample; silence
    where it ends before."""
    first, stop = _sample(span.start, fps), _sample(span.stop, fps)
    with wave.open(str(wav), "rb") as held, wave.open(str(out), "wb") as file:
        file.setparams(held.getparams())
        held.setpos(min(first, held.getnframes()))
        heard = held.readframes(stop - first)
        file.writeframes(heard.ljust((stop - first) * 2 * held.getsampwidth(), b"\0"))


# --- loudness ------------------------------------------------------------------------------------

_SUMMARY = re.compile(r"\bI:\s*(-?[\d.]+|-inf|nan) LUFS.*?\bPeak:\s*(-?[\d.]+|-inf|nan) dBFS", re.S)


def measure_loudness(path: Path) -> Loudness:
    """Measure the first sound track of a file as EBU R 128 does.

    Raises:
        InputError: It holds no sound, or cannot be decoded to its end.
    """
    meter = ["-map", "0:a:0", "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"]
    run = Run([*source(path), *meter], level="info")
    try:
        failed = run.wait_reading(path)
    finally:
        run.kill()
    found = _SUMMARY.search(run.log)
    if failed or found is None:
        raise _damaged(path, run.reason)
    integrated, peak = (float(value.replace("nan", "-inf")) for value in found.groups())
    return Loudness(integrated=max(integrated, SILENCE_LUFS), true_peak=max(peak, -120.0))


def loudness_warning(heard: Loudness, target: float) -> Warned | None:
    """What a person should know of a film that should have ``target`` LUFS; None if it has."""
    if heard.integrated <= SILENCE_LUFS:
        return Warned(message="the film's sound is silent: its loudness stays as it is")
    if abs(heard.integrated - target) <= LOUDNESS_TOLERANCE_LU:
        return None
    return Warned(
        message=f"the film's sound has {heard.integrated:.1f} LUFS, not {target:g}: its peaks are "
        f"at {heard.true_peak:.1f} dBTP, and louder they would rise above {TRUE_PEAK_DB:g}",
        hint="lower what peaks, or ask for less loudness",
    )


def set_loudness(wav: Path, target: float, out: Path) -> Loudness | None:
    """Write a WAV of ``target`` LUFS, by one gain for all of it: its dynamics stay.

    Where a true peak would rise above :data:`TRUE_PEAK_DB` it stays as much softer.

    Returns:
        What it came to; None where it is silent and was left as it is.

    Raises:
        InputError, MachineError: The sound cannot be read; the disk refuses.
    """
    held = measure_loudness(wav)
    if held.integrated <= SILENCE_LUFS:
        return None
    gain = min(target - held.integrated, TRUE_PEAK_DB - held.true_peak)
    target_args = ["-af", f"volume={gain:.3f}dB:precision=double", "-c:a", "pcm_s16le", "-y"]
    run = Run([*source(wav), *target_args, url(out)])
    try:
        failed = run.wait_reading(wav)
    finally:
        run.kill()
    if failed:
        raise MachineError(f"the loudness cannot be set: {run.reason}", where=str(out))
    return measure_loudness(out)
