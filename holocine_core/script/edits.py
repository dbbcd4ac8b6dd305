"""Changes to a film that was made: a shot anew, more shots at the end of a scene.

A film carries its edits beside its screenplay, in order. Each is made in the context of the film as
it was before: what an edit does not touch stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from holocine_core.script.prompt import CUT, GLOBAL, PER_SHOT, parse_raw
from holocine_core.script.screenplay import Frozen, Scene, Screenplay, Seed, Shot, Text
from holocine_core.script.timeline import Span


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


def edited(screenplay: Screenplay, edit: Reshoot | Extend, shots: Sequence[Span]) -> Screenplay:
    """The screenplay that a fresh film of the edited one would have.

    Args:
        screenplay: As before.
        edit: Of one of its scenes and shots.
        shots: Frames of every shot of that scene so far; they stay, however they were asked for.

    Raises:
        KeyError: There is no such scene.
        IndexError: There is no such shot.
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
    scenes = (*screenplay.scenes[:at], changed, *screenplay.scenes[at + 1 :])
    return screenplay.model_copy(update={"scenes": scenes})


def _retold(scene: Scene, shot: int, prompt: str | None) -> Scene:
    if scene.prompt is not None:
        raw = parse_raw(scene.prompt)
        texts = list(raw.shots)
        texts[shot] = prompt or texts[shot]
        return scene.model_copy(update={"prompt": _raw(raw.global_, texts)})
    shots = list(scene.shots or ())
    told = shots[shot].prompt if prompt is None else prompt
    shots[shot] = shots[shot].model_copy(update={"prompt": told})
    return scene.model_copy(update={"shots": tuple(shots)})


def _longer(scene: Scene, more: Sequence[Shot], spans: Sequence[Span]) -> Scene:
    """A scene with more shots; those before have their lengths as frames."""
    before = scene.shots or ()
    if scene.prompt is not None:
        raw = parse_raw(scene.prompt)
        before = tuple(Shot(prompt=_doubled(text)) for text in raw.shots)
        scene = scene.model_copy(update={"global_": _doubled(raw.global_), "prompt": None})
    kept = tuple(
        shot.model_copy(update={"frames": len(span), "seconds": None})
        for shot, span in zip(before, spans, strict=True)
    )
    return scene.model_copy(
        update={"shots": (*kept, *more), "cuts": None, "frames": None, "seconds": None}
    )


def _raw(caption: str, shots: Sequence[str]) -> str:
    return f"{GLOBAL} {caption} {PER_SHOT} {f' {CUT} '.join(shots)}"


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def told(edits: Sequence[Reshoot | Extend]) -> str:
    """Edits as people read them."""
    words = []
    for edit in edits:
        if isinstance(edit, Reshoot):
            shown = f': "{edit.prompt}"' if edit.prompt else ""
            words.append(f"{edit.scene} shot {edit.shot} anew{shown}, seed {edit.seed}")
        else:
            count = len(edit.shots)
            words.append(f"{edit.scene} goes on by {count} shot{'s' * (count > 1)}")
    return "; ".join(words) or "as rendered"
