"""What one pass sees of a scene that is longer than its model was trained for.

Such scenes come from edits: a pass makes new shots beside a choice of the others. These are the
first shot (which holds the scene's first latent frame, the only one that stands for one frame), the
first shots of the characters that the new ones name, and then the shots nearest to the new ones:
the window that slides along the scene.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from holocine_core.plan.values import Take
from holocine_core.script.prompt import some
from holocine_core.script.timeline import TEMPORAL_STRIDE, LatentSpan, Timeline

_CHARACTER = re.compile(r"\[character\d+\]")


def choose_shots(
    captions: Sequence[str], spans: Sequence[LatentSpan], new: Sequence[int], room: int
) -> tuple[int, ...] | None:
    """Numbers of the shots that a pass sees, in order; None where the first shot and the new ones
    alone take too much room.

    Args:
        captions: Of every shot, with ``[characterN]`` for characters.
        spans: Latent frames of every shot.
        new: Numbers of the shots that are made, from 0.
        room: Most latent frames of a pass.
    """
    chosen = list(dict.fromkeys([*new, 0]))
    room -= sum(len(spans[shot]) for shot in chosen)
    if room < 0:
        return None
    named = {tag for shot in new for tag in _CHARACTER.findall(captions[shot])}
    first = [
        next(shot for shot, caption in enumerate(captions) if tag in caption)
        for tag in sorted(named)
    ]
    nearest = sorted(range(len(spans)), key=lambda shot: min(abs(shot - one) for one in new))
    for shot in (*first, *nearest):
        if shot not in chosen and len(spans[shot]) <= room:
            chosen.append(shot)
            room -= len(spans[shot])
    return tuple(sorted(chosen))


def pass_frames(take: Take) -> list[int]:
    """Latent frames of a take, in the order in which its pass has them."""
    spans = take.timeline.latent_spans
    shots = (
        range(len(spans)) if take.known is None or take.known.shots is None else take.known.shots
    )
    return [frame for shot in shots for frame in spans[shot]]


def pass_of(take: Take) -> Take:
    """A take as its pass sees it: a scene of the chosen shots; the take itself where these are
    all."""
    known = take.known
    if known is None or known.shots is None:
        return take
    place = {frame: i for i, frame in enumerate(pass_frames(take))}
    spans = take.timeline.latent_spans
    begins = [place[spans[shot].start] for shot in known.shots]
    timeline = Timeline(
        frames=TEMPORAL_STRIDE * (len(place) - 1) + 1,
        cuts=tuple(TEMPORAL_STRIDE * (begin - 1) + 1 for begin in begins[1:]),
        fps=take.timeline.fps,
    )
    there = {frame for span in known.spans for frame in span}
    stays = [spans[shot].start in there for shot in known.shots]
    number = {shot: i for i, shot in enumerate(known.shots)}
    return replace(
        take,
        prompt=some(take.prompt, known.shots),
        timing=replace(take.timing, timeline=timeline),
        known=replace(
            known,
            shots=None,
            spans=tuple(
                span for span, stay in zip(timeline.latent_spans, stays, strict=True) if stay
            ),
        ),
        pictures=tuple(
            replace(one, latent=place[one.latent]) for one in take.pictures if one.latent in place
        ),
        loras=tuple(
            replace(one, shots=tuple(number[shot] for shot in one.shots if shot in number))
            for one in take.loras
        ),
    )
