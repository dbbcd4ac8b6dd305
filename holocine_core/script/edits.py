"""Changes to a film that was made: a shot anew, more shots at the end of a scene.

A film carries its edits beside its screenplay, in order. Each is made in the context of the film as
it was before: what an edit does not touch stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from holocine_core.sampling import Frozen
from holocine_core.script.prompt import COUNT, CUT, GLOBAL, MARKERS, PER_SHOT, mentions, parse_raw
from holocine_core.script.screenplay import Scene, Screenplay, Seed, Shot, Text
from holocine_core.script.shot_names import shot_name
from holocine_core.script.timeline import FrameSpan


class Reshoot(Frozen):
    """One shot made anew while all others stay."""

    kind: Literal["reshoot"] = "reshoot"
    scene: str
    shot: Annotated[int, Field(ge=1)]
    """As people count it, from 1."""
    prompt: Text | None = None
    """What it shows now; as before where absent."""
    seed: Seed


class Extend(Frozen):
    """More shots at the end of a scene, the ones before being its memory."""

    kind: Literal["extend"] = "extend"
    scene: str
    shots: Annotated[tuple[Shot, ...], Field(min_length=1)]
    """Each with its length."""
    seed: Seed


Edit = Annotated[Reshoot | Extend, Field(discriminator="kind")]
_EDITS: TypeAdapter[tuple[Reshoot | Extend, ...]] = TypeAdapter(tuple[Edit, ...])


def read_edits(value: Any) -> tuple[Reshoot | Extend, ...]:
    """Edits as a film carries them. Raises pydantic's ValidationError."""
    return _EDITS.validate_python(tuple(value), strict=False)


def edited(
    screenplay: Screenplay, edit: Reshoot | Extend, shots: Sequence[FrameSpan]
) -> Screenplay:
    """The screenplay that a fresh film of the edited one would have.

    Args:
        screenplay: As before.
        edit: Of one of its scenes and shots.
        shots: Frames of every shot of that scene so far; they stay, however they were asked for.

    Raises:
        KeyError: There is no such scene.
        IndexError: There is no such shot.
        ValueError: The scene's form does not take the edit, in words.
    """
    ids = screenplay.scene_ids()
    if edit.scene not in ids:
        raise KeyError(edit.scene)
    at = ids.index(edit.scene)
    scene = screenplay.scenes[at]
    if isinstance(edit, Reshoot):
        changed = _retold(scene, edit.shot - 1, edit.prompt)
    else:
        changed = _longer(scene, edit.shots, shots)
    changed = _with_cast(changed)
    scenes = (*screenplay.scenes[:at], changed, *screenplay.scenes[at + 1 :])
    used = {name for scene in scenes for name in _named(scene)}
    cast = {name: look for name, look in screenplay.characters.items() if name in used}
    return screenplay.model_copy(update={"scenes": scenes, "characters": cast})


def _named(scene: Scene) -> list[str]:
    """Every character of a scene: those listed, and those that its texts name."""
    texts = [scene.global_, *(shot.prompt for shot in scene.shots or ())]
    found = [m.name for text in texts for m in mentions(text) if m.name is not None]
    return list(dict.fromkeys([*(scene.characters or ()), *found]))


def _with_cast(scene: Scene) -> Scene:
    """A scene whose list of characters holds whoever an edit brought in, at its end."""
    if scene.characters is None:
        return scene
    return scene.model_copy(update={"characters": tuple(_named(scene))})


def _retold(scene: Scene, shot: int, prompt: str | None) -> Scene:
    if scene.prompt is not None:
        if prompt is not None and (any(m in prompt for m in MARKERS) or set("{}") & set(prompt)):
            raise ValueError("a raw scene's shot takes plain text: no {names}, no markers")
        raw = parse_raw(scene.prompt)
        texts = list(raw.shots)
        texts[shot] = prompt or texts[shot]
        return scene.model_copy(update={"prompt": _raw(raw.global_, texts)})
    shots = list(scene.shots or ())
    told = shots[shot].prompt if prompt is None else prompt
    shots[shot] = shots[shot].model_copy(update={"prompt": told})
    return scene.model_copy(update={"shots": tuple(shots)})


def _longer(scene: Scene, more: Sequence[Shot], spans: Sequence[FrameSpan]) -> Scene:
    """A scene with more shots; those before have their lengths as frames."""
    before = scene.shots or ()
    if scene.prompt is not None:
        raise ValueError("a scene in HoloCine's raw form cannot go on: write it as shots")
    kept = tuple(
        shot.model_copy(update={"frames": len(span), "seconds": None})
        for shot, span in zip(before, spans, strict=True)
    )
    return scene.model_copy(
        update={
            "shots": (*kept, *more),
            "cuts": None,
            "frames": None,
            "seconds": None,
            # A caption's own count of shots would be wrong now; one is added where none stands.
            "global_": COUNT.sub("", scene.global_).strip(),
        }
    )


def _raw(caption: str, shots: Sequence[str]) -> str:
    return f"{GLOBAL} {caption} {PER_SHOT} {f' {CUT} '.join(shots)}"


def told(edits: Sequence[Reshoot | Extend], scenes: int) -> str:
    """Edits as people read them, of a film of so many scenes."""
    words = []
    for edit in edits:
        if isinstance(edit, Reshoot):
            shown = f': "{edit.prompt}"' if edit.prompt else ""
            name = shot_name(edit.scene, edit.shot, scenes)
            words.append(f"shot {name} anew{shown}, seed {edit.seed}")
        else:
            count = len(edit.shots)
            words.append(f"{edit.scene} goes on by {count} shot{'s' * (count > 1)}")
    return "; ".join(words) or "as rendered"


def edit_record(edit: Reshoot | Extend, scenes: int) -> dict[str, Any]:
    """An edit of a film of so many scenes as JSON shows it: a shot made anew with its name."""
    record = edit.model_dump(mode="json", exclude_none=True)
    if isinstance(edit, Reshoot):
        record["name"] = shot_name(edit.scene, edit.shot, scenes)
    return record


def edits_told(value: Any, scenes: int) -> str:
    """Edits as a film of so many scenes carries them, in words. Raises pydantic's
    ValidationError."""
    return told(read_edits(value), scenes)
