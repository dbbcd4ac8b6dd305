"""What a film says about itself: everything that made it, inside the file and read back.

May import: plan, edit. No torch.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from holocine_core.edit.metadata import Chapter, read_metadata
from holocine_core.errors import InputError
from holocine_core.film.record import OWN, read_provenance
from holocine_core.plan.title_cards import CARDS, card_of
from holocine_core.plan.values import Plan, Take
from holocine_core.script.file_kinds import require_film_file
from holocine_core.script.timeline import timecode

SCHEMA = 1
"""Version of the provenance document."""
TAG = "holocine"
"""Name of the tag that carries it inside the film."""


def provenance(plan: Plan) -> dict[str, Any]:
    """Everything that made the film, and nothing that differs from run to run."""
    return {
        "schema": SCHEMA,
        "title": plan.title,
        "screenplay": plan.screenplay_text,
        "profile": plan.profile,
        **own_profile_record(plan),
        "model": {
            "name": plan.model.spec.name,
            "licence": plan.model.spec.licence,
            "files": dict(plan.identity),
            "revisions": dict(plan.revisions),
            **({"resolved": found} if (found := plan.model.record()) else {}),
        },
        "lora": [
            {
                "file": lora.path.name,
                "weight": lora.weight,
                "expert": lora.expert,
                "sha256": content,
            }
            for lora, (content, *_) in zip(
                plan.loras, plan.takes[0].ingredients["lora"], strict=True
            )
        ],
        "options": dict(plan.options),
        "edits": [edit.model_dump(mode="json", exclude_none=True) for edit in plan.edits],
        "fps": str(plan.fps),
        "delivery": {
            "fps": str(plan.delivery.fps),
            "size": f"{plan.delivery.width}x{plan.delivery.height}",
            "motion": plan.delivery.motion,
            "fit": plan.delivery.fit,
            "codec": plan.delivery.codec,
            "quality": plan.delivery.quality,
            "loudness": plan.delivery.loudness,
        },
        "music": (
            None
            if plan.screenplay.music is None
            else {**plan.screenplay.music.model_dump(), "sha256": plan.music_hash}
        ),
        "cards": {
            name: {"text": card.line, "frames": card.frames}
            for name in CARDS
            if (card := card_of(plan, name)) is not None
        },
        "takes": [take_record(take) for take in plan.takes],
        "versions": versions(),
    }


def own_profile_record(plan: Plan) -> dict[str, Any]:
    """What the user's own profile that made the film stands for: no other machine, and no later
    day, need know it. Nothing where it was one of the model's."""
    return {} if plan.choice.own is None else {OWN: plan.choice.own.record()}


def call_told(made: Mapping[str, Any]) -> str:
    """The options of a film's call that moved its picture, as they are typed; but for the number of
    a draft, which is no option of `render`."""
    return " ".join(
        f"--{name} {shlex.quote(_word(value))}"
        for name, given in made.get("options", {}).items()
        if name != "draft"
        for value in (given if isinstance(given, list) else [given])
    )


def own_profile_told(made: Mapping[str, Any]) -> str:
    """What the user's own profile stood for that made a film, in words; empty where none did."""
    own = made.get(OWN)
    if own is None:
        return ""
    changes = [f"{name} {_word(value)}" for name, value in own.items() if name not in _APART]
    cache = [f"cache {own['cache']['kind']}"] if "cache" in own else []
    return f"one's own, of {own.get('base')}: {', '.join([*changes, *cache]) or 'no changes'}"


_APART = ("base", "cache")


def _word(value: object) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def take_record(take: Take) -> dict[str, Any]:
    """A take as provenance and `plan --json` show it."""
    timeline = take.timeline
    return {
        "scene": take.scene,
        "frames": {"asked": float(take.timing.length.asked), "got": timeline.frames},
        "cuts": [{"asked": float(cut.asked), "got": cut.got} for cut in take.timing.cuts],
        "seed": take.seed,
        "sampling": take.sampling.record(),
        "prompt": take.prompt.text,
        "negative": take.negative,
        "sound": {**take.sound.model_dump(), "sha256": take.sound_hash} if take.sound else None,
        "transition": {"kind": take.transition[0], "frames": take.transition[1]},
        "fingerprint": take.latents_key,
        "kept": take.ingredients.get("kept"),
        **_draft(take),
        "pictures": [
            {"file": one.path.name, "sha256": one.content, "latent_frame": one.latent}
            for one in take.pictures
        ],
        "lora": [
            {
                "file": one.lora.path.name,
                "weight": one.lora.weight,
                "expert": one.lora.expert,
                "shots": [number + 1 for number in one.shots],
                "sha256": content,
            }
            for one, (content, *_) in zip(
                take.loras, take.ingredients.get("shot_lora", ()), strict=True
            )
        ],
        "shots": [
            {
                "prompt": prompt,
                "in": timecode(span.start, timeline.fps),
                "out": timecode(span.stop, timeline.fps),
                "frames": [span.start, span.stop],
                "seed": take.maker_of(shot).seed,
            }
            for shot, (prompt, span) in enumerate(
                zip(take.prompt.shots, timeline.shot_spans, strict=True)
            )
        ],
    }


def _draft(take: Take) -> dict[str, Any]:
    """The draft that a take comes from; nothing where it comes from none."""
    base = next((one.upscaled.base for one in take.chain() if one.upscaled is not None), None)
    if base is None:
        return {}
    return {"draft": {"fingerprint": base.latents_key, "sampling": base.sampling.record()}}


def versions() -> dict[str, str]:
    """Installed versions of what has a part in the picture."""
    names = ("holocine", "torch", "diffusers", "transformers", "imageio-ffmpeg")
    return {name: _version(name) for name in names}


@functools.cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a film says about itself."""

    path: Path
    provenance: Mapping[str, Any]
    chapters: tuple[Chapter, ...]
    beside: Mapping[str, str] = field(default_factory=dict)
    """``work`` and ``screenplay_file``, relative to the film, where more than its sidecar tells of
    them."""

    @property
    def screenplay(self) -> str:
        return str(self.provenance["screenplay"])


def inspect(path: Path) -> Inspection:
    """Read a film's provenance out of the file itself.

    Raises:
        InputError: No film, not one of holocine's, or one whose tag was changed.
    """
    require_film_file(path)
    metadata = read_metadata(path)
    if TAG not in metadata.tags:
        raise InputError(
            f"{path.name} carries no holocine provenance",
            where=str(path),
            hint="it was made elsewhere, or re-encoded without its metadata",
        )
    document = read_provenance(metadata.tags[TAG], path)
    return Inspection(path=path, provenance=document, chapters=metadata.chapters)
