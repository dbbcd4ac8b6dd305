"""Films that people have: read upright, square and whole, or refused by name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import InputError
from holocine_core.ingest.footage import Crop, open_footage, read_pictures
from tests.ingest.conftest import MakeFilm, ffmpeg, shot, write_film

_SMALL = (64, 48)


def _pixels(path: Path) -> np.ndarray:
    footage = open_footage(path)
    return np.stack([s.pixels for s in read_pictures(footage, (footage.width, footage.height))])


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    return float(np.abs(one.astype(int) - other.astype(int)).mean()) < 1.5


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_films_stand_upright(film: MakeFilm, tmp_path: Path, degrees: int) -> None:
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", str(degrees), "-i", film(20), "-c", "copy", turned)
    seen = _pixels(turned)
    expected = np.concatenate(list(read_frames(turned)))
    assert seen.shape == expected.shape
    assert _close(seen, expected)


def test_anamorphic_pixels_become_square(film: MakeFilm, tmp_path: Path) -> None:
    squeezed = tmp_path / "squeezed.mp4"
    ffmpeg("-i", film(6), "-vf", "setsar=3/2", "-c:v", "libx264", squeezed)
    footage = open_footage(squeezed)
    assert (footage.width, footage.height) == (240, 96)


def _woven(film: Path, path: Path) -> Path:
    """An interlaced film of half as many frames."""
    weave = "tinterlace=interleave_top,setfield=tff"
    codec = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-flags", "+ildct+ilme")
    ffmpeg("-i", film, "-vf", weave, *codec, path)
    return path


def test_interlaced_frames_lose_their_combs(film: MakeFilm, tmp_path: Path) -> None:
    woven = _woven(film(48), tmp_path / "woven.mpg")
    footage = open_footage(woven)
    assert footage.interlaced

    def combs(frames: np.ndarray) -> float:
        rows = frames[:, 30:54].astype(int)
        return float(np.abs(rows[:, 1:-1] * 2 - rows[:, :-2] - rows[:, 2:]).mean())

    woven_frames = np.concatenate(list(read_frames(woven)))
    assert combs(_pixels(woven)) < 0.6 * combs(woven_frames)


def test_variable_rates_keep_their_times(film: MakeFilm, tmp_path: Path) -> None:
    dropped = tmp_path / "dropped.mp4"
    choose = "select=not(mod(n\\,3))"
    ffmpeg("-i", film(30), "-vf", choose, "-fps_mode", "vfr", "-c:v", "libx264", dropped)
    footage = open_footage(dropped)
    times = [one.time * footage.tick for one in read_pictures(footage, (80, 48))]
    assert times == [Fraction(k * 3, 24) for k in range(10)]


def test_reading_can_begin_anywhere(film: MakeFilm) -> None:
    footage = open_footage(film(60))
    whole = list(read_pictures(footage, (80, 48)))
    for begin in (1, 23, 24, 25, 59):
        part = list(read_pictures(footage, (80, 48), since=whole[begin].time))
        assert [one.time for one in part] == [one.time for one in whole[begin:]]
        assert all(
            np.array_equal(a.pixels, b.pixels) for a, b in zip(part, whole[begin:], strict=True)
        )


_OPEN = ("-c:v", "libx264", "-x264-params", "open-gop=1:keyint=24:scenecut=0")
_H265 = ("-c:v", "libx265", "-x265-params", "keyint=24:log-level=none")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.ts", ("-c:v", "libx264", "-g", "24")),
        ("film.ts", _H265),
        ("film.mp4", _OPEN),
        ("film.mkv", _OPEN),
    ],
    ids=["h264-ts", "h265-ts", "open-mp4", "open-mkv"],
)
def test_reading_can_begin_at_the_very_end(
    tmp_path: Path, name: str, codec: tuple[str, ...]
) -> None:
    path = tmp_path / name
    ffmpeg("-i", write_film(tmp_path / "made.mp4", [shot(0, 56, _SMALL)]), *codec, path)
    footage = open_footage(path)
    whole = list(read_pictures(footage, _SMALL))
    assert len(whole) == 56
    for begin in (24, 50, 55):
        part = list(read_pictures(footage, _SMALL, since=whole[begin].time))
        assert [one.time for one in part] == [one.time for one in whole[begin:]]


def test_interlaced_films_are_the_same_from_anywhere(film: MakeFilm, tmp_path: Path) -> None:
    footage = open_footage(_woven(film(60), tmp_path / "woven.mkv"))
    whole = list(read_pictures(footage, (80, 48)))
    for begin, one in enumerate(whole):
        part = next(read_pictures(footage, (80, 48), since=one.time))
        assert part.time == one.time
        assert np.array_equal(part.pixels, one.pixels), begin


def _mistimed(film: Path, path: Path) -> None:
    """B-frames at the times at which they are decoded."""
    ffmpeg("-i", film, "-c", "copy", "-f", "h264", path.with_suffix(".h264"))
    ffmpeg("-i", path.with_suffix(".h264"), "-c", "copy", "-use_editlist", "0", path)


def _in_avi(film: Path, path: Path) -> None:
    ffmpeg("-i", film, "-c:v", "libx264", "-bf", "2", "-g", "24", "-crf", "12", path)


def _xvid(film: Path, path: Path) -> None:
    ffmpeg("-i", film, "-c:v", "libxvid", "-bf", "2", "-g", "24", "-q:v", "3", path)


@pytest.mark.parametrize(
    ("make", "name", "lost"),
    [(_in_avi, "film.avi", 0), (_xvid, "film.avi", 2), (_mistimed, "film.mp4", 0)],
)
def test_frames_that_only_their_order_tells_the_times_of(
    tmp_path: Path, make: Callable[[Path, Path], None], name: str, lost: int
) -> None:
    source = write_film(tmp_path / "made.mp4", [shot(0, 60, (96, 48))])
    path = tmp_path / name
    make(source, path)  # libxvid mislays two of the last four frames.
    footage = open_footage(path)
    seen = list(read_pictures(footage, (96, 48)))
    assert len(seen) == 60 - lost == footage.frames
    assert not any(one.torn for one in seen)
    seconds = [float(one.time * footage.tick) for one in seen]
    assert np.diff(seconds) == pytest.approx(1 / 24, abs=1e-4)
    made = np.concatenate(list(read_frames(source))).astype(int)
    nearest = [int(np.abs(made - one.pixels).mean(axis=(1, 2, 3)).argmin()) for one in seen]
    assert nearest[:56] == list(range(56))
    assert nearest == sorted(set(nearest))
    for begin in range(0, len(seen), 3):
        part = list(read_pictures(footage, (96, 48), since=seen[begin].time))
        assert [one.time for one in part] == [one.time for one in seen[begin:]]
        assert np.array_equal(part[0].pixels, seen[begin].pixels)


def test_streams_may_tell_the_times_of_keyframes_alone(tmp_path: Path) -> None:
    made = write_film(tmp_path / "made.mp4", [shot(0, 60, _SMALL)])
    path = tmp_path / "film.ts"
    ffmpeg("-i", made, "-c", "copy", "-bsf:v", "setts=pts=if(mod(N\\,24)\\,NOPTS\\,PTS)", path)
    footage = open_footage(path)
    seconds = [float(one.time * footage.tick) for one in read_pictures(footage, _SMALL)]
    assert len(seconds) == 60
    assert np.diff(seconds) == pytest.approx(1 / 24, abs=1e-4)


def test_what_an_edit_list_hides_is_not_missing(tmp_path: Path) -> None:
    made = write_film(tmp_path / "made.mp4", [shot(0, 72, _SMALL)])
    trimmed = tmp_path / "trimmed.mp4"
    ffmpeg("-ss", "1.3", "-i", made, "-c", "copy", trimmed)
    footage = open_footage(trimmed)
    assert 0 < footage.frames == len(list(read_pictures(footage, _SMALL))) < 48


@pytest.mark.parametrize("name", ["film.mp4", "film.avi"])
def test_what_is_cut_off_is_missing(tmp_path: Path, name: str) -> None:
    made = write_film(tmp_path / "made.mp4", [shot(0, 72, _SMALL)])
    path = tmp_path / name
    ffmpeg("-i", made, "-c:v", "libx264", "-g", "12", "-movflags", "faststart", path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    footage = open_footage(path)
    assert len(list(read_pictures(footage, _SMALL))) < 71 < footage.frames


def test_a_part_of_the_picture(film: MakeFilm) -> None:
    footage = open_footage(film(3))
    left = next(read_pictures(footage, (80, 96), crop=Crop(right=0.5)))
    whole = next(read_pictures(footage, (160, 96)))
    assert _close(left.pixels, whole.pixels[:, :80])


def test_what_can_not_be_decoded_is_left_out_and_told(film: MakeFilm) -> None:
    path = film(120)
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 4 + (len(data) - data.index(b"mdat")) * 2 // 5
    for at in range(middle, middle + 300):
        data[at] ^= 0x5A
    path.write_bytes(bytes(data))
    footage = open_footage(path)
    seen = list(read_pictures(footage, (80, 48)))
    assert 60 < len(seen) < 120
    assert [one.torn for one in seen].count(True) == 1
    times = [one.time for one in seen]
    assert times == sorted(set(times))


def test_deinterlacing_tells_damage_where_it_is(film: MakeFilm, tmp_path: Path) -> None:
    path = _woven(film(240), tmp_path / "woven.mkv")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    seen = list(read_pictures(open_footage(path), (80, 48)))
    steps = np.diff([one.time for one in seen])
    behind = 1 + np.flatnonzero(steps > 1.5 * np.median(steps))
    assert len(behind) == 1
    assert [k for k, one in enumerate(seen) if one.torn] == list(behind)


def test_a_film_that_ends_too_soon(film: MakeFilm, tmp_path: Path) -> None:
    moved = tmp_path / "film.mkv"
    ffmpeg("-i", film(120), "-c", "copy", moved)
    moved.write_bytes(moved.read_bytes()[: moved.stat().st_size * 2 // 3])
    seen = list(read_pictures(open_footage(moved), (80, 48)))
    assert 40 < len(seen) < 110


def _refused(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        list(read_pictures(open_footage(path), (80, 48)))
    assert refused.value.where == str(path)
    assert refused.value.hint
    return refused.value.message


def test_hdr_is_refused_by_name(film: MakeFilm, tmp_path: Path) -> None:
    path = tmp_path / "hdr.mp4"
    kinds = ("-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
    marked = "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc"
    ffmpeg("-i", film(6), "-vf", marked, "-c:v", "libx264", *kinds, path)
    assert "PQ" in _refused(path)


def test_transparency_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    source = ("-f", "lavfi", "-i", "testsrc=d=0.5:s=160x96")
    ffmpeg(*source, "-vf", "format=rgba", "-c:v", "qtrle", path)
    assert "transparency" in _refused(path)


def test_a_picture_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    parts = []
    for number, size in enumerate([(160, 96), (96, 64)]):
        parts.append(tmp_path / f"{number}.ts")
        made = write_film(tmp_path / f"{number}.mp4", [shot(number, 24, size)])
        copied = ("-c", "copy", "-bsf:v", "h264_mp4toannexb")
        ffmpeg("-i", made, *copied, "-output_ts_offset", str(number), parts[-1])
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert "changes from 160x96" in _refused(path)


def test_times_that_jump_back_are_refused(film: MakeFilm, tmp_path: Path) -> None:
    once = tmp_path / "once.ts"
    ffmpeg("-i", film(60), "-c", "copy", "-bsf:v", "h264_mp4toannexb", once)
    path = tmp_path / "twice.ts"
    path.write_bytes(once.read_bytes() * 2)
    assert "jump back" in _refused(path)


def test_sound_and_nonsense_are_no_films(tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", sound)
    assert _refused(sound) == "it holds no picture"
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    assert "can't be read" in _refused(text)
    assert "does not exist" in _refused(tmp_path / "nothing.mp4")


def test_a_bare_stream_is_read_once_it_is_in_a_container(tmp_path: Path) -> None:
    made = write_film(tmp_path / "made.mp4", [shot(0, 30, _SMALL)])
    bare = tmp_path / "a film.h264"
    ffmpeg("-i", made, "-c", "copy", bare)
    with pytest.raises(InputError, match="no times") as refused:
        open_footage(bare)
    remedy = refused.value.hint.split(": ")[1].split(" (")[0]
    _, *args = shlex.split(remedy)
    ffmpeg(*args)
    assert len(_pixels(Path(args[-1]))) == 30


def test_names_with_colons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("2024-01-01T12:30:00.mp4")
    write_film(tmp_path / "made.mp4", [shot(0, 6, _SMALL)]).rename(path)
    assert len(_pixels(path)) == 6


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    assert "can't be opened" in _refused(loop)
    assert "can't be opened" in _refused(tmp_path / f"{'a' * 300}.mp4")
    assert _refused(tmp_path) == "this is a folder"
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    assert "a pipe" in _refused(pipe)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not UTF-8") as refused:
        open_footage(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    assert refused.value.where == str(tmp_path / "caf\\udce9.mp4")
