from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import (
    MASTER_ARGS,
    Frames,
    probe,
    probe_audio,
    read_frames,
    write_frames,
)
from holocine_core.edit.process import Run, ffmpeg_exe
from holocine_core.errors import InputError, MachineError, RenderError
from holocine_core.script.timeline import FrameSpan

FILM = Fraction(15)


def noise(frames: int, height: int = 48, width: int = 64) -> Frames:
    shape = (frames, height, width, 3)
    return np.random.default_rng(frames).integers(0, 256, shape, dtype=np.uint8)


def plain(frames: int, height: int = 480, width: int = 832) -> Frames:
    """Big frames that compress to nothing, each of one colour."""
    shades = np.arange(frames, dtype=np.uint8).repeat(3).reshape(frames, 1, 1, 3)
    return np.broadcast_to(shades, (frames, height, width, 3))


def write(path: Path, frames: Frames, fps: Fraction = FILM, chunk: int = 5) -> Path:
    height, width = frames.shape[1:3]
    with write_frames(path, width, height, fps, MASTER_ARGS) as writer:
        for at in range(0, len(frames), chunk):
            writer.write(frames[at : at + chunk])
    return path


def read(path: Path, span: FrameSpan | None = None) -> Frames:
    return np.concatenate(list(read_frames(path, span=span)))


def ffmpeg(*args: str | Path) -> None:
    """A film or sound that holocine did not make."""
    subprocess.run([ffmpeg_exe(), "-v", "error", "-y", *map(str, args)], check=True)


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Every ffmpeg the test starts."""
    started: list[Run] = []
    begin = Run.__init__

    def note(self: Run, *args: object, **kwargs: object) -> None:
        begin(self, *args, **kwargs)  # type: ignore[arg-type]
        started.append(self)

    monkeypatch.setattr(Run, "__init__", note)
    return started


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script in ffmpeg's place."""

    def install(script: str) -> None:
        path = tmp_path / "impostor"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))

    return install


@pytest.mark.parametrize(
    ("suffix", "fps", "count", "size"),
    [
        (".mp4", Fraction(15), 12, (48, 64)),
        (".mp4", Fraction(30000, 1001), 2, (49, 65)),
        (".mp4", Fraction(25, 2), 1, (17, 33)),
        (".mkv", Fraction(24000, 1001), 7, (48, 64)),
        (".mkv", Fraction(30), 2, (48, 64)),
        (".mkv", Fraction(16), 1, (48, 64)),
    ],
)
def test_frames_come_back_as_they_went(
    tmp_path: Path, suffix: str, fps: Fraction, count: int, size: tuple[int, int]
) -> None:
    frames = noise(count, *size)
    path = write(tmp_path / f"clip{suffix}", frames, fps)
    held = probe(path)
    assert (held.frames, held.fps, held.steady) == (count, fps, True)
    assert (held.height, held.width) == size
    assert held.seconds == pytest.approx(count / float(fps))
    assert (held.audio, held.audio_seconds) == (False, None)
    np.testing.assert_array_equal(read(path), frames)


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames = noise(30)
    first = write(tmp_path / "a.mp4", frames, chunk=30).read_bytes()
    assert write(tmp_path / "b.mp4", frames, chunk=7).read_bytes() == first
    frames[-1, 0, 0, 0] ^= 1
    assert write(tmp_path / "c.mp4", frames).read_bytes() != first


def test_names_are_taken_literally(tmp_path: Path) -> None:
    folder = tmp_path / "take:1 %03d"
    folder.mkdir()
    frames = noise(2)
    np.testing.assert_array_equal(read(write(folder / "-i 'x' [y];%d.mp4", frames)), frames)


def test_a_span_is_exact(tmp_path: Path) -> None:
    frames = noise(20)
    path = write(tmp_path / "clip.mp4", frames)
    np.testing.assert_array_equal(read(path, FrameSpan(7, 13)), frames[7:13])
    with pytest.raises(InputError, match="of 20"):
        read_frames(path, span=FrameSpan(7, 21))


def test_reading_streams_in_small_pieces(tmp_path: Path) -> None:
    frames = plain(20)
    pieces = list(read_frames(write(tmp_path / "clip.mp4", frames)))
    assert max(piece.nbytes for piece in pieces) <= 8 << 20 < frames.nbytes
    assert sum(map(len, pieces)) == 20
    pieces[0][:] = 0  # a consumer may write into what it got
    np.testing.assert_array_equal(pieces[1], frames[len(pieces[0]) :][: len(pieces[1])])


@pytest.mark.parametrize("bad", [np.zeros((1, 48, 60, 3), np.uint8), np.zeros((1, 48, 64, 3))])
def test_other_frames_are_refused(tmp_path: Path, bad: Frames) -> None:
    path = tmp_path / "clip.mp4"
    with (
        pytest.raises(ValueError, match="expected uint8"),
        write_frames(path, 64, 48, FILM, MASTER_ARGS) as writer,
    ):
        writer.write(bad)
    assert not path.exists()


def test_no_frames_make_no_clip(tmp_path: Path) -> None:
    with pytest.raises(RenderError), write_frames(tmp_path / "a.mp4", 64, 48, FILM, MASTER_ARGS):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_no_file_and_no_process(tmp_path: Path, runs: list[Run]) -> None:
    def stopped() -> Iterator[Frames]:
        yield noise(40)
        raise KeyboardInterrupt

    path = tmp_path / "clip.mp4"
    with (
        pytest.raises(KeyboardInterrupt),
        write_frames(path, 64, 48, FILM, MASTER_ARGS) as writer,
    ):
        writer.write(np.concatenate(list(stopped())))
    assert not path.exists()
    assert [run.process.returncode for run in runs] == [-signal.SIGKILL]


def test_a_reader_left_early_leaves_no_process(tmp_path: Path, runs: list[Run]) -> None:
    path = write(tmp_path / "clip.mp4", plain(20))
    stream = read_frames(path)
    next(stream)
    assert runs[-1].process.poll() is None
    stream.close()  # type: ignore[attr-defined]
    assert runs[-1].process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize(("suffix", "count"), [(".mp4", 200), (".mkv", 200), (".mkv", 1)])
def test_a_full_disk_is_named(tmp_path: Path, suffix: str, count: int) -> None:
    path = tmp_path / f"clip{suffix}"
    path.symlink_to("/dev/full")
    with pytest.raises(MachineError, match="No space left on device") as told:
        write(path, noise(count, 96, 128))
    assert "free some space" in told.value.hint
    assert not path.is_symlink()


def test_ffmpegs_reason_is_told(tmp_path: Path) -> None:
    codec = ("-c:v", "nosuch")
    with (
        pytest.raises(MachineError, match=r"could not write clip\.mp4.*nosuch"),
        write_frames(tmp_path / "clip.mp4", 64, 48, FILM, codec) as writer,
    ):
        writer.write(noise(500))


def test_a_talkative_ffmpeg_blocks_nothing(tmp_path: Path, impostor: Callable[[str], None]) -> None:
    impostor("yes 'so much to say' | head -c 3000000 >&2; cat >/dev/null; echo enough >&2; exit 3")
    with pytest.raises(MachineError, match="enough"):
        write(tmp_path / "clip.mp4", noise(5))


def test_a_silent_failure_is_one(tmp_path: Path, impostor: Callable[[str], None]) -> None:
    impostor("cat >/dev/null; exit 3")
    with pytest.raises(MachineError, match="exit code 3"):
        write(tmp_path / "clip.mp4", noise(5))


def test_a_missing_ffmpeg_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "gone"))
    with pytest.raises(MachineError) as told:
        write(tmp_path / "clip.mp4", noise(1))
    assert told.value.where == f"IMAGEIO_FFMPEG_EXE={tmp_path / 'gone'}"
    assert "IMAGEIO_FFMPEG_EXE" in told.value.hint


def test_ctrl_c_does_not_reach_ffmpeg(tmp_path: Path, runs: list[Run]) -> None:
    with write_frames(tmp_path / "clip.mp4", 64, 48, FILM, MASTER_ARGS) as writer:
        writer.write(noise(1))
        assert os.getsid(runs[0].process.pid) == runs[0].process.pid != os.getsid(0)


ORPHANS = """
import sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from holocine_core.edit.ffmpeg import MASTER_ARGS, read_frames, write_frames
from holocine_core.edit.process import Run
pids, begin = [], Run.__init__
def note(self, *args, **kwargs):
    begin(self, *args, **kwargs)
    pids.append(self.process.pid)
Run.__init__ = note
stream = read_frames(Path(sys.argv[1]))
next(stream)
with write_frames(Path(sys.argv[2]), 64, 48, Fraction(15), MASTER_ARGS) as writer:
    writer.write(np.zeros((50, 48, 64, 3), np.uint8))
    print(*pids[-2:], flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_ffmpeg_dies_with_its_caller(tmp_path: Path) -> None:
    source = write(tmp_path / "source.mp4", plain(20))
    command = [sys.executable, "-c", ORPHANS, str(source), str(tmp_path / "clip.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        pids = [int(pid) for pid in caller.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(alive, pids))
        caller.kill()
    patience = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < patience:
        time.sleep(0.02)
    assert not any(map(alive, pids))


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "film.mp4"
    with pytest.raises(InputError, match="does not exist") as told:
        probe(text)
    assert told.value.where == str(text)
    text.write_text("INT. KITCHEN - DAY\n" * 50)
    with pytest.raises(InputError, match="cannot read"):
        read_frames(text)
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.1", tmp_path / "tone.wav")
    with pytest.raises(InputError, match="no picture"):
        probe(tmp_path / "tone.wav")


@pytest.mark.parametrize(("kept", "faststart"), [(0.4, True), (0.9, True), (0.9, False)])
def test_a_film_cut_short_is_refused(tmp_path: Path, kept: float, faststart: bool) -> None:
    whole = tmp_path / "whole.mp4"
    front = ("-movflags", "+faststart") if faststart else ()
    with write_frames(whole, 64, 48, FILM, (*MASTER_ARGS, *front)) as writer:
        writer.write(noise(40))
    short = tmp_path / "short.mp4"
    short.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept)])
    with pytest.raises(InputError, match="cannot read"):
        probe(short)


def test_damage_inside_a_film_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", noise(40))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(content)
    assert probe(path).frames == 40  # the index is whole
    with pytest.raises(InputError, match="damaged"):
        read(path)


def test_probe_sees_the_sound_and_the_encoder(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001:d=2")
    sound = ("-f", "lavfi", "-i", "sine=d=1.25:r=44100")
    ffmpeg(*picture, *sound, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-c:a", "aac", film)
    held = probe(film)
    assert (held.codec, held.pix_fmt, held.fps) == ("h264", "yuv420p", Fraction(30000, 1001))
    assert held.frames == 60
    assert held.audio
    assert held.audio_seconds == pytest.approx(1.25, abs=1e-3)
    track = probe_audio(film)
    assert track is not None
    assert (track.seconds, track.mono) == (held.audio_seconds, True)
    assert probe_audio(write(tmp_path / "mute.mp4", noise(1))) is None


def test_probe_counts_what_is_shown_not_what_is_stored(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=15:d=2", "-pix_fmt", "yuv420p", whole)
    ffmpeg("-ss", "1", "-i", whole, "-c", "copy", cut)  # keeps the frames before, hidden
    assert probe(cut).frames == len(read(cut)) == 15


def test_a_turned_film_has_its_turned_size(tmp_path: Path) -> None:
    flat, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=15:d=0.2", "-pix_fmt", "yuv420p", flat)
    ffmpeg("-display_rotation:v:0", "90", "-i", flat, "-c", "copy", turned)
    held = probe(turned)
    assert (held.width, held.height) == (48, 64)
    assert read(turned).shape == (3, 64, 48, 3)


def test_an_unsteady_film_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    jitter = "settb=1/1000,setpts=PTS+mod(N\\,3)*20"
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=15:d=2")
    ffmpeg(*source, "-vf", jitter, "-fps_mode", "vfr", "-pix_fmt", "yuv420p", path)
    held = probe(path)
    assert not held.steady
    assert float(held.fps) == pytest.approx(15, rel=0.05)


def test_tags_do_not_fool_the_probe(tmp_path: Path) -> None:
    film, liar = tmp_path / "film.mp4", tmp_path / "liar.mp4"
    write(film, noise(3))
    lie = "x\nOutput #0\n  Stream #0:0: Video: mpeg1, gray, 9x9, 99 fps\n"
    ffmpeg("-i", film, "-metadata", f"title={lie}", "-c", "copy", liar)
    assert probe(liar) == probe(film)


def test_the_door_opens_without_torch() -> None:
    rooms = "ffmpeg, metadata, reel, sound, stitch, storyboard"
    check = f"import sys; from holocine_core.edit import {rooms}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert not {"torch", "moviepy", "PIL", "imageio_ffmpeg"} & set(run.stdout.split())


def test_a_killed_reader_says_nothing_of_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, killed = tmp_path / "film.mp4", tmp_path / "ffmpeg"
    write(film, noise(3))
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(killed))
    for reads in (probe, read):
        with pytest.raises(MachineError, match="killed by signal 9"):
            reads(film)
