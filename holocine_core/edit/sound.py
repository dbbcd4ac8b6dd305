"""Sound cues -> one stereo WAV as long as the film, mixed by moviepy.

ffmpeg decodes here rather than inside moviepy, whose file reader turns a failed or interrupted
decode into silence. Memory holds one second of the mix; decoded cues lie on the disk.
"""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from holocine_core.edit.ffmpeg import SoundTrack, probe_audio
from holocine_core.edit.process import DISK_FULL, Run, url
from holocine_core.errors import InputError, MachineError

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What was laid."""

    samples: int
    peak: float
    """Largest amplitude before limiting; full scale is 1."""
    clipped: int
    """Samples of either channel that were cut off at full scale."""


def probe_sound(path: Path) -> float:
    """Seconds of a sound file. Raises InputError if it is absent, unreadable or holds none."""
    return _track(path).seconds


def check_sound(path: Path) -> None:
    """Decode the whole of a sound, at many times real time, as :func:`lay_sound` would later.

    Raises:
        InputError: It is absent, holds no sound, or cannot be decoded to its end.
    """
    run = Run(["-xerror", *_decoder(path), "-f", "crc", "pipe:1"])
    try:
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


def lay_sound(cues: Sequence[SoundCue], frames: int, fps: Fraction, out: Path) -> Mix:
    """Write a 16-bit, 48 kHz stereo WAV that lasts ``frames`` at ``fps``, to the sample.

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
        clips = [_placed(cue, fps, Path(room) / f"{i}.f32") for i, cue in enumerate(cues)]
        return _write_wav(CompositeAudioClip(clips), total, out)


def _sample(frame: int, fps: Fraction) -> int:
    """The sample at which a frame starts, rounded half up."""
    return int((2 * frame * SAMPLE_RATE / fps + 1) // 2)


def _placed(cue: SoundCue, fps: Fraction, scratch: Path) -> AudioClip:
    """The cue as a moviepy clip, at its place in the film."""
    from moviepy.audio import fx
    from moviepy.audio.AudioClip import AudioArrayClip

    start = _sample(cue.start_frame, fps)
    room = _sample(cue.start_frame + cue.frames, fps) - start
    _decode(cue.path, room, scratch)
    heard = np.memmap(scratch, np.float32, "r").reshape(-1, 2)[:room]
    effects = [
        fx.MultiplyVolume(10 ** (cue.gain_db / 20)),
        *([fx.AudioFadeIn(cue.fade_in_s)] if cue.fade_in_s else []),
        *([fx.AudioFadeOut(cue.fade_out_s)] if cue.fade_out_s else []),
    ]
    clip = AudioArrayClip(heard, fps=SAMPLE_RATE).with_effects(effects)
    return clip.with_start(start / SAMPLE_RATE)


def _decode(path: Path, samples: int, scratch: Path) -> None:
    """Decode at least ``samples`` (or all there are) to raw stereo float32 at 48 kHz."""
    target = ["-t", str(math.ceil(samples / SAMPLE_RATE)), "-f", "f32le", "-y", url(scratch)]
    run = Run(["-xerror", *_decoder(path), *target])
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
    if failed or not scratch.stat().st_size:
        raise _damaged(path, run.reason)


def _decoder(path: Path) -> list[str]:
    """The input and the way from its first sound track to stereo at 48 kHz."""
    # ffmpeg's own way from one channel to two takes 3 dB away.
    spread = "pan=stereo|c0=c0|c1=c0," if _track(path).mono else ""
    stereo = f"{spread}aresample={SAMPLE_RATE}:ochl=stereo:rematrix_maxval=1"
    return ["-i", url(path), "-map", "0:a:0", "-af", stereo]


def _write_wav(mix: AudioClip, total: int, out: Path) -> Mix:
    peak, clipped = 0.0, 0
    with wave.open(str(out), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for at in range(0, total, SAMPLE_RATE):
            times = np.arange(at, min(at + SAMPLE_RATE, total)) / SAMPLE_RATE
            sound = np.asarray(mix.get_frame(times))
            loud = np.abs(sound)
            peak = max(peak, float(loud.max()))
            clipped += int((loud > 1).sum())
            file.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return Mix(samples=total, peak=peak, clipped=clipped)
