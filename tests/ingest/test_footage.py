"""Films that people have: read upright, square and whole, or refused by name."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import InputError
from holocine_core.ingest.footage import Crop, open_footage, read_pictures
from tests.ingest.conftest import MakeFilm, ffmpeg, shot, write_film


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


def test_interlaced_frames_lose_their_combs(film: MakeFilm, tmp_path: Path) -> None:
    woven = tmp_path / "woven.mpg"
    weave = "tinterlace=interleave_top,setfield=tff"
    codec = ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme")
    ffmpeg("-i", film(48), "-vf", weave, *codec, woven)
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
