from __future__ import annotations

import subprocess
import wave
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.delivery import Codec, VideoCodec, video_args
from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, probe, read_frames, write_frames
from holocine_core.edit.metadata import Chapter, FilmMetadata, read_metadata
from holocine_core.edit.process import ffmpeg_exe
from holocine_core.edit.reel import ClipInput, DamagedClip, Transition
from holocine_core.edit.seal import BLANK, SEAL_TAG, is_sealed
from holocine_core.edit.sound import SoundCue
from holocine_core.edit.stitch import (
    Delivery,
    StitchJob,
    delivered_frame,
    film_frames,
    scene_starts,
    stitch,
)
from holocine_core.errors import InputError, MachineError, RenderError
from holocine_core.events import Event, Warned

pytestmark = pytest.mark.slow

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
FAST = VideoCodec(crf=1, preset="ultrafast")
CUT = Transition()
Make = Callable[..., StitchJob]


def solid(colour: tuple[int, int, int], frames: int) -> Frames:
    return np.broadcast_to(np.array(colour, np.uint8), (frames, 48, 64, 3))


def counting(frames: int, first: int = 0, step: int = 8) -> Frames:
    """Grey frames, each ``step`` levels brighter than the one before."""
    levels = (first + step * np.arange(frames)).astype(np.uint8).reshape(-1, 1, 1, 1)
    return np.broadcast_to(levels, (frames, 48, 64, 3))


def clip(path: Path, frames: Frames, fps: Fraction = Fraction(15)) -> ClipInput:
    with write_frames(path, frames.shape[2], frames.shape[1], fps, MASTER_ARGS) as writer:
        writer.write(frames)
    return ClipInput(path=path, frames=len(frames), title=path.stem)


def levels(path: Path) -> Frames:
    """The colour in the middle of every frame, ``[n, 3]``."""
    return np.concatenate([chunk[:, 24, 32] for chunk in read_frames(path)]).astype(int)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Frames], ClipInput]:
    """Clips on the shelf: what was written once is used again."""
    folder = tmp_path_factory.mktemp("clips")
    made: dict[bytes, ClipInput] = {}

    def fetch(frames: Frames) -> ClipInput:
        key = frames.tobytes()
        if key not in made:
            made[key] = clip(folder / f"{len(made)}.mp4", frames)
        return made[key]

    return fetch


@pytest.fixture
def make(shelf: Callable[[Frames], ClipInput]) -> Make:
    """A job of one clip per stack of frames."""

    def job(*stacks: Frames, **rest: object) -> StitchJob:
        filled: dict[str, object] = {
            "clips": tuple(shelf(stack) for stack in stacks),
            "transitions": (CUT,) * (len(stacks) - 1),
            "fps": Fraction(15),
            "size": (64, 48),
            "video": FAST,
            **rest,
        }
        return StitchJob(**filled)  # type: ignore[arg-type]

    return job


def tone(path: Path, seconds: float, level: float = 0.5) -> Path:
    sine = np.sin(2 * np.pi * 440 * np.arange(round(seconds * 48_000)) / 48_000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((sine * level * 32767).astype("<i2").tobytes())
    return path


def test_every_transition_is_exact_to_the_frame(make: Make, tmp_path: Path) -> None:
    job = make(
        solid(RED, 13),
        solid(BLUE, 10),
        solid(RED, 10),
        solid(WHITE, 8),
        solid(WHITE, 10),
        transitions=(
            CUT,
            Transition(kind="crossfade", frames=4),
            Transition(kind="crossfade", frames=3),
            Transition(kind="fade", frames=7),
        ),
    )
    film = stitch(job, tmp_path / "film.mp4")
    assert film == probe(tmp_path / "film.mp4")
    assert film.frames == film_frames(job) == 13 + 10 + 10 + 8 + 10 - 4 - 3
    assert (film.fps, film.width, film.height) == (Fraction(15), 64, 48)
    assert (film.codec, film.pix_fmt, film.audio) == ("h264", "yuv420p", False)
    assert scene_starts(job) == (0, 13, 19, 26, 34)
    red, green, blue = levels(tmp_path / "film.mp4").T
    through_black = [170, 85, 0, 51, 102, 153, 204]
    white = [255] * 2 + through_black + [255] * 6
    expected_red = [255] * 13 + [0] * 6 + [51, 102, 153, 204] + [255] * 6 + white
    expected_green = [0] * 26 + [64, 128, 191] + white
    expected_blue = [0] * 13 + [255] * 6 + [204, 153, 102, 51] + [0] * 3 + [64, 128, 191] + white
    np.testing.assert_allclose(red, expected_red, atol=4)
    np.testing.assert_allclose(green, expected_green, atol=4)
    np.testing.assert_allclose(blue, expected_blue, atol=4)


def test_colours_are_bt709_and_say_so(make: Make, tmp_path: Path) -> None:
    job = make(solid((200, 100, 50), 3))
    stitch(job, tmp_path / "film.mp4")
    command = [ffmpeg_exe(), "-hide_banner", "-i", str(tmp_path / "film.mp4"), "-f", "rawvideo"]
    raw = subprocess.run(
        [*command, "-frames:v", "1", "-pix_fmt", "yuv420p", "-"], capture_output=True, check=True
    )
    assert "yuv420p(tv, bt709" in raw.stderr.decode()
    picture = np.frombuffer(raw.stdout, np.uint8)
    luma, blue, red = picture[0], picture[64 * 48], picture[64 * 48 * 5 // 4]
    light = (0.2126 * 200 + 0.7152 * 100 + 0.0722 * 50) / 255
    np.testing.assert_allclose(
        [luma, blue, red],
        [
            16 + 219 * light,
            128 + 224 * (50 / 255 - light) / 1.8556,
            128 + 224 * (200 / 255 - light) / 1.5748,
        ],
        atol=2,
    )


@pytest.mark.parametrize(("motion", "to"), [("plain", Fraction(25)), ("interpolate", Fraction(24))])
def test_the_delivered_rate_keeps_times_and_cuts(
    make: Make, tmp_path: Path, to: Fraction, motion: str
) -> None:
    job = make(
        counting(11),
        counting(9, 100, 16),
        delivery=Delivery(fps=to, motion=motion),  # type: ignore[arg-type]
    )
    film = stitch(job, tmp_path / "film.mp4")
    assert film.frames == delivered_frame(job, 20) == int(20 * to / 15 + Fraction(1, 2))
    assert film.fps == to
    grey = levels(tmp_path / "film.mp4")[:, 1]
    cut = delivered_frame(job, 11)
    places = np.arange(film.frames) * float(15 / to)
    expected = np.where(
        np.arange(film.frames) < cut,
        8 * np.clip(places, 0, 10),
        100 + 16 * np.clip(places - 11, 0, 8),
    )
    half_a_frame = 8 + 2
    np.testing.assert_allclose(grey, expected, atol=2 if motion == "interpolate" else half_a_frame)


def test_interpolation_stops_at_the_cuts_inside_a_clip(make: Make, tmp_path: Path) -> None:
    shots = np.concatenate([solid(RED, 6), solid(BLUE, 1), solid(WHITE, 6)])
    job = make(shots, delivery=Delivery(fps=Fraction(30), motion="interpolate"))
    job = replace(job, clips=(replace(job.clips[0], cuts=(6, 7)),))
    stitch(job, tmp_path / "film.mp4")
    expected = np.repeat([RED, BLUE, WHITE], [12, 2, 12], axis=0)
    np.testing.assert_allclose(levels(tmp_path / "film.mp4"), expected, atol=4)


@pytest.mark.parametrize(("fit", "corner"), [("pad", 0), ("crop", 255)])
def test_another_size_keeps_the_shape(make: Make, tmp_path: Path, fit: str, corner: int) -> None:
    delivery = Delivery(size=(192, 108), fit=fit)  # type: ignore[arg-type]
    film = stitch(make(solid(WHITE, 3), delivery=delivery), tmp_path / "film.mp4")
    assert (film.width, film.height) == (192, 108)
    picture = next(read_frames(tmp_path / "film.mp4"))[0]
    assert abs(int(picture[54, 4, 1]) - corner) <= 3
    assert abs(int(picture[54, 96, 1]) - 255) <= 3


def test_provenance_and_chapters_are_in_the_film(make: Make, tmp_path: Path) -> None:
    metadata = FilmMetadata(
        tags={"title": "Ball", "holocine": '{"seed": 7}'},
        chapters=(
            Chapter(start_frame=0, end_frame=13, title="red"),
            Chapter(start_frame=13, end_frame=22, title="blue"),
        ),
    )
    job = make(
        solid(RED, 13), solid(BLUE, 9), metadata=metadata, delivery=Delivery(fps=Fraction(24))
    )
    stitch(job, tmp_path / "film.mp4")
    held = read_metadata(tmp_path / "film.mp4")
    assert held.tags == metadata.tags
    start = held.chapters[1].start_frame
    assert [c.title for c in held.chapters] == ["red", "blue"]
    assert held.chapters[1].end_frame == 35
    colours = levels(tmp_path / "film.mp4")
    assert colours[start - 1, 0] > 250
    assert colours[start, 2] > 250


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_flipped_bit_breaks_the_seal(make: Make, tmp_path: Path, suffix: str) -> None:
    film = tmp_path / f"film{suffix}"
    tags = {"title": "Ball", SEAL_TAG: BLANK}
    stitch(make(solid(RED, 5), metadata=FilmMetadata(tags=tags)), film)
    assert is_sealed(film) is True
    told = read_metadata(film).tags
    assert (told["title"], len(told[SEAL_TAG])) == ("Ball", len(BLANK))
    whole = film.read_bytes()
    for at in {0, *range(len(whole) - 1, 0, -len(whole) // 40)}:
        flipped = bytearray(whole)
        flipped[at] ^= 1
        film.write_bytes(flipped)
        assert is_sealed(film) is not True, f"byte {at} of {len(whole)}"
    for other in (whole[:-1], whole + b"more"):
        film.write_bytes(other)
        assert is_sealed(film) is False
    film.write_bytes(whole)
    assert is_sealed(film) is True


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_film_that_was_not_sealed_carries_none(make: Make, tmp_path: Path, suffix: str) -> None:
    film = tmp_path / f"film{suffix}"
    stitch(make(solid(RED, 5)), film)
    assert is_sealed(film) is None


@pytest.mark.parametrize("motion", ["plain", "interpolate"])
@pytest.mark.parametrize("to", [1, 2, 3, 4, 5])
def test_shots_that_no_delivered_frame_shows_have_no_chapter(
    make: Make, tmp_path: Path, to: int, motion: str
) -> None:
    borders = [*range(0, 40, 2), 40, 41, 55]
    chapters = tuple(
        Chapter(start_frame=a, end_frame=b, title=f"from {a}") for a, b in pairwise(borders)
    )
    job = make(
        counting(20, step=1),
        counting(35, step=1),
        metadata=FilmMetadata(tags={"title": "x"}, chapters=chapters),
        delivery=Delivery(fps=Fraction(to), motion=motion),  # type: ignore[arg-type]
    )
    job = replace(job, clips=tuple(replace(c, cuts=(2, 4, 6)) for c in job.clips))
    film = stitch(job, tmp_path / "film.mp4")
    held = read_metadata(tmp_path / "film.mp4").chapters
    assert [c.start_frame for c in held] == [0, *(c.end_frame for c in held[:-1])]
    assert held[-1].end_frame == film.frames == delivered_frame(job, 55)
    starts = {delivered_frame(job, a): f"from {a}" for a in borders[:-1]}  # later shots win
    assert {c.start_frame: c.title for c in held} == {
        at: title for at, title in starts.items() if at < film.frames
    }


def test_a_scene_no_delivered_frame_shows_is_not_heard(make: Make, tmp_path: Path) -> None:
    source = tone(tmp_path / "a.wav", 3)
    first = SoundCue(path=source, start_frame=0, frames=3)
    job = make(solid(RED, 3), solid(BLUE, 20), delivery=Delivery(fps=Fraction(1)), sounds=(first,))
    assert not stitch(job, tmp_path / "silent.mp4").audio
    both = (first, SoundCue(path=source, start_frame=3, frames=20))
    assert stitch(replace(job, sounds=both), tmp_path / "heard.mp4").audio


def test_a_damaged_clip_is_named(make: Make, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (12, 48, 64, 3), dtype=np.uint8)
    good, bad = clip(tmp_path / "good.mp4", noise), clip(tmp_path / "bad.mp4", noise)
    job = replace(make(noise, noise, transitions=(CUT,)), clips=(good, bad))
    whole = bad.path.read_bytes()
    inside = whole.index(b"mdat") + len(whole) // 3
    scratched = whole[:inside] + bytes(4000) + whole[inside + 4000 :]
    for damaged in (b"", whole[: len(whole) // 2], scratched):
        bad.path.write_bytes(damaged)
        with pytest.raises(DamagedClip) as told:
            stitch(job, tmp_path / "film.mp4")
        assert told.value.path == bad.path
        assert told.value.where == str(bad.path)
    bad.path.unlink()
    with pytest.raises(DamagedClip, match="does not exist"):
        stitch(job, tmp_path / "film.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.mp4"]


def test_a_sound_lands_with_its_scene(make: Make, tmp_path: Path) -> None:
    source = tone(tmp_path / "a.wav", 3)
    sounds = (SoundCue(path=source, start_frame=15, frames=15, gain_db=12),)
    job = make(*(solid(RED, 15),) * 3, sounds=sounds, delivery=Delivery(fps=Fraction(24)))
    told: list[Event] = []
    film = stitch(job, tmp_path / "film.mp4", told.append)
    (warning,) = told
    assert isinstance(warning, Warned)
    assert "6.0 dB" in warning.hint  # half of full scale, 12 dB louder
    assert film.audio
    assert film.audio_seconds == pytest.approx(3.0, abs=0.001)
    raw = subprocess.run(
        [
            ffmpeg_exe(),
            "-v",
            "error",
            "-i",
            str(tmp_path / "film.mp4"),
            "-f",
            "f32le",
            "-ac",
            "1",
            "-",
        ],
        capture_output=True,
        check=True,
    )
    sound = np.frombuffer(raw.stdout, np.float32)
    loud = np.abs(sound.reshape(-1, 480)).max(1) > 0.1  # hundredths of a second
    assert np.flatnonzero(loud).tolist() == pytest.approx(range(100, 200), abs=1)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mkv"), ("h265", ".mp4"), ("av1", ".mp4"), ("prores", ".mov")]
)
def test_every_codec_delivers(make: Make, tmp_path: Path, codec: Codec, suffix: str) -> None:
    source = tone(tmp_path / "a.wav", 1)
    job = make(
        np.concatenate([solid(RED, 8), solid(BLUE, 7)]),
        video=VideoCodec(codec=codec),
        sounds=(SoundCue(path=source, start_frame=0, frames=15),),
        metadata=FilmMetadata(tags={"title": "t"}),
    )
    film = stitch(job, tmp_path / f"film{suffix}")
    assert film.frames == 15
    assert film.audio_seconds == pytest.approx(1, abs=0.03)
    assert read_metadata(tmp_path / f"film{suffix}").tags == {"title": "t"}
    colours = levels(tmp_path / f"film{suffix}")
    np.testing.assert_allclose(colours[[0, 7, 8, 14]], [RED, RED, BLUE, BLUE], atol=6)


def test_the_same_job_gives_the_same_bytes(make: Make, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (8, 48, 64, 3), dtype=np.uint8)
    job = make(
        noise,
        noise[::-1],
        transitions=(Transition(kind="crossfade", frames=3),),
        delivery=Delivery(fps=Fraction(24), motion="interpolate", size=(96, 72)),
        video=VideoCodec(),
        metadata=FilmMetadata(tags={"title": "x"}),
        sounds=(SoundCue(path=tone(tmp_path / "a.wav", 1), start_frame=0, frames=8),),
    )
    for name in "ab":
        stitch(job, tmp_path / f"{name}.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_only_the_film_is_left(make: Make, tmp_path: Path) -> None:
    job = make(
        solid(RED, 5), sounds=(SoundCue(path=tone(tmp_path / "a.wav", 1), start_frame=0, frames=5),)
    )
    out = tmp_path / "new" / "folder" / "stretch.mp4"
    stitch(replace(job, delivery=Delivery(fps=Fraction(24), motion="interpolate")), out)
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (64, 50)}, "size"),
        ({"fps": Fraction(16)}, "frames per second"),
        ({"clips": 6}, "frames: 5, not 6"),
    ],
)
def test_clips_that_are_not_as_announced_are_refused(
    make: Make, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    job = make(solid(RED, 5))
    if "clips" in change:
        change = {"clips": (replace(job.clips[0], frames=6),)}
    with pytest.raises(DamagedClip, match=words):
        stitch(replace(job, **change), tmp_path / "film.mp4")  # type: ignore[arg-type]
    assert not (tmp_path / "film.mp4").exists()


def test_a_film_other_than_ordered_gets_no_name(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(solid(RED, 5))
    out = tmp_path / "film.mp4"
    out.write_text("the old film")
    lossy = (*video_args(job.video, ".mp4"), "-frames:v", "4")
    monkeypatch.setattr("holocine_core.edit.stitch.video_args", lambda *_: lossy)
    with pytest.raises(RenderError, match="frames: 4, not 5"):
        stitch(job, out)
    assert out.read_text() == "the old film"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_leaves_the_old_film(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(solid(RED, 5))
    out = tmp_path / "film.mp4"
    out.write_text("the old film")
    impostor = tmp_path / "impostor"  # what it writes goes to a full disk
    impostor.write_text(
        '#!/bin/sh\ncase "$*" in *"-y file:"*)\n'
        'for last; do :; done; ln -s /dev/full "${last#file:}";;\nesac\n'
        f'exec "{ffmpeg_exe()}" "$@"\n'
    )
    impostor.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(impostor))
    with pytest.raises(MachineError, match="No space left") as told:
        stitch(job, out)
    assert "free some space" in told.value.hint
    assert out.read_text() == "the old film"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4", "impostor"]


def test_a_folder_that_cannot_be_made_is_the_machines_fault(make: Make, tmp_path: Path) -> None:
    job = make(solid(RED, 5))
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError) as told:
        stitch(job, tmp_path / "file" / "film.mp4")
    assert told.value.where.endswith("film.mp4")
    (tmp_path / "dir.mp4").mkdir()
    with pytest.raises(InputError, match="folder"):
        stitch(job, tmp_path / "dir.mp4")
