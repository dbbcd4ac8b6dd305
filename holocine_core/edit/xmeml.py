"""A cut list as Final Cut Pro 7's XML, which Premiere and Resolve read, and back.

Version 5: a sequence with the film's size and rate, a clip item per shot on the picture's track,
and where the film has sound one on each of two tracks of sound, linked to it.
"""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree as ET

from holocine_core.edit.cuts import CutList, CutShot, ReadShot, one_line
from holocine_core.script.rates import drops_frames, frame_code, is_ntsc, nominal

_KINDS = ("video", "audio", "audio")
"""A shot's items, in the order of their links."""


def write_xmeml(cuts: CutList, rate: Fraction) -> str:
    """The film as one sequence."""
    times = int(rate / cuts.fps)
    root = ET.Element("xmeml", version="5")
    sequence = ET.SubElement(root, "sequence", id="sequence-1")
    _put(sequence, name=one_line(cuts.title) or one_line(cuts.film.stem))
    _put(sequence, duration=cuts.frames * times)
    _rate(sequence, rate)
    _timecode(sequence, rate)
    media = ET.SubElement(sequence, "media")
    video = ET.SubElement(media, "video")
    _picture(ET.SubElement(video, "format"), cuts, rate)
    tracks = [ET.SubElement(video, "track")]
    if cuts.sound:
        tracks += _sound_tracks(media)
    for number, shot in enumerate(cuts.shots, 1):
        for place, track in enumerate(tracks):
            item = ET.SubElement(track, "clipitem", id=_item(number, place))
            _clip(item, cuts, shot, rate)
            _file(item, cuts, rate, whole=number == 1 and place == 0)
            _links(item, number, place, len(tracks))
            if place == 0:
                _markers(item, shot, times)
    for track in tracks:
        _put(track, enabled="TRUE", locked="FALSE")
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{body}\n'


def _put(parent: ET.Element, **texts: object) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = str(text)


def _rate(parent: ET.Element, rate: Fraction) -> None:
    within = ET.SubElement(parent, "rate")
    _put(within, timebase=nominal(rate), ntsc="TRUE" if is_ntsc(rate) else "FALSE")


def _timecode(parent: ET.Element, rate: Fraction) -> None:
    within = ET.SubElement(parent, "timecode")
    _rate(within, rate)
    drop = "DF" if drops_frames(rate) else "NDF"
    _put(within, string=frame_code(0, rate), frame=0, displayformat=drop)


def _picture(parent: ET.Element, cuts: CutList, rate: Fraction) -> None:
    within = ET.SubElement(parent, "samplecharacteristics")
    _rate(within, rate)
    width, height = cuts.size
    _put(within, width=width, height=height, anamorphic="FALSE")
    _put(within, pixelaspectratio="square", fielddominance="none")


def _heard(parent: ET.Element) -> None:
    _put(ET.SubElement(parent, "samplecharacteristics"), depth=16, samplerate=48000)


def _sound_tracks(media: ET.Element) -> list[ET.Element]:
    audio = ET.SubElement(media, "audio")
    _put(audio, numOutputChannels=2)
    _heard(ET.SubElement(audio, "format"))
    outputs = ET.SubElement(audio, "outputs")
    for channel in (1, 2):
        group = ET.SubElement(outputs, "group")
        _put(group, index=channel, numchannels=1, downmix=0)
        _put(ET.SubElement(group, "channel"), index=channel)
    tracks = [ET.SubElement(audio, "track") for _ in (1, 2)]
    for channel, track in enumerate(tracks, 1):
        _put(track, outputchannelindex=channel)
    return tracks


def _item(shot: int, place: int) -> str:
    return f"clipitem-{shot}-{_KINDS[place]}{place or ''}"


def _clip(item: ET.Element, cuts: CutList, shot: CutShot, rate: Fraction) -> None:
    times = int(rate / cuts.fps)
    start, stop = shot.span.start * times, shot.span.stop * times
    _put(item, name=one_line(shot.name), enabled="TRUE", duration=cuts.frames * times)
    _rate(item, rate)
    _put(item, start=start, end=stop)
    item.append(_element("in", start))
    _put(item, out=stop)


def _element(name: str, text: object) -> ET.Element:
    made = ET.Element(name)
    made.text = str(text)
    return made


def _file(item: ET.Element, cuts: CutList, rate: Fraction, *, whole: bool) -> None:
    """The film's file; it is described once, and named from then on."""
    file = ET.SubElement(item, "file", id="file-1")
    if not whole:
        return
    _put(file, name=one_line(cuts.film.name), pathurl=cuts.url)
    _rate(file, rate)
    _put(file, duration=cuts.frames * int(rate / cuts.fps))
    _timecode(file, rate)
    media = ET.SubElement(file, "media")
    _picture(ET.SubElement(media, "video"), cuts, rate)
    if cuts.sound:
        audio = ET.SubElement(media, "audio")
        _heard(audio)
        _put(audio, channelcount=2)


def _links(item: ET.Element, number: int, place: int, tracks: int) -> None:
    if place:
        source = ET.SubElement(item, "sourcetrack")
        _put(source, mediatype="audio", trackindex=place)
    if tracks == 1:
        return
    for other, kind in enumerate(_KINDS):
        link = ET.SubElement(item, "link")
        _put(link, linkclipref=_item(number, other), mediatype=kind)
        _put(link, trackindex=max(1, other), clipindex=number)
        if other:
            _put(link, groupindex=1)


def _markers(item: ET.Element, shot: CutShot, times: int) -> None:
    for line in shot.told:
        marker = ET.SubElement(item, "marker")
        _put(marker, name=line, comment=line)
        marker.append(_element("in", shot.span.start * times))
        _put(marker, out=-1)


def read_xmeml(text: str) -> list[ReadShot]:
    """The shots of a file of :func:`write_xmeml`, in the timeline's frames.

    Raises:
        ValueError: It is none.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(str(error)) from None
    return [
        ReadShot(
            name=item.findtext("name") or "",
            told=[marker.findtext("name") or "" for marker in item.findall("marker")],
            start=int(item.findtext("in") or ""),
            stop=int(item.findtext("out") or ""),
            at=int(item.findtext("start") or ""),
        )
        for item in root.findall("./sequence/media/video/track/clipitem")
    ]
