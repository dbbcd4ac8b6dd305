"""The finished film: cut from its takes, described inside itself and beside itself, read back.

May import: plan, vault, edit. No torch.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from holocine_core.edit.delivery import VideoCodec
from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, Probe, probe, write_frames
from holocine_core.edit.metadata import Chapter, FilmMetadata
from holocine_core.edit.own_cuts import SeenCuts, read_seen
from holocine_core.edit.reel import (
    ClipInput,
    DamagedClip,
    Transition,
    read_to_end,
    shots_in_reel,
)
from holocine_core.edit.seal import BLANK, SEAL_TAG
from holocine_core.edit.sound import (
    SoundCue,
    loudness_warning,
    measure_loudness,
)
from holocine_core.edit.stitch import (
    Delivery,
    StitchJob,
    film_frames,
    scene_starts,
    stitch,
)
from holocine_core.edit.title_cards import card_frames, faces_of
from holocine_core.errors import RenderError
from holocine_core.events import Emit, ignore
from holocine_core.film.aside import put_aside_changed
from holocine_core.film.cuts_seen import watch_cuts
from holocine_core.film.ownership import KEY_TAG, film_key
from holocine_core.film.provenance import TAG, provenance
from holocine_core.film.replaced import refuse_to_overwrite, remember_replaced
from holocine_core.film.values import Film
from holocine_core.film.version_store import as_stored
from holocine_core.film.versions import held_by
from holocine_core.plan.title_cards import CARDS, CardName, card_of
from holocine_core.plan.values import Plan, Take
from holocine_core.script.screenplay import Card
from holocine_core.script.shot_names import first_words
from holocine_core.script.timeline import FrameSpan
from holocine_core.store.files import make_folder
from holocine_core.store.records import intact_record, sidecar_path, write_record
from holocine_core.store.vault import Entry, Vault, disk_errors, file_hash


def cut_film(plan: Plan, vault: Vault, emit: Emit = ignore, *, force: bool = False) -> Film:
    """Join the plan's clips, check the film against the plan, and only then give it its name."""
    refuse_to_overwrite(plan, force=force)  # Another may have come while the takes were shot.
    remember_replaced(plan, emit, force=force)
    cut_cards(plan, vault, emit)
    job = stitch_job(plan, vault)
    with disk_errors("write the film", plan.out):
        make_folder(plan.out.parent)

    def ready(made: Path, out: Path) -> None:
        put_aside_changed(out, made, emit)
        vault.require_held()

    try:
        found = stitch(job, plan.out, emit, ready)
    except DamagedClip as damaged:
        raise _without_damaged(job, vault, damaged) from damaged
    film = film_of(plan, found, up_to_date=False, cuts=watch_cuts(plan, vault))
    vault.require_held()
    _write_sidecar(plan, film)
    if film.loudness is not None and plan.delivery.loudness is not None:
        warning = loudness_warning(film.loudness, plan.delivery.loudness)
        if warning is not None:
            emit(warning)
    return film


def _without_damaged(job: StitchJob, vault: Vault, first: DamagedClip) -> RenderError:
    """Remove every clip that is not what was kept there, so that one more call is enough; the error
    to raise. Their latents are kept, so little is lost."""
    damaged = [first.path]
    for clip in job.reel[0]:
        try:
            read_to_end(clip, job.size, job.fps)
        except DamagedClip as another:
            damaged.append(another.path)
    damaged = list(dict.fromkeys(damaged))
    for path in damaged:
        vault.drop("clips", path.stem)
    many = len(damaged) > 1
    what = f"{len(damaged)} clips" if many else "a clip"
    were = "were damaged and are" if many else "was damaged and is"
    return RenderError(
        f"{what} of the work folder {were} removed: {first.message}",
        where=", ".join(map(str, damaged)),
        hint=f"run the same command again: {'they are' if many else 'it is'} decoded anew",
    )


def _write_sidecar(plan: Plan, film: Film) -> None:
    path = sidecar_path(plan.out)
    with disk_errors("write the film's sidecar", path):
        for part in path.parent.glob(f".{glob.escape(path.stem)}.*.part.json"):
            part.unlink(missing_ok=True)  # Of a render that was killed while it wrote.
        write_record(
            path,
            {
                "key": film_key(plan),
                "bytes": plan.out.stat().st_size,
                "sha256": file_hash(plan.out),
                "frames": film.frames,
                "width": film.width,
                "height": film.height,
                "fps": str(film.fps),
                "seconds": film.seconds,
                "heard": None if film.loudness is None else asdict(film.loudness),
                "cuts_seen": {scene: seen.record() for scene, seen in film.cuts.items()},
                # Relative to the film, so that all of it can move together.
                "work": _beside(plan.out, plan.work),
                "screenplay_file": _beside(plan.out, plan.screenplay_path),
                "holds": as_stored(held_by(plan)),
                "made": _made(plan),
                **provenance(plan),
            },
        )


def _beside(film: Path, path: Path) -> str:
    return os.path.relpath(path.resolve(), film.resolve().parent)


def _made(plan: Plan) -> dict[str, Any]:
    """How each take was computed, as its own sidecar tells."""
    vault = Vault(plan.work)
    entries = {take.scene: vault.find("latents", take.latents_key) for take in plan.takes}
    return {scene: entry.sidecar.get("made") for scene, entry in entries.items() if entry}


def film_of(
    plan: Plan, found: Probe, *, up_to_date: bool, cuts: Mapping[str, SeenCuts] | None = None
) -> Film:
    if cuts is None:
        told = intact_record(sidecar_path(plan.out)).get("cuts_seen")
        named = told.items() if isinstance(told, dict) else ()
        cuts = {scene: seen for scene, one in named if (seen := read_seen(one)) is not None}
    return Film(
        path=plan.out,
        frames=found.frames,
        width=found.width,
        height=found.height,
        fps=found.fps,
        seconds=found.seconds,
        up_to_date=up_to_date,
        loudness=measure_loudness(plan.out) if found.audio else None,
        cuts=cuts,
    )


def stitch_job(plan: Plan, vault: Vault) -> StitchJob:
    """What the plan asks of the cutting room."""
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
        opening=_card_clip(plan, vault, "opening"),
        closing=_card_clip(plan, vault, "closing"),
    )
    document = json.dumps(provenance(plan), ensure_ascii=False, sort_keys=True)
    metadata = FilmMetadata(
        tags={
            "title": plan.title,
            TAG: document,
            KEY_TAG: film_key(plan),
            SEAL_TAG: BLANK,
        },
        chapters=chapters(plan, reel),
    )
    return replace(
        reel,
        sounds=_cues(plan, reel),
        metadata=metadata,
        loudness=delivery.loudness,
        slate=tuple(_slate(plan, reel)),
    )


def _cues(plan: Plan, reel: StitchJob) -> tuple[SoundCue, ...]:
    """The scenes' sounds and the film's music."""
    base = plan.screenplay_path.parent
    starts = scene_starts(reel)
    sounds = tuple(
        SoundCue(
            path=base / take.sound.file,
            start_frame=start,
            frames=take.timeline.frames,
            gain_db=take.sound.gain,
            fade_in_s=take.sound.fade_in,
            fade_out_s=take.sound.fade_out,
            offset_s=take.sound.offset,
        )
        for take, start in zip(plan.takes, starts, strict=True)
        if take.sound is not None
    )
    if (music := plan.screenplay.music) is not None:
        cue = SoundCue(
            path=base / music.file,
            start_frame=0,
            frames=film_frames(reel),
            gain_db=music.gain,
            fade_in_s=music.fade_in,
            fade_out_s=music.fade_out,
            offset_s=music.offset,
            duck_db=music.duck,
        )
        sounds = (*sounds, cue)
    return sounds


def _card_clip(plan: Plan, vault: Vault, name: CardName) -> ClipInput | None:
    card = card_of(plan, name)
    if card is None:
        return None
    path = vault.path("clips", card.key)
    return ClipInput(path=path, frames=card.frames, title=f"the {name} card")


def cut_cards(plan: Plan, vault: Vault, emit: Emit = ignore) -> None:
    """Have the film's cards in the work folder; a damaged one is told."""
    size = _size(plan)
    for name in CARDS:
        card = card_of(plan, name)
        if card is None or _is_drawn(card.card, vault.intact("clips", card.key, emit)):
            continue
        frames = card_frames(card.card, size, card.frames, plan.fps)

        def write(path: Path, frames: Iterator[Frames] = frames) -> None:
            with write_frames(path, *size, plan.fps, MASTER_ARGS) as writer:
                for frame in frames:
                    writer.write(frame)

        fonts = len(faces_of(card.card).others)
        sidecar = {"scene": f"the {name} card", "frames": card.frames, "more_fonts": fonts}
        vault.keep("clips", card.key, write, sidecar)


def _is_drawn(card: Card, kept: Entry | None) -> bool:
    """Whether a card's clip is there with all letters that it can have: once, those that the usual
    fonts lack were drawn as boxes."""
    if kept is None or "more_fonts" in kept.sidecar:
        return kept is not None
    faces = faces_of(card)
    return not faces.others or bool(faces.lacking)


def _size(plan: Plan) -> tuple[int, int]:
    """Width and height of the film's clips."""
    return plan.takes[0].sampling.width, plan.takes[0].sampling.height


def _slate(plan: Plan, reel: StitchJob) -> Iterator[tuple[FrameSpan, str]]:
    """What is written into a draft's shots."""
    if plan.screenplay.slate and plan.is_draft:
        for take, shot, span in shots_seen(plan, reel):
            yield span, f"shot {plan.shot_name(take, shot)}, seed {take.maker_of(shot).seed}"


def shots_seen(plan: Plan, reel: StitchJob) -> Iterator[tuple[Take, int, FrameSpan]]:
    """Every shot that is seen: its take, its number in it (from 0), its frames of the reel."""
    first = int(reel.opening is not None)
    for number, shot, span in shots_in_reel(*reel.reel):
        if 0 <= number - first < len(plan.takes):
            yield plan.takes[number - first], shot, span


def chapters(plan: Plan, reel: StitchJob) -> tuple[Chapter, ...]:
    """One chapter per shot and card, in frames of the reel."""
    found = [
        Chapter(start_frame=span.start, end_frame=span.stop, title=_chapter_title(plan, take, shot))
        for take, shot, span in shots_seen(plan, reel)
    ]
    length = film_frames(reel)
    if (card := card_of(plan, "opening")) is not None:
        found.insert(0, Chapter(start_frame=0, end_frame=card.frames, title=card.line))
    if (card := card_of(plan, "closing")) is not None:
        start = length - card.frames
        found.append(Chapter(start_frame=start, end_frame=length, title=card.line))
    return tuple(found)


def _chapter_title(plan: Plan, take: Take, shot: int) -> str:
    return f"{plan.shot_name(take, shot)}: {first_words(take.prompt.shots[shot], 60)}"


def write_sidecar(plan: Plan) -> Film:
    """Write a finished film's sidecar where a killed render left it without one; the film."""
    cuts = watch_cuts(plan, Vault(plan.work))
    film = film_of(plan, probe(plan.out), up_to_date=True, cuts=cuts)
    _write_sidecar(plan, film)
    return film
