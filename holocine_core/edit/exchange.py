"""A film for editing programs: a cut list as OpenTimelineIO, EDL, Final Cut or Premiere XML.

One clip per shot, all of them stretches of the finished film, so that fades and sound are in the
picture already. What was written is read again and compared before the file gets its name.
OpenTimelineIO's own format needs its library, of the extra ``film``; the others are written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from holocine_core.edit.cuts import CutList, CutShot, ReadShot, one_line
from holocine_core.edit.edl import read_edl, write_edl
from holocine_core.edit.fcpxml import read_fcpxml, write_fcpxml
from holocine_core.edit.xmeml import read_xmeml, write_xmeml
from holocine_core.errors import InputError, MachineError, RenderError
from holocine_core.script.rates import frame_rate, shown_rate
from holocine_core.script.timeline import DeliveredSpan
from holocine_core.store.files import Ready, replacing

__all__ = ["CutList", "CutShot", "Format", "cut_list_text", "timeline_rate", "write_cut_list"]

Format = Literal["otio", "edl", "fcpxml", "xml"]
_OTIO = "otio_json"
_NTSC = tuple(Fraction(1000 * count, 1001) for count in (24, 30, 60))
# The rates that editors know of each format: SMPTE timecode knows no 15 and 16, Final Cut no 48.
_RATES: Mapping[Format, tuple[Fraction, ...]] = {
    "otio": (),
    "edl": (*map(Fraction, (24, 25, 30, 48, 50, 60)), *_NTSC),
    "fcpxml": (*map(Fraction, (24, 25, 30, 50, 60)), *_NTSC),
    "xml": (*map(Fraction, (24, 25, 30, 48, 50, 60)), *_NTSC),
}
NAMESPACE = "holocine"
"""Where a clip's metadata keeps what made the shot."""


Rate = int | float | str | Fraction
"""As people write it: 30, 29.97, "30000/1001"."""


def timeline_rate(cuts: CutList, kind: Format, rate: Rate | None = None) -> Fraction:
    """The timeline's frames per second: a whole multiple of the film's, so that no cut moves.

    Args:
        cuts: The film.
        kind: The format.
        rate: What the caller wants; the film's own or the lowest multiple that the format knows
            where None.

    Raises:
        InputError: The format doesn't know the rate, or cuts would fall between its frames.
    """
    known = _RATES[kind]
    if rate is None:
        if not known or cuts.fps in known:
            return cuts.fps
        found = next((r for r in known if (r / cuts.fps).denominator == 1), None)
        if found is None:
            raise InputError(
                f"{kind} knows no rate that holds cuts of {shown_rate(cuts.fps)} frames a second",
                where=str(cuts.film),
                hint=f"render with `deliver: {{fps: 24}}` ({_listed(known)} go)",
            )
        return found
    try:
        wanted = frame_rate(rate)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        raise InputError(message, hint=remedy) from None
    if known and wanted not in known:
        raise InputError(
            f"{kind} knows no {shown_rate(wanted)} frames a second",
            hint=f"it knows {_listed(known)}",
        )
    if (wanted / cuts.fps).denominator != 1:
        raise InputError(
            f"cuts of {shown_rate(cuts.fps)} frames a second would move at {shown_rate(wanted)}",
            where=str(cuts.film),
            hint=f"take a multiple of {shown_rate(cuts.fps)}, or render with "
            f"`deliver: {{fps: {shown_rate(wanted)}}}`",
        )
    return wanted


def _listed(rates: tuple[Fraction, ...]) -> str:
    shown = [shown_rate(rate) for rate in sorted(rates)]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def write_cut_list(
    cuts: CutList,
    kind: Format,
    out: Path,
    rate: Rate | None = None,
    *,
    ready: Ready = lambda made, out: None,
) -> Fraction:
    """Write a cut list for editing programs; replaces a file there. Returns the timeline's rate.
    ``ready`` is called right before it gets its name.

    Raises:
        InputError: As :func:`cut_list_text`.
        MachineError: OpenTimelineIO isn't installed, or the disk refuses.
        RenderError: As :func:`cut_list_text`.
    """
    text, found = cut_list_text(cuts, kind, out, rate)
    with replacing(out, ready) as made:
        made.write_text(text, encoding="utf-8", newline="\n")
    return found


def cut_list_text(
    cuts: CutList, kind: Format, out: Path, rate: Rate | None = None
) -> tuple[str, Fraction]:
    """A cut list for editing programs that is to lie at ``out``, and the timeline's rate.

    Raises:
        InputError: As :func:`timeline_rate`, or the format cannot hold the film.
        MachineError: OpenTimelineIO isn't installed.
        RenderError: It does not read back as the same cuts.
    """
    found = timeline_rate(cuts, kind, rate)
    text, again = _written(cuts, kind, found)
    _compare(again, cuts, found, out)
    return text, found


def _written(cuts: CutList, kind: Format, rate: Fraction) -> tuple[str, list[ReadShot]]:
    """The file's text, and what is read from it."""
    try:
        if kind == "otio":
            return _through_library(cuts, rate)
        if kind == "edl":
            text = write_edl(cuts, rate)
            return text, read_edl(text, rate)
        if kind == "fcpxml":
            text = write_fcpxml(cuts, rate)
            return text, read_fcpxml(text, rate)
        text = write_xmeml(cuts, rate)
        return text, read_xmeml(text)
    except (ValueError, LookupError, TypeError) as error:
        raise RenderError(
            f"the cut list cannot be written: {error}",
            where=str(cuts.film),
            hint="please report it with this message",
        ) from error


def _through_library(cuts: CutList, rate: Fraction) -> tuple[str, list[ReadShot]]:
    otio = require_library()
    try:
        text = str(otio.adapters.write_to_string(_timeline(otio, cuts, rate), _OTIO))
        again = otio.adapters.read_from_string(text, _OTIO)
        return text, _read_timeline(again, rate)
    except (otio.exceptions.OTIOError, RuntimeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def require_library() -> Any:
    """OpenTimelineIO. Raises MachineError where it isn't installed."""
    try:
        import opentimelineio

        known = opentimelineio.adapters.available_adapter_names()
    except ImportError:
        known = []
    if _OTIO not in known:
        raise MachineError(
            "OpenTimelineIO is not installed, which writes its own format",
            hint="pip install 'holocine[film]'; edl, fcpxml and xml do without",
        )
    return opentimelineio


def _timeline(otio: Any, cuts: CutList, rate: Fraction) -> Any:
    time, stretch = otio.opentime.RationalTime, otio.opentime.TimeRange
    times = int(rate / cuts.fps)

    def reach(span: DeliveredSpan) -> Any:
        return stretch(time(span.start * times, float(rate)), time(len(span) * times, float(rate)))

    whole = DeliveredSpan(0, cuts.frames)
    media = otio.schema.ExternalReference(cuts.url, reach(whole))
    media.name = cuts.film.name
    timeline = otio.schema.Timeline(cuts.title)
    timeline.metadata[NAMESPACE] = {
        **cuts.facts, "fps": str(cuts.fps), "timeline_frames_per_frame": times,
    }  # fmt: skip
    picture = otio.schema.Track("picture", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(picture)
    for shot in cuts.shots:
        facts = {**shot.facts, "prompt": shot.prompt, "frames": [shot.span.start, shot.span.stop]}
        clip = otio.schema.Clip(shot.name, media.clone(), reach(shot.span), metadata={
            NAMESPACE: facts,
        })  # fmt: skip
        start = DeliveredSpan(shot.span.start, shot.span.start + 1)
        clip.markers.extend(otio.schema.Marker(line, reach(start)) for line in shot.told)
        picture.append(clip)
    if cuts.sound:
        sound = otio.schema.Track("sound", kind=otio.schema.TrackKind.Audio)
        timeline.tracks.append(sound)
        sound.append(otio.schema.Clip(cuts.film.name, media.clone(), reach(whole)))
    return timeline


def _read_timeline(timeline: Any, rate: Fraction) -> list[ReadShot]:
    def frames(time: Any) -> int:
        value = float(time.rescaled_to(float(rate)).value)
        return round(value)

    return [
        ReadShot(
            name=clip.name,
            told=[marker.name for marker in clip.markers],
            start=frames(clip.source_range.start_time),
            stop=frames(clip.source_range.end_time_exclusive()),
            at=frames(clip.range_in_parent().start_time),
        )
        for clip in timeline.video_tracks()[0].find_clips()
    ]


def _compare(read: list[ReadShot], cuts: CutList, rate: Fraction, out: Path) -> None:
    """Raise RenderError unless what was read has the film's shots, times and texts."""
    times = int(rate / cuts.fps)
    wanted = [
        ReadShot(
            name=one_line(shot.name),
            told=shot.told,
            start=shot.span.start * times,
            stop=shot.span.stop * times,
            at=shot.span.start * times,
        )
        for shot in cuts.shots
    ]
    if read != wanted:
        pairs = zip(read, wanted, strict=False)
        at = next((want for got, want in pairs if got != want), wanted[-1])
        raise RenderError(
            f"the cut list does not read back as it was written, from '{at.name}' on",
            where=str(out),
            hint="write --to otio, and please report it with this message",
        )
