from __future__ import annotations

import math
import subprocess
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from holocine_core.edit.process import ffmpeg_exe
from holocine_core.edit.sound import (
    SAMPLE_RATE,
    SoundCue,
    check_sound,
    lay_sound,
    measure_loudness,
    probe_sound,
    set_loudness,
)
from holocine_core.errors import InputError

pytestmark = pytest.mark.slow

Samples = npt.NDArray[np.float64]
FPS = Fraction(15)
FRAME = SAMPLE_RATE // 15


def tone(
    path: Path, seconds: float, rate: int = SAMPLE_RATE, channels: int = 2, level: float = 0.5
) -> Path:
    """A sine of 440 Hz."""
    times = np.arange(round(seconds * rate)) / rate
    sine = np.rint(np.sin(2 * math.pi * 440 * times) * level * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(sine, channels).tobytes())
    return path


def heard(path: Path) -> Samples:
    """The samples of a WAV, ``[samples, channels]``, 1 is full scale."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 48_000)
        raw = file.readframes(file.getnframes())
    return np.frombuffer(raw, "<i2").reshape(-1, 2) / 32767


def rms(sound: Samples) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def cue(path: Path, start: int, frames: int, **rest: float) -> SoundCue:
    return replace(SoundCue(path=path, start_frame=start, frames=frames), **rest)  # type: ignore[arg-type]


def test_the_mix_is_as_long_as_the_film_to_the_sample(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 0.5), tmp_path / "mix.wav"
    for fps, frames in ((Fraction(15), 31), (Fraction(30000, 1001), 47), (Fraction(24), 1)):
        mix = lay_sound([cue(source, 0, frames)], frames, fps, out)
        assert mix.samples == len(heard(out)) == round(frames / fps * SAMPLE_RATE)


def test_a_cue_starts_and_stops_with_its_scene(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 5), tmp_path / "mix.wav"
    lay_sound([cue(source, 20, 10)], 60, FPS, out)
    sound = heard(out)
    assert not sound[: 20 * FRAME].any()
    assert not sound[30 * FRAME :].any()
    np.testing.assert_allclose(
        sound[20 * FRAME : 30 * FRAME], heard(source)[: 10 * FRAME], atol=1e-4
    )


def test_a_short_sound_leaves_silence(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 0.5), tmp_path / "mix.wav"
    lay_sound([cue(source, 15, 30)], 60, FPS, out)
    sound = heard(out)
    assert rms(sound[15 * FRAME :][: SAMPLE_RATE // 2]) == pytest.approx(
        0.5 / math.sqrt(2), rel=0.01
    )
    assert not sound[15 * FRAME + SAMPLE_RATE // 2 :].any()


def test_gain_is_in_decibels(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 1), tmp_path / "mix.wav"
    mix = lay_sound([cue(source, 0, 15, gain_db=-6.0206)], 15, FPS, out)
    assert mix.peak == pytest.approx(0.25, rel=1e-3)
    assert np.abs(heard(out)).max() == pytest.approx(0.25, rel=1e-3)


def test_fades_are_linear_and_lie_at_what_is_heard(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 5), tmp_path / "mix.wav"
    lay_sound([cue(source, 15, 30, fade_in_s=0.4, fade_out_s=0.8)], 60, FPS, out)
    level = [rms(heard(out)[at : at + 480]) * math.sqrt(2) for at in range(48_000, 144_000, 480)]
    assert level[0] < 0.01
    assert level[20] == pytest.approx(0.25, abs=0.02)  # 0.2 s of 0.4
    assert level[60] == pytest.approx(0.5, abs=0.01)
    assert level[160] == pytest.approx(0.25, abs=0.02)  # 1.6 s of 2.0, 0.8 long
    assert level[199] < 0.01


def test_cues_add_up_and_clipping_is_counted(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 1, level=0.4), tmp_path / "mix.wav"
    one = lay_sound([cue(source, 0, 15)] * 2, 15, FPS, out)
    assert one.peak == pytest.approx(0.8, rel=0.01)
    assert one.clipped == 0
    loud = lay_sound([cue(source, 0, 15)] * 3, 15, FPS, out)
    assert loud.peak == pytest.approx(1.2, rel=0.01)
    assert loud.clipped > 1000
    assert np.abs(heard(out)).max() == 1


def test_mono_and_other_rates_keep_pitch_and_level(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 1, rate=22_050, channels=1), tmp_path / "mix.wav"
    lay_sound([cue(source, 0, 15)], 15, FPS, out)
    left, right = heard(out).T
    np.testing.assert_array_equal(left, right)
    spectrum = np.abs(np.fft.rfft(left))
    assert spectrum.argmax() == 440  # one second: bins are Hz
    assert np.abs(left[1000:-1000]).max() == pytest.approx(0.5, rel=0.02)


def test_surround_is_mixed_down_without_clipping(tmp_path: Path) -> None:
    source, out = tone(tmp_path / "a.wav", 1, channels=6, level=0.9), tmp_path / "mix.wav"
    mix = lay_sound([cue(source, 0, 15)], 15, FPS, out)
    assert mix.clipped == 0
    assert mix.peak == pytest.approx(0.9, rel=0.02)


def test_probing_a_sound(tmp_path: Path) -> None:
    assert probe_sound(tone(tmp_path / "a.wav", 1.25)) == pytest.approx(1.25)
    with pytest.raises(InputError, match="does not exist"):
        probe_sound(tmp_path / "gone.wav")
    with pytest.raises(InputError, match="no sound"):
        probe_sound(tone(tmp_path / "empty.wav", 0))
    note = tmp_path / "note.wav"
    note.write_text("la la la " * 100)
    with pytest.raises(InputError, match="cannot read"):
        lay_sound([cue(note, 0, 15)], 15, FPS, tmp_path / "mix.wav")


def encoded(path: Path) -> bytes:
    """Four seconds of noise in the format of the suffix."""
    command = [ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", "anoisesrc=d=4:a=0.3:s=1"]
    subprocess.run([*command, str(path)], check=True)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".m4a", ".ogg", ".mka"])
def test_damage_behind_a_good_header_is_found(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sound{suffix}"
    whole = encoded(path)
    check_sound(path)
    middle = len(whole) // 2
    if suffix == ".wav":  # samples have no wrong values, only missing ones
        path.write_bytes(whole[:middle])
    else:
        path.write_bytes(whole[:middle] + bytes(3000) + whole[middle + 3000 :])
    with pytest.raises(InputError) as told:
        check_sound(path)
    assert told.value.where == str(path)
    assert told.value.hint


def test_what_is_no_sound_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        check_sound(tmp_path / "gone.wav")
    with pytest.raises(InputError, match="no sound"):
        check_sound(tone(tmp_path / "empty.wav", 0))


def test_only_the_mix_is_left(tmp_path: Path) -> None:
    source = tone(tmp_path / "a.wav", 1)
    lay_sound([cue(source, 0, 15)], 15, FPS, tmp_path / "mix.wav")
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "mix.wav"}


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lay_sound([cue(tone(tmp_path / "a.wav", 1), 0, 15)], 15, FPS, tmp_path / "mix.wav")
    assert capfd.readouterr() == ("", "")


def test_a_sound_can_begin_inside_its_file(tmp_path: Path) -> None:
    quiet = heard(tone(tmp_path / "quiet.wav", 1, level=0.1))
    loud = heard(tone(tmp_path / "loud.wav", 1, level=0.5))
    both = tmp_path / "both.wav"
    with wave.open(str(both), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.rint(np.concatenate([quiet, loud]) * 32767).astype("<i2").tobytes())
    lay_sound([cue(both, 0, 15, offset_s=1.0)], 15, FPS, tmp_path / "mix.wav")
    assert rms(heard(tmp_path / "mix.wav")) == pytest.approx(rms(loud), rel=0.01)
    with pytest.raises(InputError, match="nothing is left"):
        lay_sound([cue(both, 0, 15, offset_s=3.0)], 15, FPS, tmp_path / "mix.wav")


def test_music_gives_way_to_other_sounds(tmp_path: Path) -> None:
    music = tone(tmp_path / "music.wav", 6, level=0.4)
    voice = tone(tmp_path / "voice.wav", 1, level=0.0)
    cues = [cue(voice, 30, 15), cue(music, 0, 90, duck_db=20.0)]
    lay_sound(cues, 90, FPS, tmp_path / "mix.wav")
    mix = heard(tmp_path / "mix.wav")
    second = [rms(mix[i * SAMPLE_RATE : (i + 1) * SAMPLE_RATE]) for i in range(6)]
    assert second[0] == pytest.approx(0.4 / math.sqrt(2), rel=0.01)
    assert second[2] == pytest.approx(second[0] / 10, rel=0.01)
    assert second[4] == pytest.approx(second[0], rel=0.01)
    steps = np.abs(np.diff(np.abs(mix[:, 0]).reshape(-1, 480).max(1)))
    assert steps.max() < 0.03, "it goes down and up in ramps"


@pytest.mark.parametrize("target", [-23.0, -14.0])
def test_loudness_is_what_was_asked(tmp_path: Path, target: float) -> None:
    came = set_loudness(tone(tmp_path / "a.wav", 3, level=0.05), target, tmp_path / "out.wav")
    assert came is not None
    assert came.integrated == pytest.approx(target, abs=0.1)
    # An independent figure: R 128 gives a stereo sine of 997 Hz at 0 dBFS 0 LUFS; at 440 Hz the
    # weighting differs by less than a decibel.
    level = 20 * math.log10(rms(heard(tmp_path / "out.wav")) * math.sqrt(2))
    assert level == pytest.approx(target, abs=1.0)


def test_peaks_stay_below_full_scale(tmp_path: Path) -> None:
    spike = tmp_path / "spike.wav"
    sound = np.rint(np.sin(np.arange(3 * SAMPLE_RATE) / 20) * 300).astype("<i2")
    sound[SAMPLE_RATE : SAMPLE_RATE + 40] = 30000
    with wave.open(str(spike), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.repeat(sound, 2).tobytes())
    came = set_loudness(spike, -14.0, tmp_path / "out.wav")
    assert came is not None
    assert came.integrated < -20
    assert came.true_peak <= -0.9


def test_silence_has_no_loudness(tmp_path: Path) -> None:
    silent = tone(tmp_path / "a.wav", 1, level=0.0)
    assert measure_loudness(silent).integrated <= -70
    assert set_loudness(silent, -23.0, tmp_path / "out.wav") is None
    assert not (tmp_path / "out.wav").exists()


def test_what_is_loud_before_its_loudness_is_set_is_not_cut_off(tmp_path: Path) -> None:
    source = tone(tmp_path / "a.wav", 2, level=0.8)
    cues = [cue(source, 0, 30, gain_db=6), cue(source, 0, 30, gain_db=6)]
    mix = lay_sound(cues, 30, FPS, tmp_path / "mix.wav", headroom_db=24)
    assert mix.clipped == 0
    assert set_loudness(tmp_path / "mix.wav", -23.0, tmp_path / "out.wav") is not None
    made = heard(tmp_path / "out.wav")
    wanted = heard(source)[: len(made)]
    assert np.corrcoef(made[:, 0], wanted[:, 0])[0, 1] > 0.9999
