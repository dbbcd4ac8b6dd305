"""Cut lists for editing programs: what is written reads back as the same shots and times."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from holocine_core.edit import exchange
from holocine_core.edit.exchange import (
    CutList,
    CutShot,
    Format,
    timeline_rate,
    write_cut_list,
)
from holocine_core.edit.subtitles import subtitles
from holocine_core.errors import InputError, RenderError
from holocine_core.script.timeline import DeliveredSpan

KINDS: tuple[Format, ...] = ("otio", "edl", "fcpxml", "xml")
PROMPTS = ('Mara & <the "gull">: é, 灯台', "A line\nand another", "-" * 90)
SPANS = (DeliveredSpan(0, 5), DeliveredSpan(5, 17), DeliveredSpan(17, 33))


def cuts(fps: int = 24, *, sound: bool = False) -> CutList:
    shots = tuple(
        CutShot(name=f"quay {i + 1}", span=span, prompt=prompt, facts={"seed": 2**62 + i})
        for i, (span, prompt) in enumerate(zip(SPANS, PROMPTS, strict=True))
    )
    return CutList(
        film=Path("a film.mp4"),
        title="Quay & co",
        fps=Fraction(fps),
        frames=33,
        sound=sound,
        shots=shots,
        facts={"screenplay": "title: Quay\n"},
    )


def read(path: Path, kind: Format, rate: float) -> otio.schema.Timeline:
    options = {"rate": rate} if kind == "edl" else {}
    return otio.adapters.read_from_string(path.read_text(), exchange._ADAPTERS[kind], **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fps", "rate"), [(24, None), (25, None), (30, 60), (15, 30), (15, 60)])
def test_every_format_keeps_every_shot(
    tmp_path: Path, kind: Format, fps: int, rate: int | None
) -> None:
    out = tmp_path / f"cut.{kind}"
    found = write_cut_list(cuts(fps, sound=True), kind, out, rate)
    timeline = read(out, kind, float(found))
    clips = list(timeline.video_tracks()[0].find_clips())
    assert [clip.name for clip in clips] == ["quay 1", "quay 2", "quay 3"]
    for clip, span in zip(clips, SPANS, strict=True):
        assert clip.media_reference.target_url == Path("a film.mp4").resolve().as_uri()
        for place in (clip.source_range, clip.range_in_parent()):
            assert Fraction(place.start_time.to_seconds()).limit_denominator(1000) == Fraction(
                span.start, fps
            )
            assert Fraction(place.duration.to_seconds()).limit_denominator(1000) == Fraction(
                len(span), fps
            )
    assert len(timeline.audio_tracks()) == (kind != "edl")


def test_an_edl_counts_as_editors_do(tmp_path: Path) -> None:
    write_cut_list(cuts(15), "edl", tmp_path / "cut.edl")
    events = re.findall(r"^\d{3} .*? C +(.*)$", (tmp_path / "cut.edl").read_text(), re.M)
    assert events == [
        "00:00:00:00 00:00:00:10 00:00:00:00 00:00:00:10",
        "00:00:00:10 00:00:01:04 00:00:00:10 00:00:01:04",
        "00:00:01:04 00:00:02:06 00:00:01:04 00:00:02:06",
    ]
    assert "* Mara & <the" in (tmp_path / "cut.edl").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_clip_tells_its_prompt_and_seed(tmp_path: Path, kind: Format) -> None:
    write_cut_list(cuts(), kind, tmp_path / "cut")
    clips = read(tmp_path / "cut", kind, 24).video_tracks()[0].find_clips()
    for number, (clip, prompt) in enumerate(zip(clips, PROMPTS, strict=True)):
        texts = [marker.name for marker in clip.markers]
        texts += clip.metadata.get("cmx_3600", {}).get("comments", [])
        assert texts[-2:] == [" ".join(prompt.split()), f"seed {2**62 + number}"]


def test_otio_keeps_everything(tmp_path: Path) -> None:
    write_cut_list(cuts(15), "otio", tmp_path / "cut.otio", 30)
    timeline = otio.adapters.read_from_file(str(tmp_path / "cut.otio"))
    assert timeline.metadata["holocine"]["screenplay"] == "title: Quay\n"
    assert timeline.metadata["holocine"]["timeline_frames_per_frame"] == 2
    second = list(timeline.find_clips())[1].metadata["holocine"]
    assert dict(second, frames=list(second["frames"])) == {
        "prompt": PROMPTS[1],
        "seed": 2**62 + 1,
        "frames": [5, 17],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_rate_moves_a_cut(kind: Format) -> None:
    with pytest.raises(InputError, match="would move at 24"):
        timeline_rate(cuts(16), kind, 24)
    with pytest.raises(InputError, match="would move at 25"):
        timeline_rate(cuts(24), kind, 25)


def test_a_rate_is_found_where_there_is_one() -> None:
    assert timeline_rate(cuts(15), "otio") == 15
    assert timeline_rate(cuts(15), "edl") == 30
    assert timeline_rate(cuts(16), "edl") == 48
    assert timeline_rate(cuts(25), "fcpxml") == 25
    with pytest.raises(InputError, match="no rate that holds"):
        timeline_rate(cuts(16), "fcpxml")
    with pytest.raises(InputError, match="knows no 120"):
        timeline_rate(cuts(24), "edl", 120)


@pytest.mark.parametrize("kind", KINDS)
def test_what_reads_back_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Format
) -> None:
    real = exchange._timeline
    late = replace(
        cuts(), shots=(*cuts().shots[:2], replace(cuts().shots[2], span=DeliveredSpan(18, 33)))
    )
    monkeypatch.setattr(exchange, "_timeline", lambda lib, _, *rest: real(lib, late, *rest))
    with pytest.raises(RenderError, match="does not read back"):
        write_cut_list(cuts(), kind, tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_prompt_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Format
) -> None:
    real = exchange._timeline
    other = replace(cuts(), shots=(*cuts().shots[:2], replace(cuts().shots[2], prompt="Rain.")))
    monkeypatch.setattr(exchange, "_timeline", lambda lib, _, *rest: real(lib, other, *rest))
    with pytest.raises(RenderError, match="from 'quay 3' on"):
        write_cut_list(cuts(), kind, tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_subtitles_follow_the_shots() -> None:
    shown = subtitles(cuts().shots, Fraction(24), "vtt")
    assert shown.startswith("WEBVTT\n\nquay 1\n00:00:00.000 --> 00:00:00.208\nMara &amp; &lt;the")
    counted = subtitles(cuts().shots, Fraction(24), "srt").split("\n\n")
    assert counted[1] == "2\n00:00:00,208 --> 00:00:00,708\nA line and another"


def test_long_subtitles_break_between_words() -> None:
    shot = replace(cuts().shots[0], prompt="She " + "walks along the quay and " * 4)
    lines = subtitles([shot], Fraction(24), "srt").splitlines()[2:]
    assert len(lines) > 1
    assert all(len(line) <= 42 for line in lines)
    assert " ".join(lines) == shot.prompt.strip()
