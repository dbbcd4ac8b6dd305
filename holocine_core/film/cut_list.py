"""A finished film -> its cut list: which shot stands where, and what made it.

May import: provenance, edit. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from holocine_core.edit.exchange import CutList, CutShot
from holocine_core.edit.ffmpeg import probe
from holocine_core.edit.reel import ClipInput, Transition, delivered, shots_in_reel
from holocine_core.errors import InputError
from holocine_core.film.provenance import Inspection
from holocine_core.script.shot_names import card_name, shot_name
from holocine_core.script.timeline import DeliveredSpan, FrameSpan, timecode


def cut_list(found: Inspection) -> CutList:
    """The shots of a film as it says itself; one that a crossfade swallowed is left out.

    Raises:
        InputError: The file isn't as long as its provenance says: it was cut since.
    """
    made = found.provenance
    takes = made["takes"]
    cards = made.get("cards", {})  # Films had none once.
    film = probe(found.path)
    kinds = {take["transition"]["kind"] for take in takes}
    if not kinds <= {"cut", "fade", "crossfade"}:
        raise InputError(
            f"the film tells of transitions that there are not: {', '.join(sorted(kinds))}",
            where=str(found.path),
            hint="it was not made by this program, or by a newer one",
        )
    reel = _reel(found.path, takes, cards)
    first = int("opening" in cards)
    fps = Fraction(made["fps"])
    shots = []
    for number, shot, span in reel:
        shown = DeliveredSpan.of(
            delivered(span.start, fps, film.fps), delivered(span.stop, fps, film.fps)
        )
        if len(shown):  # A low delivered rate leaves out frames, and whole shots with them.
            at = number - first
            if not 0 <= at < len(takes):
                shots.append(_card("closing" if at > 0 else "opening", cards, shown))
                continue
            before = takes[at - 1]["transition"]["kind"] if at and not shot else "cut"
            shots.append(_shot(takes[at], shot, shown, before, len(takes)))
    wanted = delivered(reel[-1][2].stop, fps, film.fps)
    if film.frames != wanted:
        raise InputError(
            f"the film has {film.frames} frames and says that it was made with {wanted}",
            where=str(found.path),
            hint="take the file that holocine rendered: this one was cut since",
        )
    return CutList(
        film=found.path,
        title=str(made["title"]),
        fps=film.fps,
        frames=film.frames,
        size=(film.width, film.height),
        sound=film.audio,
        shots=tuple(shots),
        facts={
            "model": made["model"]["name"],
            "profile": made["profile"],
            "made_fps": str(fps),
            "screenplay": made["screenplay"],
            "options": made.get("options", {}),
            "edits": made.get("edits", []),
        },
    )


def shown_times(found: Inspection) -> dict[str, tuple[str, str]] | None:
    """The times of a film at which its shots are seen, in and out, by their names: those of its cut
    list. A shot that a crossfade swallows has none; None where the film was cut since."""
    try:
        cuts = cut_list(found)
    except InputError:
        return None
    return {
        shot.name: (timecode(shot.span.start, cuts.fps), timecode(shot.span.stop, cuts.fps))
        for shot in cuts.shots
    }


def _reel(
    film: Path, takes: Sequence[dict[str, Any]], cards: dict[str, Any]
) -> tuple[tuple[int, int, FrameSpan], ...]:
    """Every shot and card that is seen: which, its shot (from 0), its frames of the reel."""
    clips = [
        ClipInput(
            path=Path(take["scene"]),
            frames=take["frames"]["got"],
            cuts=tuple(cut["got"] for cut in take["cuts"]),
        )
        for take in takes
    ]
    transitions = [
        Transition(kind=take["transition"]["kind"], frames=take["transition"]["frames"])
        for take in takes[:-1]
    ]
    if "opening" in cards:
        clips.insert(0, _card_clip("opening", cards))
        transitions.insert(0, Transition())
    if "closing" in cards:
        clips.append(_card_clip("closing", cards))
        transitions.append(Transition())
    try:
        return shots_in_reel(clips, transitions)
    except ValueError as error:
        raise InputError(
            f"the film's provenance is that of no film: {error}",
            where=str(film),
            hint="its tags were changed: take the file that holocine rendered",
        ) from None


def _card_clip(name: str, cards: dict[str, Any]) -> ClipInput:
    return ClipInput(path=Path(name), frames=cards[name]["frames"])


def _card(name: str, cards: dict[str, Any], span: DeliveredSpan) -> CutShot:
    return CutShot(
        name=card_name(name),
        span=span,
        prompt=cards[name]["text"],
        facts={"scene": card_name(name), "shot": 1, "begins": "cut", "card": True},
    )


def _shot(
    take: dict[str, Any], shot: int, span: DeliveredSpan, begins: str, scenes: int
) -> CutShot:
    return CutShot(
        name=shot_name(take["scene"], shot + 1, scenes),
        span=span,
        prompt=take["shots"][shot]["prompt"],
        facts={
            "scene": take["scene"],
            "shot": shot + 1,
            "begins": begins,
            "seed": take["shots"][shot].get("seed", take["seed"]),  # Films told one a take once.
            "scene_prompt": take["prompt"],
            "take": take["fingerprint"],
        },
    )
