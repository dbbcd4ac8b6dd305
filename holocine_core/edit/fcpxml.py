"""A cut list as Final Cut Pro's XML, and back.

FCPXML 1.9, the first whose assets name their file in a ``media-rep``, which Resolve wants; what is
written stands so in the DTDs of 1.10 and 1.11 too. All times are whole frames, as exact fractions
of a second. Clips stand in the project's spine alone, and that in an event of a library.
"""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree as ET

from holocine_core.edit.cuts import CutList, CutShot, ReadShot, one_line
from holocine_core.script.rates import drops_frames

_VERSION = "1.9"


def write_fcpxml(cuts: CutList, rate: Fraction) -> str:
    """The film as a library of one event with one project."""
    drop = "DF" if drops_frames(rate) else "NDF"
    length = _time(cuts.frames, cuts.fps)
    name, title = one_line(cuts.film.name), one_line(cuts.title) or one_line(cuts.film.stem)
    root = ET.Element("fcpxml", version=_VERSION)
    resources = ET.SubElement(root, "resources")
    _format(resources, "r1", cuts, rate)
    own = "r1" if rate == cuts.fps else "r2"
    if own == "r2":
        _format(resources, own, cuts, cuts.fps)
    asset = ET.SubElement(
        resources, "asset", id="r3", name=name, start="0s", duration=length, hasVideo="1",
        format=own,
    )  # fmt: skip
    if cuts.sound:
        asset.attrib |= {"hasAudio": "1", "audioSources": "1", "audioChannels": "2"}
        asset.set("audioRate", "48000")
    ET.SubElement(asset, "media-rep", kind="original-media", src=cuts.url)
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name=title)
    project = ET.SubElement(event, "project", name=title)
    sequence = ET.SubElement(
        project, "sequence", format="r1", duration=length, tcStart="0s", tcFormat=drop
    )
    if cuts.sound:
        sequence.attrib |= {"audioLayout": "stereo", "audioRate": "48k"}
    spine = ET.SubElement(sequence, "spine")
    for shot in cuts.shots:
        _clip(spine, shot, cuts.fps, own, drop)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n'


def _format(resources: ET.Element, name: str, cuts: CutList, rate: Fraction) -> None:
    width, height = map(str, cuts.size)
    ET.SubElement(
        resources, "format", id=name, frameDuration=_time(1, rate), width=width, height=height,
        colorSpace="1-1-1 (Rec. 709)",
    )  # fmt: skip


def _clip(spine: ET.Element, shot: CutShot, fps: Fraction, own: str, drop: str) -> None:
    start, length = _time(shot.span.start, fps), _time(len(shot.span), fps)
    clip = ET.SubElement(
        spine, "asset-clip", ref="r3", offset=start, name=one_line(shot.name), start=start,
        duration=length, format=own, tcFormat=drop,
    )  # fmt: skip
    prompt, *more = shot.told
    ET.SubElement(clip, "note").text = "\n".join(shot.told)
    marker = ET.SubElement(
        clip, "marker", start=start, duration=_time(1, fps), value=prompt or shot.name
    )
    if more:
        marker.set("note", ", ".join(more))


def _time(frames: int, rate: Fraction) -> str:
    seconds = frames / rate
    whole = seconds.denominator == 1
    return f"{seconds.numerator}s" if whole else f"{seconds.numerator}/{seconds.denominator}s"


def read_fcpxml(text: str, rate: Fraction) -> list[ReadShot]:
    """The shots of a file of :func:`write_fcpxml`, in the timeline's frames.

    Raises:
        ValueError: It is none, or a time is no whole frame.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(str(error)) from None
    clips = root.findall("./library/event/project/sequence/spine/asset-clip")
    return [
        ReadShot(
            name=clip.get("name", ""),
            told=(clip.findtext("note") or "").split("\n"),
            start=(start := _frames(clip.get("start"), rate)),
            stop=start + _frames(clip.get("duration"), rate),
            at=_frames(clip.get("offset"), rate),
        )
        for clip in clips
    ]


def _frames(time: str | None, rate: Fraction) -> int:
    frames = Fraction((time or "").removesuffix("s")) * rate
    if frames.denominator != 1:
        raise ValueError(f"{time} is no whole frame")
    return int(frames)
