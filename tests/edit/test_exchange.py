"""Cut lists for editing programs: what is written reads back as the same shots and times."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

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
from holocine_core.errors import InputError, MachineError, RenderError
from holocine_core.script.timeline import DeliveredSpan

KINDS: tuple[Format, ...] = ("otio", "edl", "fcpxml", "xml")
ADAPTERS = {"otio": "otio_json", "edl": "cmx_3600", "fcpxml": "fcpx_xml", "xml": "fcp_xml"}
NTSC = tuple(Fraction(1000 * count, 1001) for count in (24, 30, 60))
PROMPTS = ('Mara & <the "gull">: é, 灯台', "A line\nand another", "-" * 90)
SPANS = (DeliveredSpan(0, 5), DeliveredSpan(5, 17), DeliveredSpan(17, 33))


def cuts(fps: int = 24, *, sound: bool = False) -> CutList:
    shots = tuple(
        CutShot(name=f"quay:{i + 1}", span=span, prompt=prompt, facts={"seed": 2**62 + i})
        for i, (span, prompt) in enumerate(zip(SPANS, PROMPTS, strict=True))
    )
    return CutList(
        film=Path("a film.mp4"),
        title="Quay & co",
        fps=Fraction(fps),
        frames=33,
        size=(832, 480),
        sound=sound,
        shots=shots,
        facts={"screenplay": "title: Quay\n"},
    )


def read(path: Path, kind: Format, rate: float) -> otio.schema.Timeline:
    """By OpenTimelineIO's adapters, which know nothing of how it was written."""
    options = {"rate": rate} if kind == "edl" else {}
    found = otio.adapters.read_from_string(path.read_text(), ADAPTERS[kind], **options)
    return found[0] if kind == "fcpxml" else found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fps", "rate"), [(24, None), (25, None), (30, 60), (15, 30), (15, 60)])
def test_every_format_keeps_every_shot(
    tmp_path: Path, kind: Format, fps: int, rate: int | None
) -> None:
    out = tmp_path / f"cut.{kind}"
    found = write_cut_list(cuts(fps, sound=True), kind, out, rate)
    timeline = read(out, kind, float(found))
    clips = list(timeline.video_tracks()[0].find_clips())
    assert [clip.name for clip in clips] == (
        ["a film.mp4"] * 3 if kind == "edl" else ["quay:1", "quay:2", "quay:3"]
    )
    for clip, span in zip(clips, SPANS, strict=True):
        if kind in ("otio", "xml"):
            assert clip.media_reference.target_url == Path("a film.mp4").resolve().as_uri()
        for place in (clip.source_range, clip.range_in_parent()):
            assert Fraction(place.start_time.to_seconds()).limit_denominator(1000) == Fraction(
                span.start, fps
            )
            assert Fraction(place.duration.to_seconds()).limit_denominator(1000) == Fraction(
                len(span), fps
            )
    # In Final Cut Pro's, picture and sound are one clip.
    assert len(timeline.audio_tracks()) == {"otio": 1, "edl": 2, "fcpxml": 0, "xml": 2}[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", NTSC)
def test_ntsc_rates_stay_exact(tmp_path: Path, kind: Format, rate: Fraction) -> None:
    film = replace(cuts(), fps=rate)
    assert write_cut_list(film, kind, tmp_path / "cut") == rate
    clips = read(tmp_path / "cut", kind, float(rate)).video_tracks()[0].find_clips()
    if kind != "fcpxml":  # Whose adapter counts whole frames a second alone.
        starts = [clip.source_range.start_time.rescaled_to(float(rate)).value for clip in clips]
        assert [round(start) for start in starts] == [0, 5, 17]


@pytest.mark.parametrize("kind", KINDS)
def test_every_clip_tells_its_prompt_and_seed(tmp_path: Path, kind: Format) -> None:
    write_cut_list(cuts(), kind, tmp_path / "cut")
    clips = read(tmp_path / "cut", kind, 24).video_tracks()[0].find_clips()
    for number, (clip, prompt) in enumerate(zip(clips, PROMPTS, strict=True)):
        texts = [marker.name for marker in clip.markers]
        texts += clip.metadata.get("cmx_3600", {}).get("comments", [])
        line, seed = " ".join(prompt.split()), 2**62 + number
        told = {
            "edl": [f"SHOT: quay:{number + 1}", f"PROMPT: {line}", f"SEED: {seed}"],
            "fcpxml": [line],
        }.get(kind, [line, f"seed {seed}"])
        assert texts == told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    ["A Day At Sea.mp4", "Mara's Boat.mp4", "灯台.mov", 'Ünï - "x" & <y>.mkv', "a;b%20#c.mp4"],
)
def test_every_name_goes_through_every_format(tmp_path: Path, kind: Format, name: str) -> None:
    film = replace(cuts(sound=True), film=tmp_path / name, title="A\nB: \x07 O'Neill & <灯台>")
    write_cut_list(film, kind, tmp_path / "cut")
    text = (tmp_path / "cut").read_text(encoding="utf-8")
    if kind == "edl":
        assert text.startswith("TITLE: A B: O'Neill & <灯台>\n")
        assert text.count(f"* FROM CLIP NAME:  {name}\n") == 4
        assert "file://" not in text
    elif kind == "otio":
        assert (tmp_path / name).as_uri() in text
    else:
        found = ElementTree.fromstring(text)
        paths = [rep.get("src") for rep in found.iter("media-rep")]
        paths += [path.text for path in found.iter("pathurl")]
        assert paths == [(tmp_path / name).as_uri()]


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
    assert timeline_rate(replace(cuts(), fps=NTSC[0]), "fcpxml") == NTSC[0]
    with pytest.raises(InputError, match="knows no 120"):
        timeline_rate(cuts(24), "edl", 120)
    with pytest.raises(InputError, match=r"would move at 29\.97"):
        timeline_rate(cuts(30), "edl", "29.97")
    for wrong in ("quick", "24.3", 0):
        with pytest.raises(InputError, match="is no frame rate"):
            timeline_rate(cuts(24), "edl", wrong)


def late(film: CutList) -> CutList:
    last = replace(film.shots[2], span=DeliveredSpan(18, 33))
    return replace(film, shots=(*film.shots[:2], last))


def otherwise(film: CutList) -> CutList:
    return replace(film, shots=(*film.shots[:2], replace(film.shots[2], prompt="Rain.")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoilt", [late, otherwise])
def test_what_reads_back_otherwise_is_not_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Format,
    spoilt: Callable[[CutList], CutList],
) -> None:
    real = exchange._written
    monkeypatch.setattr(exchange, "_written", lambda film, *rest: real(spoilt(film), *rest))
    with pytest.raises(RenderError, match="from 'quay:3' on"):
        write_cut_list(cuts(), kind, tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_what_the_library_says_is_told_as_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise otio.exceptions.NotSupportedError("no such thing")

    monkeypatch.setattr(otio.adapters, "write_to_string", fail)
    with pytest.raises(RenderError, match="cannot be written: no such thing"):
        write_cut_list(cuts(), "otio", tmp_path / "cut")


def test_only_its_own_format_needs_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    for kind in KINDS[1:]:
        write_cut_list(cuts(), kind, tmp_path / "cut")
    with pytest.raises(MachineError, match="OpenTimelineIO is not installed"):
        write_cut_list(cuts(), "otio", tmp_path / "cut")


def test_subtitles_follow_the_shots() -> None:
    shown = subtitles(cuts().shots, Fraction(24), "vtt")
    assert shown.startswith("WEBVTT\n\nquay:1\n00:00:00.000 --> 00:00:00.208\nMara &amp; &lt;the")
    counted = subtitles(cuts().shots, Fraction(24), "srt").split("\n\n")
    assert counted[1] == "2\n00:00:00,208 --> 00:00:00,708\nA line and another"


def test_long_subtitles_break_between_words() -> None:
    shot = replace(cuts().shots[0], prompt="She " + "walks along the quay and " * 4)
    lines = subtitles([shot], Fraction(24), "srt").splitlines()[2:]
    assert len(lines) > 1
    assert all(len(line) <= 42 for line in lines)
    assert " ".join(lines) == shot.prompt.strip()
