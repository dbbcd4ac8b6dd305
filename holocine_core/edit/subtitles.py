"""The shots' texts as subtitles: WebVTT and SubRip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from holocine_core.edit.exchange import CutShot
from holocine_core.script.timeline import timecode

SubtitleFormat = Literal["vtt", "srt"]


def subtitles(shots: Sequence[CutShot], fps: Fraction, kind: SubtitleFormat) -> str:
    """Every shot's text for as long as the shot lasts; at most 42 letters a line where it can.

    Args:
        shots: With their frames of the film.
        fps: The film's.
        kind: vtt (WebVTT) or srt (SubRip).
    """
    blocks = ["WEBVTT\n"] if kind == "vtt" else []
    for number, shot in enumerate(shots, 1):
        times = [timecode(frame, fps) for frame in (shot.span.start, shot.span.stop)]
        text = "\n".join(_lines(shot.prompt))
        if kind == "vtt":
            # "&" and "<" begin markup; "-->" may not stand in a text at all.
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            blocks.append(f"{shot.name}\n{times[0]} --> {times[1]}\n{text}\n")
        else:
            start, stop = (time.replace(".", ",") for time in times)
            blocks.append(f"{number}\n{start} --> {stop}\n{text}\n")
    return "\n".join(blocks)


def _lines(text: str, most: int = 42) -> list[str]:
    """A text in lines of ``most`` letters; a longer word has a line of its own."""
    lines = [""]
    for word in re.split(r"\s+", text.strip()):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(longer) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
