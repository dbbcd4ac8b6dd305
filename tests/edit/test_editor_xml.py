"""XML for editing programs: Final Cut Pro's holds to its DTD, Final Cut 7's has size, rate and
linked sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from holocine_core.edit.cuts import CutList, CutShot
from holocine_core.edit.fcpxml import write_fcpxml
from holocine_core.edit.xmeml import write_xmeml
from holocine_core.script.timeline import DeliveredSpan

SPANS = ((0, 5), (5, 17), (17, 33))
NTSC = Fraction(30000, 1001)

# What FCPXML's published DTDs of 1.9, 1.10 and 1.11 say alike of the elements that are written:
# an element's children in their order, as a regular expression over their names, each with a blank
# behind it; its attributes that must be there, and those that may.
_CLIPS = "(audio |video |clip |title |mc-clip |ref-clip |sync-clip |asset-clip |audition |gap )"
_MARKERS = "(marker |chapter-marker |rating |keyword |analysis-marker )"
_ANCHORED = "(audio |video |clip |title |caption |mc-clip |ref-clip |sync-clip |asset-clip |spine )"
CONTENT: dict[str, tuple[str, set[str], set[str]]] = {
    "fcpxml": ("(import-options )?(resources )?(library |(event )*)", {"version"}, set()),
    "resources": ("(asset |effect |format |media )*", set(), set()),
    "format": (
        "",
        {"id"},
        {"name", "frameDuration", "fieldOrder", "width", "height", "paspH", "paspV", "colorSpace"},
    ),
    "asset": (
        "(media-rep )+(metadata )?",
        {"id"},
        {"name", "uid", "start", "duration", "hasVideo", "format", "hasAudio", "audioSources",
          "audioChannels", "audioRate"},
    ),
    "media-rep": ("(bookmark )?", {"src"}, {"kind", "sig", "suggestedFilename"}),
    "library": ("(event |smart-collection )*", set(), {"location", "colorProcessing"}),
    "event": (
        "(clip |audition |mc-clip |ref-clip |sync-clip |asset-clip |project )*",
        set(),
        {"name", "uid"},
    ),
    "project": ("sequence ", set(), {"name", "uid", "id", "modDate"}),
    "sequence": (
        "(note )?spine (metadata )?",
        {"format"},
        {"duration", "tcStart", "tcFormat", "audioLayout", "audioRate"},
    ),
    "spine": (f"({_CLIPS}|transition )*", set(), {"lane", "offset", "name", "format"}),
    "asset-clip": (
        f"(note )?(conform-rate )?(timeMap )?{_ANCHORED}*{_MARKERS}*(metadata )?",
        {"ref"},
        {"lane", "offset", "name", "start", "duration", "enabled", "srcEnable", "audioStart",
         "audioDuration", "format", "tcStart", "tcFormat", "audioRole", "videoRole"},
    ),
    "marker": ("", {"start", "value"}, {"duration", "completed", "note"}),
    "note": ("", set(), set()),
}  # fmt: skip
CHOICES = {
    ("sequence", "tcFormat"): {"DF", "NDF"},
    ("asset-clip", "tcFormat"): {"DF", "NDF"},
    ("sequence", "audioLayout"): {"mono", "stereo", "surround"},
    ("sequence", "audioRate"): {"32k", "44.1k", "48k", "88.2k", "96k", "176.4k", "192k"},
    ("media-rep", "kind"): {"original-media", "proxy-media"},
}


def film(fps: Fraction = Fraction(24), *, sound: bool = True) -> CutList:
    shots = tuple(
        CutShot(name=f"quay:{i}", span=DeliveredSpan(*span), prompt=f"Shot {i}", facts={"seed": i})
        for i, span in enumerate(SPANS, 1)
    )
    return CutList(
        film=Path("/films/Mara's Boat.mp4"),
        title="Mara's Boat",
        fps=fps,
        frames=33,
        size=(832, 480),
        sound=sound,
        shots=shots,
        facts={},
    )


def faults(root: ET.Element) -> Iterator[str]:
    """Where a document is not as the DTD says."""
    ids = {element.get("id") for element in root.iter()}
    for element in root.iter():
        if element.tag not in CONTENT:
            yield f"{element.tag} is unknown"
            continue
        children, needed, known = CONTENT[element.tag]
        held = "".join(f"{child.tag} " for child in element)
        if not re.fullmatch(children, held):
            yield f"{element.tag} holds {held}"
        if element.tag != "note" and (element.text or "").strip():
            yield f"{element.tag} holds text"
        if lacking := needed - set(element.keys()):
            yield f"{element.tag} lacks {lacking}"
        if more := set(element.keys()) - needed - known:
            yield f"{element.tag} has {more}"
        for name, value in element.items():
            if value not in CHOICES.get((element.tag, name), {value}):
                yield f"{element.tag} has {name}={value}"
            if name in ("ref", "format") and value not in ids:
                yield f"{element.tag} names {value}"
            if name in ("start", "offset", "duration", "frameDuration", "tcStart") and not (
                re.fullmatch(r"\d+(/\d+)?s", value)
            ):
                yield f"{element.tag} has {name}={value}"


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize(
    ("fps", "rate"), [(Fraction(24), Fraction(24)), (Fraction(15), Fraction(30)), (NTSC, NTSC)]
)
def test_final_cut_pros_xml_holds_to_its_dtd(fps: Fraction, rate: Fraction, sound: bool) -> None:
    text = write_fcpxml(film(fps, sound=sound), rate)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = ET.fromstring(text)
    assert list(faults(root)) == []
    assert root.get("version") == "1.9"


def test_the_table_finds_what_the_dtd_forbids() -> None:
    text = write_fcpxml(film(), Fraction(24))
    for right, wrong in (
        ("<library>", "<library><asset-clip ref='r3'/>"),
        ('ref="r3"', 'ref="r9"'),
        ('tcFormat="NDF"', 'tcFormat="25"'),
        ("<spine>", "<spine><note/>"),
        ("</spine>", "</spine><note/>"),
        ('version="1.9"', ""),
        ('duration="11/8s"', 'duration="1.375s"'),
    ):
        assert right in text
        assert list(faults(ET.fromstring(text.replace(right, wrong, 1)))), wrong


def test_final_cut_pro_sees_size_rate_and_every_clip_in_the_project() -> None:
    root = ET.fromstring(write_fcpxml(film(Fraction(15)), Fraction(30)))
    formats = {one.get("id"): dict(one.items()) for one in root.iter("format")}
    sequence = root.find("./library/event/project/sequence")
    asset = root.find("./resources/asset")
    assert sequence is not None
    assert asset is not None
    timeline, media = formats[sequence.get("format")], formats[asset.get("format")]
    assert (timeline["frameDuration"], media["frameDuration"]) == ("1/30s", "1/15s")
    assert (timeline["width"], timeline["height"]) == ("832", "480")
    assert (asset.get("hasAudio"), asset.get("audioChannels")) == ("1", "2")
    clips = root.findall("./library/event/project/sequence/spine/asset-clip")
    assert len(clips) == len(list(root.iter("asset-clip"))) == 3
    assert [clip.get("start") for clip in clips] == ["0s", "1/3s", "17/15s"]


def test_ntsc_is_exact_in_final_cut_pro() -> None:
    root = ET.fromstring(write_fcpxml(film(NTSC), NTSC))
    assert [one.get("frameDuration") for one in root.iter("format")] == ["1001/30000s"]
    starts = [clip.get("start") for clip in root.iter("asset-clip")]
    assert starts == ["0s", "1001/6000s", "17017/30000s"]
    assert {one.get("tcFormat") for one in root.iter("asset-clip")} == {"DF"}


@pytest.mark.parametrize(
    ("fps", "timebase", "ntsc", "display"),
    [(Fraction(25), "25", "FALSE", "NDF"), (NTSC, "30", "TRUE", "DF"),
     (Fraction(24000, 1001), "24", "TRUE", "NDF")],
)  # fmt: skip
def test_final_cut_7s_sequence_has_size_and_rate(
    fps: Fraction, timebase: str, ntsc: str, display: str
) -> None:
    sequence = ET.fromstring(write_xmeml(film(fps), fps)).find("sequence")
    assert sequence is not None
    picture = "media/video/format/samplecharacteristics"
    assert sequence.findtext(f"{picture}/width") == "832"
    assert sequence.findtext(f"{picture}/height") == "480"
    for place in ("rate", f"{picture}/rate", "timecode/rate"):
        assert sequence.findtext(f"{place}/timebase") == timebase
        assert sequence.findtext(f"{place}/ntsc") == ntsc
    assert sequence.findtext("timecode/displayformat") == display
    assert sequence.findtext("duration") == "33"


def test_final_cut_7_has_each_shot_linked_to_its_two_channels() -> None:
    sequence = ET.fromstring(write_xmeml(film(), Fraction(24))).find("sequence")
    assert sequence is not None
    pictures = sequence.findall("media/video/track/clipitem")
    left, right = (track.findall("clipitem") for track in sequence.findall("media/audio/track"))
    for number, three in enumerate(zip(pictures, left, right, strict=True), 1):
        names = [one.get("id") for one in three]
        assert len(set(names)) == 3
        for one in three:
            assert [link.findtext("linkclipref") for link in one.findall("link")] == names
            assert [link.findtext("mediatype") for link in one.findall("link")] == [
                "video", "audio", "audio",
            ]  # fmt: skip
            assert {link.findtext("clipindex") for link in one.findall("link")} == {str(number)}
            assert (one.findtext("start"), one.findtext("end")) == tuple(
                map(str, SPANS[number - 1])
            )
        assert [one.findtext("sourcetrack/trackindex") for one in three] == [None, "1", "2"]
    files = [file for file in sequence.iter("file") if len(file)]
    assert [file.findtext("pathurl") for file in files] == ["file:///films/Mara%27s%20Boat.mp4"]
    assert not ET.fromstring(write_xmeml(film(sound=False), Fraction(24))).findall(".//audio")
