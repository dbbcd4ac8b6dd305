"""Sound files as people have them: late in their file, of unknown length, in Matroska."""

from __future__ import annotations

import struct
import subprocess
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.delivery import VideoCodec
from holocine_core.edit.ffmpeg import MASTER_ARGS, probe, probe_audio, write_frames
from holocine_core.edit.process import ffmpeg_exe
from holocine_core.edit.reel import ClipInput
from holocine_core.edit.sound import SAMPLE_RATE, SoundCue, check_sound, lay_sound, probe_sound
from holocine_core.edit.stitch import StitchJob, stitch
from holocine_core.errors import InputError

pytestmark = pytest.mark.slow

FPS = Fraction(15)


def clicks(path: Path, at: float = 0.25, seconds: float = 2.0) -> Path:
    """Silence with a short click."""
    sound = np.zeros(round(seconds * SAMPLE_RATE), "<i2")
    first = round(at * SAMPLE_RATE)
    sound[first : first + 480] = 20_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(sound.tobytes())
    return path


def ffmpeg(*args: str | Path) -> None:
    subprocess.run([ffmpeg_exe(), "-v", "error", "-y", *map(str, args)], check=True)


def late(out: Path, codecs: list[str], seconds: float = 1.0) -> Path:
    """A film whose sound begins later than its picture."""
    sound = clicks(out.with_suffix(".wav"))
    picture = ["-f", "lavfi", "-i", "color=black:s=64x48:r=25:d=4"]
    ffmpeg(
        *picture, "-itsoffset", str(seconds), "-i", sound, "-map", "0", "-map", "1", *codecs, out
    )
    return out


def first_click(cue: SoundCue, tmp_path: Path) -> float:
    """Seconds of the scene at which the click is heard."""
    lay_sound([cue], 75, FPS, tmp_path / "mix.wav")
    with wave.open(str(tmp_path / "mix.wav"), "rb") as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return float(np.flatnonzero(np.abs(raw[:, 0].astype(int)) > 5000)[0] / SAMPLE_RATE)


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("film.mp4", ["-c:v", "libx264", "-c:a", "aac"]),
        ("film.mkv", ["-c:v", "libx264", "-c:a", "flac"]),
        ("film.ts", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
        ("film.mov", ["-c:v", "mpeg4", "-c:a", "pcm_s16le"]),
    ],
)
def test_a_sound_that_begins_late_in_its_file_stays_there(
    tmp_path: Path, name: str, codecs: list[str]
) -> None:
    path = late(tmp_path / name, codecs)
    cue = SoundCue(path=path, start_frame=0, frames=75)
    check_sound(path)
    assert probe_sound(path) == pytest.approx(3, abs=0.06)
    assert first_click(cue, tmp_path) == pytest.approx(1.25, abs=0.03)
    assert first_click(replace(cue, offset_s=1.0), tmp_path) == pytest.approx(0.25, abs=0.03)


def test_silence_inside_a_sound_keeps_its_length(tmp_path: Path) -> None:
    whole, gap = clicks(tmp_path / "whole.wav", at=1.75), tmp_path / "gap.mkv"
    kept = "asetnsamples=480,aselect='not(between(t,0.5,1.5))'"
    ffmpeg("-i", whole, "-af", kept, "-c:a", "pcm_s16le", gap)
    assert probe_sound(gap) == pytest.approx(2, abs=0.03)
    heard = first_click(SoundCue(path=gap, start_frame=0, frames=60), tmp_path)
    assert heard == pytest.approx(1.75, abs=0.03)


# What programs write that cannot go back to their header: ffmpeg, sox, arecord, gstreamer, others.
UNKNOWN = [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (0, 0), (0x80000024, 0x80000000)]
UNKNOWN += [(0x7FFFFFFF, 0x7FFFFFFF - 36)]


def resized(path: Path, sizes: tuple[int, int]) -> Path:
    """A WAV whose header says other sizes: of the file and of its sound."""
    held = path.read_bytes()
    assert held[36:40] == b"data"
    riff, data = (struct.pack("<I", size) for size in sizes)
    path.write_bytes(held[:4] + riff + held[8:40] + data + held[44:])
    return path


@pytest.mark.parametrize("sizes", UNKNOWN)
def test_a_wav_of_unknown_length_goes_on_to_its_files_end(
    tmp_path: Path, sizes: tuple[int, int]
) -> None:
    path = resized(clicks(tmp_path / "voice.wav", at=1.9), sizes)
    check_sound(path)
    assert probe_sound(path) == 2.0
    heard = first_click(SoundCue(path=path, start_frame=15, frames=60), tmp_path)
    assert heard == pytest.approx(2.9, abs=1e-3)


@pytest.mark.parametrize("suffix", ["au", "caf"])
def test_other_files_from_pipes_do_too(tmp_path: Path, suffix: str) -> None:
    wav, path = clicks(tmp_path / "voice.wav", at=1.9), tmp_path / f"voice.{suffix}"
    done = subprocess.run(
        [ffmpeg_exe(), "-v", "error", "-i", str(wav), "-f", suffix, "-"],
        check=suffix == "au", capture_output=True,
    )  # fmt: skip
    held = done.stdout
    if suffix == "caf":  # ffmpeg itself writes none into a pipe.
        ffmpeg("-i", wav, path)
        held = path.read_bytes()
        at = held.index(b"data") + 4
        held = held[:at] + struct.pack(">q", -1) + held[at + 8 :]
    path.write_bytes(held)
    check_sound(path)
    assert probe_sound(path) == pytest.approx(2.0, abs=0.01)


def test_a_wav_that_is_cut_off_stays_refused(tmp_path: Path) -> None:
    path = clicks(tmp_path / "voice.wav")
    length = path.stat().st_size
    resized(path, (length + 50_000 - 8, length + 50_000 - 44))
    for use in (check_sound, probe_sound):
        with pytest.raises(InputError, match="cannot read it"):
            use(path)


def test_a_long_sound_goes_into_matroska(tmp_path: Path) -> None:
    shown = tmp_path / "shown.mp4"
    with write_frames(shown, 64, 48, FPS, MASTER_ARGS) as writer:
        writer.write(np.zeros((150, 48, 64, 3), np.uint8))
    job = StitchJob(
        clips=(ClipInput(path=shown, frames=150),),
        transitions=(),
        fps=FPS,
        size=(64, 48),
        video=VideoCodec(crf=30, preset="ultrafast"),
        sounds=(SoundCue(path=clicks(tmp_path / "a.wav"), start_frame=0, frames=150),),
    )
    film = stitch(job, tmp_path / "film.mkv")
    assert film.audio_seconds == pytest.approx(10, abs=0.03)
    assert probe(tmp_path / "film.mkv") == film
    track = probe_audio(tmp_path / "film.mkv")
    assert track is not None
    assert not track.late
