"""A finished film, read back scene by scene: frames, shots, and whom each shot's prompt names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from holocine_core.edit.ffmpeg import Frames, probe, read_frames
from holocine_core.edit.metadata import Chapter
from holocine_core.edit.reel import Transition
from holocine_core.errors import InputError
from holocine_core.film.provenance import inspect
from holocine_core.script.prompt import parse_raw
from holocine_core.script.shot_names import shot_name
from holocine_core.script.timeline import FrameSpan

_CHARACTER = re.compile(r"\[character\s*(\d+)\]", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """One scene of a film.

    Attributes:
        name: Of film and scene.
        frames: RGB [T, H, W, 3].
        names: Of its shots, as everywhere.
        shots: Frames of every shot, one after the other, from 0 to T.
        casts: The characters each shot's prompt names.
        setting: Its global caption.
        prompts: Each shot's caption.
        first: Number in its take of the first of these frames; None where the film does not have
            the take's frames as they were made.
    """

    name: str
    names: tuple[str, ...]
    frames: Frames
    shots: tuple[FrameSpan, ...]
    casts: tuple[frozenset[str], ...]
    setting: str
    prompts: tuple[str, ...]
    first: int | None = 0

    @property
    def cuts(self) -> tuple[int, ...]:
        """First frame of every shot but the first."""
        return tuple(span.start for span in self.shots[1:])


def screen(film: Path) -> Iterator[Screened]:
    """The scenes of a film made by holocine, one at a time.

    Frames that a fade or crossfade blends are left out.

    Raises:
        InputError: No film, or one that says nothing about itself.
    """
    found = inspect(film)
    if any(after.start_frame < before.end_frame for before, after in pairwise(found.chapters)):
        raise InputError(
            "the film's chapters do not follow each other",
            where=str(film),
            hint="its chapters were changed; evaluate the film as it was rendered",
        )
    takes = found.provenance["takes"]
    cards = {card["text"] for card in found.provenance.get("cards", {}).values()}
    shown = [chapter for chapter in found.chapters if chapter.title not in cards]
    rate = probe(film).fps / Fraction(found.provenance["fps"])
    for i, (take, chapters) in enumerate(zip(takes, _by_take(takes, shown), strict=True)):
        if not chapters:
            continue  # A crossfade covers all of it.
        start, stop = chapters[0][1].start_frame, chapters[-1][1].end_frame
        if i:
            start += math.ceil(_blended(takes[i - 1]).head * rate)
        after = _blended(take)
        # A crossfade's frames count as the later scene's already.
        stop -= math.ceil((after.tail - after.overlap) * rate) if i + 1 < len(takes) else 0
        spans = [
            (shot, FrameSpan(max(start, one.start_frame) - start, min(stop, one.end_frame) - start))
            for shot, one in chapters
            if max(start, one.start_frame) < min(stop, one.end_frame)
        ]
        if not spans:
            continue
        told = parse_raw(take["prompt"])
        casts = [named(shot) for shot in told.shots]
        yield Screened(
            name=f"{film.stem}/{take['scene']}",
            names=tuple(shot_name(take["scene"], shot + 1, len(takes)) for shot, _ in spans),
            frames=np.concatenate(list(read_frames(film, span=FrameSpan(start, stop)))),
            shots=tuple(span for _, span in spans),
            casts=tuple(casts[shot] for shot, _ in spans),
            setting=told.global_,
            prompts=tuple(told.shots[shot] for shot, _ in spans),
            first=start - chapters[0][1].start_frame if rate == 1 and not chapters[0][0] else None,
        )


def _blended(take: Mapping[str, Any]) -> Transition:
    """How a take passes into the next one."""
    return Transition(kind=take["transition"]["kind"], frames=take["transition"]["frames"])


def _by_take(
    takes: Sequence[Mapping[str, Any]], chapters: Sequence[Chapter]
) -> list[list[tuple[int, Chapter]]]:
    """Every take's chapters with their shot's number; a crossfade may have swallowed some."""
    waiting = list(chapters)
    found: list[list[tuple[int, Chapter]]] = []
    for take in takes:
        mine = []
        for shot in range(len(take["shots"])):
            name = shot_name(take["scene"], shot + 1, len(takes))
            # Once, chapters named the scene before a space, in films of one scene too.
            begins = f"{name}:", f"{take['scene']} {shot + 1}:"
            if waiting and waiting[0].title.startswith(begins):
                mine.append((shot, waiting.pop(0)))
        found.append(mine)
    if waiting:
        raise InputError(
            f"the film's chapter '{waiting[0].title}' is none of its shots",
            hint="its chapters were changed; evaluate the film as it was rendered",
        )
    return found


def named(caption: str) -> frozenset[str]:
    """The numbers of the characters that a shot's caption names."""
    return frozenset(_CHARACTER.findall(caption))
