"""A shot of a scene that is there gets another length; all others keep theirs.

Shots begin on the 4t+1 grid; the scene's first frame is the only one that has a latent frame to
itself: so a first shot lasts 4t+1 frames and every other one a multiple of four. What follows one
whose length changes moves by a multiple of four frames, which is a whole number of latent frames.
"""

from __future__ import annotations

from itertools import accumulate

from holocine_core.script.screenplay import Scene
from holocine_core.script.timeline import TEMPORAL_STRIDE, Moved, Timeline, nearest_on_grid
from holocine_core.script.timing import frames_of, is_number, parse_time


def length_of(asked: object, shot: int, timeline: Timeline) -> Moved | None:
    """Frames of a shot as asked for and as the grid gives them; None where nothing asks.

    Args:
        asked: Something with `frames` or `seconds`.
        shot: Its number in the scene, from 0.
        timeline: Of the scene as it was.

    Raises:
        ValueError: The nearest place on the grid leaves the shot no frame, in words.
    """
    frames = frames_of(asked, timeline.fps)
    if frames is None:
        return None
    start = timeline.shot_spans[shot].start
    got = nearest_on_grid(start + frames) - start
    if got < 1:
        raise ValueError(
            f"shot {shot + 1} can't last {float(frames):g} frame{'s' * (frames > 1)}, which leaves "
            f"it none on the grid of four: ask for {TEMPORAL_STRIDE}"
        )
    return Moved(frames, got)


def with_length(scene: Scene, shot: int, frames: int, timeline: Timeline) -> Scene:
    """A scene in which one shot has so many frames, and all others those that they have.

    Args:
        scene: As it was.
        shot: The shot's number, from 0.
        frames: Of it, by :func:`length_of`.
        timeline: Of the scene as it was.

    Raises:
        ValueError: A picture of the shot's would stand behind its end, in words.
    """
    lengths = [len(span) for span in timeline.shot_spans]
    lengths[shot] = frames
    update: dict[str, object] = {"frames": None, "seconds": None, "cuts": None}
    if scene.prompt is None:
        update["shots"] = tuple(
            one.model_copy(update={"frames": length, "seconds": None})
            for one, length in zip(scene.shots or (), lengths, strict=True)
        )
    else:  # A raw scene's shots have no lengths of their own.
        *cuts, update["frames"] = accumulate(lengths)
        update["cuts"] = tuple(cuts)
    update["keyframes"] = _moved_pictures(scene, shot, frames, timeline)
    return scene.model_copy(update=update)


def _moved_pictures(scene: Scene, shot: int, frames: int, timeline: Timeline) -> dict[str, str]:
    """A scene's pictures, where its shots are now that they belong to."""
    span = timeline.shot_spans[shot]
    moved: dict[str, str] = {}
    for time, file in scene.keyframes.items():
        at = parse_time(int(time) if is_number(time) else time, timeline.fps)
        assert not isinstance(at, str), "the scene was filmed with it"
        if span.start + frames <= at < span.stop:
            raise ValueError(
                f"{file} is shown at frame {int(at)}, when shot {shot + 1} would be over: it needs "
                f"{int(at) - span.start + 1} frames"
            )
        shift = frames - len(span)
        moved[str(int(at) + shift) if shift and at >= span.stop else time] = file
    return moved
