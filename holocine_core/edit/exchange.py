"""A film for editing programs: a cut list as OpenTimelineIO, EDL, Final Cut or Premiere XML.

One clip per shot, all of them stretches of the finished film, so that fades and sound are in the
picture already. What was written is read again by the same library and compared before the file
gets its name. Needs the extra ``film``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import InputError, MachineError, RenderError
from holocine_core.script.timeline import DeliveredSpan
from holocine_core.store.files import Ready, replacing

Format = Literal["otio", "edl", "fcpxml", "xml"]
# OpenTimelineIO's name of each format, and the whole rates that it keeps exactly: SMPTE timecode
# knows no 15 and 16, and the Final Cut X adapter no 48.
_ADAPTERS: Mapping[Format, str] = {
    "otio": "otio_json", "edl": "cmx_3600", "fcpxml": "fcpx_xml", "xml": "fcp_xml",
}  # fmt: skip
_RATES: Mapping[Format, tuple[int, ...]] = {
    "otio": (), "edl": (24, 25, 30, 48, 50, 60), "fcpxml": (24, 25, 30, 50, 60),
    "xml": (24, 25, 30, 48, 50, 60),
}  # fmt: skip
NAMESPACE = "holocine"
"""Where a clip's metadata keeps what made the shot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutShot:
    """One shot as an editor cuts it.

    Attributes:
        name: Of the clip: scene and number.
        span: Its frames of the film.
        prompt: What it was asked to show.
        facts: What else made it; JSON values.
    """

    name: str
    span: DeliveredSpan
    prompt: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutList:
    """A film as its shots: they follow each other without gaps from frame 0 to its end."""

    film: Path
    title: str
    fps: Fraction
    frames: int
    sound: bool
    shots: tuple[CutShot, ...]
    facts: Mapping[str, Any]
    """What made the whole film; JSON values."""


def timeline_rate(cuts: CutList, kind: Format, rate: int | None = None) -> Fraction:
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
                f"{kind} knows no rate that holds the cuts of {float(cuts.fps):g} frames a second",
                where=str(cuts.film),
                hint=f"render with `deliver: {{fps: 24}}` ({_listed(known)} go)",
            )
        return Fraction(found)
    if known and rate not in known:
        raise InputError(
            f"{kind} knows no {rate} frames a second", hint=f"it knows {_listed(known)}"
        )
    if (rate / cuts.fps).denominator != 1:
        raise InputError(
            f"cuts of {float(cuts.fps):g} frames a second would move at {rate}",
            where=str(cuts.film),
            hint=f"take a multiple of {float(cuts.fps):g}, or render with "
            f"`deliver: {{fps: {rate}}}`",
        )
    return Fraction(rate)


def _listed(rates: tuple[int, ...]) -> str:
    return f"{', '.join(map(str, rates[:-1]))} and {rates[-1]}"


def write_cut_list(
    cuts: CutList,
    kind: Format,
    out: Path,
    rate: int | None = None,
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
    cuts: CutList, kind: Format, out: Path, rate: int | None = None
) -> tuple[str, Fraction]:
    """A cut list for editing programs that is to lie at ``out``, and the timeline's rate.

    Raises:
        InputError: As :func:`timeline_rate`, or the format cannot hold the film.
        MachineError: OpenTimelineIO isn't installed.
        RenderError: It does not read back as the same cuts.
    """
    found = timeline_rate(cuts, kind, rate)
    if kind == "edl" and len(cuts.shots) > 999:
        raise InputError(
            f"an EDL holds 999 shots, the film has {len(cuts.shots)}", hint="write --to otio"
        )
    otio = require_library()
    options = {"rate": float(found)} if kind == "edl" else {}
    timeline = _timeline(otio, cuts, kind, found)
    text = str(otio.adapters.write_to_string(timeline, _ADAPTERS[kind], **options))
    again = otio.adapters.read_from_string(text, _ADAPTERS[kind], **options)
    _compare(again, cuts, found, out)
    return text, found


def require_library() -> Any:
    """OpenTimelineIO. Raises MachineError where it or one of its adapters isn't installed."""
    try:
        import opentimelineio

        known = opentimelineio.adapters.available_adapter_names()
    except ImportError:
        known = []
    if missing := set(_ADAPTERS.values()) - set(known):
        raise MachineError(
            f"cut lists need OpenTimelineIO and its adapters; {', '.join(sorted(missing))} missing",
            hint="pip install 'holocine[film]'",
        )
    return opentimelineio


def _timeline(otio: Any, cuts: CutList, kind: Format, rate: Fraction) -> Any:
    time, stretch = otio.opentime.RationalTime, otio.opentime.TimeRange
    times = int(rate / cuts.fps)

    def reach(span: DeliveredSpan) -> Any:
        return stretch(time(span.start * times, float(rate)), time(len(span) * times, float(rate)))

    whole = DeliveredSpan(0, cuts.frames)
    media = otio.schema.ExternalReference(cuts.film.resolve().as_uri(), reach(whole))
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
        if kind == "edl":
            # An EDL's markers are capitals only; its comments are free.
            clip.metadata["cmx_3600"] = {"comments": _told(shot)}
        else:
            start = DeliveredSpan(shot.span.start, shot.span.start + 1)
            clip.markers.extend(otio.schema.Marker(line, reach(start)) for line in _told(shot))
        picture.append(clip)
    if cuts.sound and kind != "edl":
        sound = otio.schema.Track("sound", kind=otio.schema.TrackKind.Audio)
        timeline.tracks.append(sound)
        sound.append(otio.schema.Clip(cuts.film.name, media.clone(), reach(whole)))
    return timeline


def _told(shot: CutShot) -> list[str]:
    """What an editor reads at a shot: its prompt, and the seed that made it."""
    seed = [f"seed {shot.facts['seed']}"] if "seed" in shot.facts else []
    return [" ".join(shot.prompt.split()), *seed]


def _read_texts(clip: Any) -> list[str]:
    """The texts of a clip that was read; an EDL's reader puts its own before ours."""
    return [
        *clip.metadata.get("cmx_3600", {}).get("comments", ()),
        *(marker.name for marker in clip.markers),
    ]


def _compare(timeline: Any, cuts: CutList, rate: Fraction, out: Path) -> None:
    """Raise RenderError unless a timeline that was read has the film's shots, times and texts."""
    times = int(rate / cuts.fps)
    track = timeline.video_tracks()[0]
    clips = list(track.find_clips())
    read = [
        (
            clip.name,
            _read_texts(clip)[-len(_told(shot)) :],
            *(int(t.rescaled_to(float(rate)).value) for t in (
                clip.source_range.start_time, clip.source_range.end_time_exclusive(),
                clip.range_in_parent().start_time,
            )),
        )
        for clip, shot in zip(clips, cuts.shots, strict=False)
    ]  # fmt: skip
    wanted = [
        (
            shot.name,
            _told(shot),
            shot.span.start * times,
            shot.span.stop * times,
            shot.span.start * times,
        )
        for shot in cuts.shots
    ]
    if len(clips) != len(wanted) or read != wanted:
        at = next((w for r, w in zip(read, wanted, strict=False) if r != w), wanted[-1])
        raise RenderError(
            f"the cut list does not read back as it was written, from '{at[0]}' on",
            where=str(out),
            hint="write --to otio, and please report it with this message",
        )
