"""What lies at a film's path: this plan's film, another one, or nothing.

Light, for plans are shown with it. May import: plan, vault, edit.metadata.
"""

from __future__ import annotations

import os
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.film.record import OWN
from holocine_core.plan.title_cards import CARDS, card_of
from holocine_core.plan.values import Plan
from holocine_core.request import PREVIEW, WORK
from holocine_core.script.screenplay import Sound
from holocine_core.store.records import intact_record, sidecar_path
from holocine_core.store.vault import fingerprint

KEY_TAG = "holocine_key"
"""Name of the tag that carries the film's fingerprint."""


def film_place(plan: Plan) -> tuple[Path, Path]:
    """The file that a film is written to, and the hidden folder beside it."""
    place = plan.out.resolve()
    return place, place.parent / WORK


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
                None if take.sound is None else [take.sound_hash, _sound(take.sound)]
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
                *([] if delivery.loudness is None else [delivery.loudness]),
            ],
            **_music(plan),
            **_lettering(plan),
        }
    )


def _lettering(plan: Plan) -> dict[str, object]:
    """Cards and slate; nothing where the film has none."""
    cards = [card.key if (card := card_of(plan, name)) else None for name in CARDS]
    slate = plan.screenplay.slate and plan.is_draft
    return {**({"cards": cards} if any(cards) else {}), **({"slate": True} if slate else {})}


def _sound(sound: Sound) -> dict[str, object]:
    """How a sound is laid; films from before `offset` was known keep their fingerprint."""
    unsaid = set() if sound.offset else {"offset"}
    return sound.model_dump(exclude={"file", *unsaid})


def _music(plan: Plan) -> dict[str, object]:
    """The film's music; nothing where it has none, as films had no music once."""
    music = plan.screenplay.music
    if music is None:
        return {}
    return {"music": [plan.music_hash, music.model_dump(exclude={"file"})]}


def is_finished(plan: Plan) -> bool:
    """Whether this very plan made the file at ``plan.out``; cheap, for showing a plan."""
    return os.path.isfile(plan.out) and (sidecar_is_ours(plan) or film_is_ours(plan))  # noqa: PTH113


def sidecar_is_ours(plan: Plan) -> bool:
    """Whether the sidecar tells of this plan and of a file of this length."""
    sidecar = intact_record(sidecar_path(plan.out))
    return sidecar.get("key") == film_key(plan) and sidecar.get("bytes") == plan.out.stat().st_size


def is_torn(plan: Plan) -> bool:
    """Whether the file is the beginning of a film, shorter than this plan's was that the sidecar
    tells of."""
    from holocine_core.edit.metadata import read_metadata

    sidecar = intact_record(sidecar_path(plan.out))
    whole = sidecar.get("bytes")
    if sidecar.get("key") != film_key(plan) or not isinstance(whole, int):
        return False
    with plan.out.open("rb") as file:
        begins = file.read(12)
    if plan.out.stat().st_size >= whole or (begins and b"ftyp" not in begins):
        return False  # Somebody's file that is no film, or a longer one.
    try:
        read_metadata(plan.out)
    except InputError:
        return True
    return False


def is_preview(film: Path) -> bool:
    """Whether a film's name is a preview's."""
    return PREVIEW.search(film.stem) is not None


def is_finished_film(film: Path) -> bool:
    """Whether a file says that it is a film of ours, and that no draft profile made it."""
    told = intact_record(sidecar_path(film))
    own = told.get(OWN)
    profile = own.get("base") if isinstance(own, dict) else told.get("profile")
    return isinstance(profile, str) and profile != "draft"


def film_is_ours(plan: Plan) -> bool:
    """Whether the film carries this plan's key inside."""
    from holocine_core.edit.metadata import read_metadata  # Rarely needed, and not light.

    try:
        return read_metadata(plan.out).tags.get(KEY_TAG) == film_key(plan)
    except InputError:
        return False  # No film at all, whatever it is.
