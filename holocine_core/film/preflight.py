"""What would fail after a film's work, found before it: all of it at once.

May import: film, plan, edit, store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from holocine_core.edit.delivery import check_video
from holocine_core.edit.ffmpeg import MASTER_ARGS, write_frames
from holocine_core.edit.reel import check_reel
from holocine_core.edit.sound import check_sound, probe_sound
from holocine_core.edit.title_cards import check_card
from holocine_core.errors import (
    Damaged,
    HolocineError,
    InputError,
    MachineError,
    Problem,
    together,
)
from holocine_core.film.finish import stitch_job
from holocine_core.film.machine import require_disk, require_networks
from holocine_core.plan.files import require_whole_files
from holocine_core.plan.title_cards import CARDS, card_of
from holocine_core.plan.values import Plan
from holocine_core.script.screenplay import Sound
from holocine_core.store.files import hidden_room, make_folder
from holocine_core.store.records import sidecar_path
from holocine_core.store.vault import Vault, disk_errors


def preflight(plan: Plan) -> None:
    """Find out before the work what would fail after it: file name, codec, sounds, ffmpeg, model.

    Raises:
        InputError: The film's name doesn't go with its codec, a sound file holds no sound, a card's
            text does not fit, a LoRA holds no numbers.
        MachineError: Files, memory or disk are missing for this plan, a file of its model is
            damaged or another model's, or ffmpeg doesn't work.

    The first of them is raised, with all others behind it.
    """
    found = faults_of(plan)
    if found:
        raise together(found)


def faults_of(plan: Plan) -> list[HolocineError]:
    """All that :func:`preflight` finds, in the order in which a render would come to it."""
    looks: list[Callable[[Plan], None]] = [_check_reel, _check_cards, *_sounds(plan)]
    looks += [_require_plan, require_whole_files, _check_folders, require_networks]
    found: list[HolocineError] = []
    for look in looks:
        found += fault_of(lambda look=look: look(plan))  # type: ignore[misc]
    return found


def fault_of(look: Callable[[], None]) -> list[HolocineError]:
    """What a look raises that a person has to mend; nothing where it finds nothing."""
    try:
        look()
    except (InputError, MachineError) as error:
        return [error]
    return []


def _check_reel(plan: Plan) -> None:
    job = stitch_job(plan, Vault(plan.work))
    check_reel(*job.reel)
    check_video(job.video, (plan.delivery.width, plan.delivery.height), plan.out)


def _check_cards(plan: Plan) -> None:
    vault, sampling = Vault(plan.work), plan.takes[0].sampling
    for name in CARDS:
        card = card_of(plan, name)
        if card is not None and vault.whole("clips", card.key) is None:
            check_card(card.card, (sampling.width, sampling.height), name)


def _sounds(plan: Plan) -> Iterator[Callable[[Plan], None]]:
    """A look at every sound of the film."""
    music = plan.screenplay.music
    for sound in (*(take.sound for take in plan.takes), music):
        if sound is not None:
            yield lambda plan, sound=sound: _check_sound(plan, sound)  # type: ignore[misc]


def _check_sound(plan: Plan, sound: Sound) -> None:
    path = plan.screenplay_path.parent / sound.file
    check_sound(path)
    if sound.offset >= (seconds := probe_sound(path)):
        raise InputError(
            f"the sound lasts {seconds:.1f} seconds, its `offset` is {sound.offset:g}",
            where=str(path),
            hint="lower the offset",
        )


def _require_plan(plan: Plan) -> None:
    """What planning found: every damaged file; of what else has one remedy, such as missing
    weights, the first and how many more there are."""
    found: list[HolocineError] = []
    for (hint, damaged), alike in groupby(plan.obstacles, key=_remedy):
        first, *others = alike
        told = [first.message, *(one.message for one in others if damaged)]
        if others and not damaged:
            told = [f"{first.message}, and {len(others)} more"]
        for text, one in zip(told, (first, *others), strict=False):
            found.append(MachineError(text, where=one.where, hint=hint))
    if found:
        raise together(found)


def _remedy(obstacle: Problem) -> tuple[str, bool]:
    return obstacle.hint, isinstance(obstacle, Damaged)


def _check_folders(plan: Plan) -> None:
    """Whether what is made can be written, and encoded."""
    for folder, doing in ((plan.work, "open the work folder"), (plan.out.parent, "write the film")):
        with disk_errors(doing, folder):
            make_folder(folder)
            with hidden_room(folder) as room:
                # The longest name that will be written there.
                (room / sidecar_path(plan.out).name).touch()
    with disk_errors("write into the work folder", plan.work), hidden_room(plan.work) as room:
        try:
            _try_ffmpeg(plan, room / "trial.mp4")
        except MachineError as failed:  # The trial's file is gone by the time it is read of.
            gone = not failed.where or "trial.mp4" in failed.where
            where = str(plan.work) if gone else failed.where
            raise MachineError(failed.message, where=where, hint=failed.hint) from failed
    require_disk(plan)


def _try_ffmpeg(plan: Plan, trial: Path) -> None:
    """Encode one black frame as a clip would be: a broken ffmpeg costs a second, not a film."""
    import numpy as np

    black = np.zeros((1, 16, 16, 3), np.uint8)
    with write_frames(trial, 16, 16, plan.fps, MASTER_ARGS) as writer:
        writer.write(black)
