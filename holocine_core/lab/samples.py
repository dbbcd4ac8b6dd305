"""Training samples on disk: a screenplay beside its clip, ``NAME.yaml`` and ``NAME.mp4``.

Both are what the renderer itself reads and writes, so any rendered film can become a sample and any
sample can be rendered again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from holocine_core.edit.contact_sheet import middles
from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, write_frames
from holocine_core.errors import InputError
from holocine_core.lab.stage.world import EVERYTHING, Repertoire
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.written import screenplay_yaml
from holocine_core.store.files import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample that was just written.

    Attributes:
        path: Its screenplay.
        middles: The middle frame of every shot.
    """

    path: Path
    middles: tuple[Frames, ...]


def write_sample(folder: Path, name: str, screenplay: Screenplay, frames: Frames, fps: int) -> Path:
    """Write one sample; the screenplay comes last, so a clip without one is unfinished.

    Args:
        folder: Where samples lie; made if missing.
        name: Stem of both files.
        screenplay: One scene with the lengths of its shots.
        frames: The clip [T, H, W, 3]; kept without loss.
        fps: Frames per second.

    Returns:
        The screenplay's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    with (
        replacing(folder / f"{name}.mp4") as partial,
        write_frames(partial, width, height, Fraction(fps), MASTER_ARGS) as writer,
    ):
        writer.write(frames)
    path = folder / f"{name}.yaml"
    with replacing(path) as partial:
        partial.write_text(screenplay_yaml(screenplay), encoding="utf-8")
    return path


def stage_samples(
    folder: Path,
    seeds: range,
    size: tuple[int, int],
    *,
    replace: bool = False,
    within: Repertoire = EVERYTHING,
    person: int | None = None,
) -> Iterator[Sample]:
    """Draw scenes of the stage and write each as a sample, one at a time.

    Args:
        folder: Where samples lie.
        seeds: One scene each.
        size: Height and width in pixels.
        replace: Whether samples of the same name may be replaced.
        within: What the scenes may be made of.
        person: The only person of all scenes has the look of this number, and captions leave the
            look out: a character for a LoRA to learn.

    Raises:
        InputError: A sample of the same name is there, and ``replace`` is off.
    """
    from holocine_core.lab.stage.caption import tell
    from holocine_core.lab.stage.paint import draw
    from holocine_core.lab.stage.sample import sample_person, sample_scene
    from holocine_core.lab.stage.world import FPS

    names = [f"stage-{seed:010d}" for seed in seeds]
    there = [name for name in names if (folder / f"{name}.yaml").exists()]
    if there and not replace:
        raise InputError(
            f"{len(there)} of these samples are there already, such as {there[0]}.yaml",
            where=str(folder),
            hint="take other seeds or another folder, or replace them with --force",
        )
    lead = None if person is None else sample_person(random.Random(f"person {person}"))
    for seed, name in zip(seeds, names, strict=True):
        scene = sample_scene(seed, within=within, lead=lead)
        telling = tell(scene, random.Random(f"telling {seed}"), looks=lead is None)
        frames = draw(scene, *size).numpy()
        path = write_sample(folder, name, telling.screenplay, frames, FPS)
        spans = tuple(shot.frames for shot in scene.shots)
        yield Sample(path=path, middles=tuple(middles(frames, spans)))
