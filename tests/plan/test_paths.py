"""The paths of a screenplay: its own name, and the sounds that it names."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from holocine_core.edit.ffmpeg import probe, probe_audio
from holocine_core.edit.sound import check_sound, measure_loudness, probe_sound
from holocine_core.errors import InputError
from holocine_core.film.extras import shots_folder
from holocine_core.film.planning import plan_film
from holocine_core.ingest.opening import opened
from holocine_core.request import Request

SCENE = "frames: 13\nglobal: A field.\nshots: [A dog.]\n"
LISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.wav\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile 'other.wav'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>',
}


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\1\2" * 8000)
    return path


@pytest.mark.parametrize("name", ["...yaml", "....yaml", "a.yaml", "..a.yaml"])
def test_a_film_keeps_its_work_in_a_folder_of_its_own(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(SCENE)
    plan = plan_film(path, Request(out=tmp_path / "...mp4"))
    assert plan.work.resolve().parent == tmp_path / ".holocine"
    assert shots_folder(tmp_path / "shots", plan.out).resolve().parent == tmp_path / "shots"


@pytest.mark.parametrize("key", ["sound", "music"])
def test_a_sound_outside_the_folder_is_allowed_by_name_alone(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "film"
    sound(tmp_path / "other.wav")
    sound(folder / "own.wav")
    path = folder / "a.yaml"
    link = folder / "link.wav"
    link.symlink_to(tmp_path / "other.wav")
    path.write_text(f"{SCENE}{key}: own.wav\n")
    assert plan_film(path, Request())
    for named in ("../other.wav", str(tmp_path / "other.wav"), "link.wav"):
        path.write_text(f"{SCENE}{key}: {named}\n")
        with pytest.raises(InputError, match="outside the screenplay's folder"):
            plan_film(path, Request())
        assert plan_film(path, Request(outside=True))


@pytest.mark.parametrize("suffix", ["own", ".wav", ".mp4"])
@pytest.mark.parametrize("kind", LISTS)
def test_no_list_of_other_files_is_read(tmp_path: Path, kind: str, suffix: str) -> None:
    """Under its own name or another: what ffmpeg would open is told by its content."""
    sound(tmp_path / "other.wav")
    path = tmp_path / f"list{suffix}".replace("own", f".{kind}")
    path.write_text(LISTS[kind])
    for read in (probe, probe_audio, probe_sound, check_sound, measure_loudness):
        with pytest.raises(InputError):
            read(path)
    with pytest.raises(InputError), opened(path):
        pass
    (tmp_path / "a.yaml").write_text(f"{SCENE}sound: {path.name}\n")
    with pytest.raises(InputError, match="is text, and no sound"):
        plan_film(tmp_path / "a.yaml", Request())
