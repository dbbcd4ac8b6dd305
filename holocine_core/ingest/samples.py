"""Scenes on disk: a screenplay beside its clip, as `holocine train` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from holocine_core.edit.delivery import VideoCodec, pixel_format, video_args
from holocine_core.edit.ffmpeg import write_frames
from holocine_core.errors import InputError
from holocine_core.ingest.footage import Crop, Footage, Picture, read_pictures
from holocine_core.ingest.request import Form
from holocine_core.ingest.scan import Scan
from holocine_core.ingest.scenes import Part, SceneCut
from holocine_core.script.screenplay import Scene, Screenplay, Shot
from holocine_core.script.timeline import timecode
from holocine_core.script.unwritten import MARK
from holocine_core.script.written import screenplay_yaml
from holocine_core.store.files import atomic
from holocine_core.store.vault import disk_errors

CODEC = VideoCodec(crf=12)
"""Of the clips: a training clip is looked at once, by a codec that loses far more."""
GLOBAL = f"{MARK} the style, the place, the time and the light"
SHOT = f"{MARK} what this shot shows"
LOOK = f"{MARK} who that is, with hair and clothes"


def sample_name(stem: str, scene: SceneCut) -> str:
    """A name that stays the same as long as the scene begins at the same frame of its film."""
    length = f"{scene.length:02.0f}" if scene.length.is_integer() else f"{scene.length:g}"
    return f"{stem}-{length}s-{scene.parts[0].first:07d}"


def write_clip(
    path: Path, footage: Footage, scan: Scan, scene: SceneCut, *, size: tuple[int, int], fps: int
) -> None:
    """Write a scene's clip: every frame is one of the film's, the one that is shown at its time.

    Args:
        path: An ``.mp4`` file; it appears whole.
        footage: The film.
        scan: Of it.
        scene: What of it.
        size: Width and height of the clip.
        fps: Its frame rate.

    Raises:
        InputError: The film was changed.
        MachineError: The disk or ffmpeg failed.
    """
    args = [*video_args(CODEC, path.suffix), "-pix_fmt", pixel_format(CODEC)]
    with (
        disk_errors("write a clip", path),
        atomic(path) as made,
        write_frames(made, *size, Fraction(fps), args) as writer,
    ):
        for part in scene.parts:
            for picture in _frames_of(part, footage, scan, size, fps):
                writer.write(picture[None])


def frames_shown(part: Part, footage: Footage, scan: Scan, fps: int) -> tuple[int, ...]:
    """Which frames of the scan the frames of a clip are."""
    shot = part.shot
    times = scan.time_n[shot.first : shot.stop]
    at = [(part.begins + Fraction(k, fps)) / footage.tick for k in range(part.frames)]
    # The last one that began by then, as a player shows it; times are whole ticks.
    places = np.searchsorted(times, [int(time) for time in at], side="right") - 1
    return tuple(shot.first + max(0, int(place)) for place in places)


def _frames_of(
    part: Part, footage: Footage, scan: Scan, size: tuple[int, int], fps: int
) -> Iterator[Picture]:
    wanted = [int(scan.time_n[frame]) for frame in frames_shown(part, footage, scan, fps)]
    crop = filling(part.shot.crop, footage, size)
    at = 0
    for seen in read_pictures(footage, size, since=wanted[0], crop=crop):
        while at < len(wanted) and wanted[at] == seen.time:
            yield seen.pixels
            at += 1
        if at == len(wanted):
            return
        if seen.time > wanted[at]:
            break
    raise InputError(
        f"the frame at {float(wanted[at] * footage.tick):.3f} s is not there any more",
        where=str(footage.path),
        hint="the file was changed while it was read; run the same command again",
    )


def filling(crop: Crop, footage: Footage, size: tuple[int, int]) -> Crop:
    """The largest middle part of a cropped picture that has the shape of ``size``."""
    wide = (crop.right - crop.left) * footage.width
    high = (crop.bottom - crop.top) * footage.height
    kept = min(1.0, wide / high * size[1] / size[0]), min(1.0, high / wide * size[0] / size[1])
    across, down = (crop.right - crop.left) * kept[1], (crop.bottom - crop.top) * kept[0]
    x, y = (crop.left + crop.right) / 2, (crop.top + crop.bottom) / 2
    return Crop(left=x - across / 2, top=y - down / 2, right=x + across / 2, bottom=y + down / 2)


def cut_away(crop: Crop, footage: Footage, size: tuple[int, int]) -> float:
    """Which share of a cropped picture's area does not fit into the shape of ``size``."""
    fitted = filling(crop, footage, size)
    whole = (crop.right - crop.left) * (crop.bottom - crop.top)
    return 1 - (fitted.right - fitted.left) * (fitted.bottom - fitted.top) / whole


def marked(scene: SceneCut, form: Form) -> Screenplay:
    """A scene's screenplay whose captions are still to be written."""
    shots = tuple(Shot(prompt=SHOT, frames=part.frames) for part in scene.parts)
    return Screenplay(
        model=form.model,
        size="x".join(map(str, form.size)),
        scenes=(Scene.model_validate({"global": GLOBAL, "shots": shots}),),
    )


def written(screenplay: Screenplay, scene: SceneCut, footage: Footage) -> str:
    """A sample's screenplay as a file: where it comes from, then the screenplay."""
    first, last = scene.parts[0], scene.parts[-1]
    span = f"{_clock(first.begins)} to {_clock(last.shot.ends)}"
    name = "".join(letter if letter.isprintable() else "?" for letter in footage.path.name)
    return f"# From {name}, {span}.\n{screenplay_yaml(screenplay)}"


def fitted(screenplay: Screenplay, scene: SceneCut, form: Form) -> Screenplay:
    """A scene's screenplay with the lengths and the size that its clip has now."""
    told = screenplay.scenes[0]
    shots = tuple(
        shot.model_copy(update={"frames": part.frames})
        for shot, part in zip(told.shots or (), scene.parts, strict=True)
    )
    scenes = (told.model_copy(update={"shots": shots}),)
    return screenplay.model_copy(
        update={"scenes": scenes, "size": "x".join(map(str, form.size)), "model": form.model}
    )


def _clock(seconds: Fraction) -> str:
    return timecode(int(seconds * 1000), Fraction(1000))


def save_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with disk_errors("write a sample", path), atomic(path) as made:
        made.write_text(text, encoding="utf-8")
