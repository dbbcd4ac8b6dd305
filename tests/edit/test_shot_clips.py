"""Shots as files of their own: as the film is delivered, with what is heard of it meanwhile."""

from __future__ import annotations

import subprocess
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.delivery import VideoCodec
from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, probe, read_frames, write_frames
from holocine_core.edit.metadata import read_metadata
from holocine_core.edit.process import ffmpeg_exe
from holocine_core.edit.reel import ClipInput, DamagedClip, Transition
from holocine_core.edit.sound import SoundCue
from holocine_core.edit.stitch import Delivery, ShotCut, StitchJob, cut_shots, stitch
from holocine_core.script.timeline import FrameSpan

pytestmark = pytest.mark.slow

FPS = Fraction(15)
NTSC = Fraction(24000, 1001)


def clip(path: Path, frames: int, cuts: tuple[int, ...] = ()) -> ClipInput:
    """Grey frames, each 8 levels brighter than the one before."""
    levels = (8 * np.arange(frames)).astype(np.uint8).reshape(-1, 1, 1, 1)
    with write_frames(path, 64, 48, FPS, MASTER_ARGS) as writer:
        writer.write(np.broadcast_to(levels, (frames, 48, 64, 3)))
    return ClipInput(path=path, frames=frames, cuts=cuts)


def ticking(path: Path) -> Path:
    """A second of sound whose level says the tenth."""
    levels = np.repeat(1000 * np.arange(1, 11), 4800).astype("<i2")
    levels *= np.where(np.arange(48_000) % 100 < 50, 1, -1).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(levels.tobytes())
    return path


@pytest.fixture
def job(tmp_path: Path) -> StitchJob:
    return StitchJob(
        clips=(clip(tmp_path / "a.mp4", 10, cuts=(4,)), clip(tmp_path / "b.mp4", 8)),
        transitions=(Transition(kind="crossfade", frames=2),),
        fps=FPS,
        size=(64, 48),
        video=VideoCodec(crf=1, preset="ultrafast"),
    )


SHOTS = (
    ShotCut(clip=0, span=FrameSpan(0, 4), name="a-01", title="One; wide"),
    ShotCut(clip=0, span=FrameSpan(4, 10), name="a-02"),
    ShotCut(clip=1, span=FrameSpan(0, 8), name="b-01"),
)


def levels(path: Path) -> Frames:
    return np.concatenate([chunk[:, 24, 32, 1] for chunk in read_frames(path)]).astype(int)


def test_shots_are_exported_to_the_frame(job: StitchJob, tmp_path: Path) -> None:
    made = list(cut_shots(job, SHOTS, tmp_path / "shots"))
    assert [path.name for path in made] == ["a-01.mp4", "a-02.mp4", "b-01.mp4"]
    assert sorted((tmp_path / "shots").iterdir()) == made
    for path, shot in zip(made, SHOTS, strict=True):
        wanted = 8 * np.arange(shot.span.start, shot.span.stop)
        np.testing.assert_allclose(levels(path), wanted, atol=2)
        assert read_metadata(path).tags == ({"title": shot.title} if shot.title else {})
        assert not probe(path).audio


@pytest.mark.parametrize("motion", ["plain", "interpolate"])
@pytest.mark.parametrize("fps", [Fraction(24), NTSC, Fraction(30000, 1001)])
def test_shots_have_the_films_rate_and_size(
    job: StitchJob, tmp_path: Path, fps: Fraction, motion: str
) -> None:
    delivery = Delivery(size=(80, 48), fps=fps, motion=motion)  # type: ignore[arg-type]
    job = replace(job, delivery=delivery, transitions=(Transition(),))
    made = [probe(path) for path in cut_shots(job, SHOTS, tmp_path / "shots")]
    film = stitch(job, tmp_path / "film.mp4")
    assert film.fps == fps
    for one in made:
        assert (one.width, one.height, one.fps, one.steady) == (80, 48, fps, True)
    assert sum(one.frames for one in made) == film.frames
    shown = np.concatenate([levels(path) for path in sorted((tmp_path / "shots").iterdir())])
    np.testing.assert_allclose(shown, levels(tmp_path / "film.mp4"), atol=4)


def test_shots_are_heard_as_in_the_film(job: StitchJob, tmp_path: Path) -> None:
    cues = (SoundCue(path=ticking(tmp_path / "a.wav"), start_frame=0, frames=15),)
    job = replace(job, sounds=cues, delivery=Delivery(fps=Fraction(30)))
    made = list(cut_shots(job, SHOTS, tmp_path / "shots"))
    heard = [probe(path).audio_seconds for path in made]
    assert heard == pytest.approx([4 / 15, 6 / 15, 8 / 15], abs=0.03)
    raw = subprocess.run(
        [ffmpeg_exe(), "-v", "error", "-i", str(made[1]), "-f", "f32le", "pipe:1"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    loud = np.abs(np.frombuffer(raw, np.float32).reshape(-1, 2)[:, 0])
    # The second shot begins at 4/15 s: in the third tenth.
    assert loud[480:1200].mean() == pytest.approx(3000 / 32768, rel=0.05)
    assert loud[7200:11000].mean() == pytest.approx(5000 / 32768, rel=0.05)


def test_a_rate_that_leaves_out_a_shot_leaves_it_one_frame(job: StitchJob, tmp_path: Path) -> None:
    job = replace(job, delivery=Delivery(fps=Fraction(1)))
    made = list(cut_shots(job, SHOTS, tmp_path / "shots"))
    assert [probe(path).frames for path in made] == [1, 1, 1]


def test_shots_outside_of_the_clip_are_refused(job: StitchJob, tmp_path: Path) -> None:
    wrong = replace(job, clips=(replace(job.clips[0], frames=12), job.clips[1]))
    with pytest.raises(DamagedClip):
        list(cut_shots(wrong, SHOTS, tmp_path / "shots"))
    assert not (tmp_path / "shots").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("count", [24, 30, 60])
def test_every_file_type_holds_ntscs_rates(
    job: StitchJob, tmp_path: Path, suffix: str, count: int
) -> None:
    rate = Fraction(1000 * count, 1001)
    film = stitch(replace(job, delivery=Delivery(fps=rate)), tmp_path / f"film{suffix}")
    assert (film.fps, film.steady) == (rate, True)
    assert film.frames == round(16 * rate / 15)
