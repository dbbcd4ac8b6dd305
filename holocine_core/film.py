"""The finished film: cut from its takes, described inside itself and beside itself, read back.

May import: plan, vault, edit. No torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from holocine_core.edit.codecs import VideoCodec, check_video
from holocine_core.edit.ffmpeg import MASTER_ARGS, Probe, probe, write_frames
from holocine_core.edit.metadata import Chapter, FilmMetadata, read_metadata
from holocine_core.edit.reel import ClipInput, Transition, check_reel
from holocine_core.edit.sound import SoundCue, probe_sound
from holocine_core.edit.stitch import (
    Delivery,
    StitchJob,
    delivered_frame,
    film_frames,
    scene_starts,
    stitch,
)
from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, ignore
from holocine_core.plan.values import Plan, Take
from holocine_core.script.timeline import timecode
from holocine_core.vault import Vault, disk_errors, file_hash, fingerprint, read_json, write_json

SCHEMA = 1
"""Version of the provenance document."""
TAG = "holocine"
"""Name of the tag that carries it inside the film."""
KEY_TAG = "holocine_key"
"""Name of the tag that carries the film's fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film on disk, as probed."""

    path: Path
    frames: int
    width: int
    height: int
    fps: Fraction
    seconds: float
    up_to_date: bool
    """Whether it was there already, made by this very plan."""


def cut_film(plan: Plan, vault: Vault, emit: Emit = ignore, *, force: bool = False) -> Film:
    """Join the plan's clips, check the film against the plan, and only then give it its name."""
    refuse_to_overwrite(plan, force=force)  # Another may have come while the takes were shot.
    job = stitch_job(plan, vault)
    with disk_errors("write the film", plan.out):
        plan.out.parent.mkdir(parents=True, exist_ok=True)
    found = stitch(job, plan.out, emit)
    _write_sidecar(plan, found)
    return _film(plan, found, up_to_date=False)


def _write_sidecar(plan: Plan, found: Probe) -> None:
    with disk_errors("write the film's sidecar", sidecar_path(plan.out)):
        write_json(
            sidecar_path(plan.out),
            {
                "key": film_key(plan),
                "bytes": plan.out.stat().st_size,
                "sha256": file_hash(plan.out),
                "frames": found.frames,
                "width": found.width,
                "height": found.height,
                "fps": str(found.fps),
                "seconds": found.seconds,
                "work": str(plan.work),
                "made": _made(plan),
                **provenance(plan),
            },
        )


def _made(plan: Plan) -> dict[str, Any]:
    """How each take was computed, as its own sidecar tells."""
    vault = Vault(plan.work)
    entries = {take.scene: vault.find("negatives", take.negative_key) for take in plan.takes}
    return {scene: entry.sidecar.get("made") for scene, entry in entries.items() if entry}


def _film(plan: Plan, found: Probe, *, up_to_date: bool) -> Film:
    return Film(
        path=plan.out,
        frames=found.frames,
        width=found.width,
        height=found.height,
        fps=found.fps,
        seconds=found.seconds,
        up_to_date=up_to_date,
    )


def stitch_job(plan: Plan, vault: Vault) -> StitchJob:
    """What the plan asks of the cutting room."""
    base = plan.screenplay_path.parent
    delivery = plan.delivery
    reel = StitchJob(
        clips=tuple(
            ClipInput(
                path=vault.path("clips", take.clip_key),
                frames=take.timeline.frames,
                title=take.scene,
                cuts=take.timeline.cuts,
            )
            for take in plan.takes
        ),
        transitions=tuple(
            Transition(kind=take.transition[0], frames=take.transition[1])
            for take in plan.takes[:-1]
        ),
        fps=plan.fps,
        size=(plan.takes[0].sampling.width, plan.takes[0].sampling.height),
        delivery=Delivery(
            size=(delivery.width, delivery.height),
            fps=delivery.fps,
            motion=delivery.motion,
            fit=delivery.fit,
        ),
        video=VideoCodec(codec=delivery.codec, crf=delivery.quality),
    )
    starts = scene_starts(reel)
    sounds = tuple(
        SoundCue(
            path=base / take.sound.file,
            start_frame=start,
            frames=take.timeline.frames,
            gain_db=take.sound.gain,
            fade_in_s=take.sound.fade_in,
            fade_out_s=take.sound.fade_out,
        )
        for take, start in zip(plan.takes, starts, strict=True)
        if take.sound is not None
    )
    document = json.dumps(provenance(plan), ensure_ascii=False, sort_keys=True)
    metadata = FilmMetadata(
        tags={"title": plan.title, TAG: document, KEY_TAG: film_key(plan)},
        chapters=chapters(plan, reel),
    )
    return replace(reel, sounds=sounds, metadata=metadata)


def expected_frames(plan: Plan) -> int:
    """Frames the delivered film will have."""
    job = stitch_job(plan, Vault(plan.work))
    return delivered_frame(job, film_frames(job))


def chapters(plan: Plan, reel: StitchJob) -> tuple[Chapter, ...]:
    """One chapter per shot, in frames of the reel; a crossfade belongs to the later scene."""
    marks = [
        (start + span.start, _chapter_title(take, i))
        for take, start in zip(plan.takes, scene_starts(reel), strict=True)
        for i, span in enumerate(take.timeline.shot_spans)
    ]
    # A crossfade longer than a scene's last shots swallows their chapters' ends.
    stops = [at for at, _ in marks[1:]] + [film_frames(reel)]
    return tuple(
        Chapter(start_frame=at, end_frame=stop, title=title)
        for (at, title), stop in zip(marks, stops, strict=True)
        if stop > at
    )


def _chapter_title(take: Take, shot: int) -> str:
    text = " ".join(take.prompt.shots[shot].split())
    short = text if len(text) <= 60 else f"{text[:57].rstrip()}..."
    return f"{take.scene} {shot + 1}: {short}".rstrip("\\")


def provenance(plan: Plan) -> dict[str, Any]:
    """Everything that made the film, and nothing that differs from run to run."""
    return {
        "schema": SCHEMA,
        "title": plan.title,
        "screenplay": plan.screenplay_text,
        "profile": plan.profile,
        "model": {
            "name": plan.model.spec.name,
            "licence": plan.model.spec.licence,
            "files": dict(plan.identity),
            "revisions": dict(plan.revisions),
        },
        "lora": [
            {"file": lora.path.name, "weight": lora.weight, "expert": lora.expert}
            for lora in plan.loras
        ],
        "fps": str(plan.fps),
        "takes": [take_record(take) for take in plan.takes],
        "versions": versions(),
    }


def take_record(take: Take) -> dict[str, Any]:
    """A take as provenance and `plan --json` show it."""
    timeline = take.timeline
    return {
        "scene": take.scene,
        "frames": {"asked": float(take.timing.length.asked), "got": timeline.frames},
        "cuts": [{"asked": float(cut.asked), "got": cut.got} for cut in take.timing.cuts],
        "seed": take.seed,
        "sampling": {name: getattr(take.sampling, name) for name in type(take.sampling).__slots__},
        "prompt": take.prompt.text,
        "negative": take.negative,
        "transition": {"kind": take.transition[0], "frames": take.transition[1]},
        "fingerprint": take.negative_key,
        "shots": [
            {
                "prompt": prompt,
                "in": timecode(span.start, timeline.fps),
                "out": timecode(span.stop, timeline.fps),
                "frames": [span.start, span.stop],
            }
            for prompt, span in zip(take.prompt.shots, timeline.shot_spans, strict=True)
        ],
    }


def versions() -> dict[str, str]:
    """Installed versions of what has a part in the picture."""
    names = ("holocine", "torch", "diffusers", "transformers", "imageio-ffmpeg")
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


# --- is it there already? ------------------------------------------------------------------------


def sidecar_path(film: Path) -> Path:
    """``scene.mp4`` -> ``scene.mp4.json``."""
    return film.with_name(film.name + ".json")


def film_key(plan: Plan) -> str:
    """Fingerprint of a film: its clips, how they are joined, and the titles written into it.

    Versions, comments and names are provenance: they don't make it another film.
    """
    delivery = plan.delivery
    return fingerprint(
        {
            "title": plan.title,
            "shots": [[take.scene, take.prompt.shots] for take in plan.takes],
            "clips": [take.clip_key for take in plan.takes],
            "transitions": [take.transition for take in plan.takes],
            "sounds": [
                None
                if take.sound is None
                else [take.sound_hash, take.sound.model_dump(exclude={"file"})]
                for take in plan.takes
            ],
            "delivery": [
                delivery.width,
                delivery.height,
                str(delivery.fps),
                delivery.motion,
                delivery.fit,
                delivery.codec,
                delivery.quality,
            ],
        }
    )


def finished_film(plan: Plan) -> Film | None:
    """The film, if this very plan made the file at ``plan.out``.

    A film gets its name whole, with its key inside: it counts without its sidecar too, which a
    render that was killed between the two has not written.
    """
    if not plan.out.is_file():
        return None
    key, sidecar = film_key(plan), read_json(sidecar_path(plan.out))
    if sidecar is not None and sidecar.get("key") == key:
        if sidecar.get("bytes") != plan.out.stat().st_size:
            return None
        return Film(
            path=plan.out,
            frames=sidecar["frames"],
            width=sidecar["width"],
            height=sidecar["height"],
            fps=Fraction(sidecar["fps"]),
            seconds=sidecar["seconds"],
            up_to_date=True,
        )
    try:
        if read_metadata(plan.out).tags.get(KEY_TAG) != key:
            return None
    except InputError:
        return None  # No film at all, whatever it is: not ours.
    return _film(plan, probe(plan.out), up_to_date=True)


def complete_sidecar(plan: Plan) -> None:
    """Write a finished film's sidecar where a killed render left it without one."""
    sidecar = read_json(sidecar_path(plan.out))
    if sidecar is None or sidecar.get("key") != film_key(plan):
        _write_sidecar(plan, probe(plan.out))


def refuse_to_overwrite(plan: Plan, *, force: bool) -> None:
    """Raise InputError where another film lies at ``plan.out``, before any work is done."""
    if plan.out.is_dir():
        raise InputError(f"{plan.out} is a folder", where=str(plan.out), hint="name a file")
    if plan.out.exists() and not force and finished_film(plan) is None:
        raise InputError(
            f"{plan.out} exists and is another film",
            where=str(plan.out),
            hint="replace it with --force, or name another file with -o",
        )


def preflight(plan: Plan) -> None:
    """Find out before the work what would fail after it: file name, codec, sounds, ffmpeg, model.

    Raises:
        InputError: The film's name doesn't go with its codec, a sound file holds no sound.
        MachineError: Files or memory are missing for this plan, or ffmpeg doesn't work.
    """
    if finished_film(plan) is not None:
        return
    job = stitch_job(plan, Vault(plan.work))
    check_reel(job.clips, job.transitions)
    check_video(job.video, (plan.delivery.width, plan.delivery.height), plan.out)
    for take in plan.takes:
        if take.sound is not None:
            probe_sound(plan.screenplay_path.parent / take.sound.file)
    if plan.obstacles:
        first = plan.obstacles[0]
        raise MachineError(first.message, where=first.where, hint=first.hint)
    with disk_errors("open the work folder", plan.work):
        plan.work.mkdir(parents=True, exist_ok=True)
    _try_ffmpeg(plan)


def _try_ffmpeg(plan: Plan) -> None:
    """Encode one black frame as a clip would be: a broken ffmpeg costs a second, not a film."""
    import numpy as np

    trial = plan.work / f".trial.{os.getpid()}.mp4"
    black = np.zeros((1, 16, 16, 3), np.uint8)
    try:
        with write_frames(trial, 16, 16, plan.fps, MASTER_ARGS) as writer:
            writer.write(black)
    finally:
        trial.unlink(missing_ok=True)


# --- reading a film back -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a film says about itself."""

    path: Path
    provenance: Mapping[str, Any]
    chapters: tuple[Chapter, ...]

    @property
    def screenplay(self) -> str:
        return str(self.provenance["screenplay"])


def inspect(path: Path) -> Inspection:
    """Read a film's provenance out of the file itself.

    Raises:
        InputError: No film, or not one of holocine's.
    """
    metadata = read_metadata(path)
    try:
        document = json.loads(metadata.tags[TAG])
    except (KeyError, ValueError):
        raise InputError(
            f"{path.name} carries no holocine provenance",
            where=str(path),
            hint="it was made elsewhere, or re-encoded without its metadata",
        ) from None
    return Inspection(path=path, provenance=document, chapters=metadata.chapters)
