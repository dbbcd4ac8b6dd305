"""Changes to a film that was made: a shot anew, more shots at the end of a scene.

A film carries its edits beside its screenplay, in order. Each is made in the context of the film as
it was before: what an edit does not touch stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, model_validator

from holocine_core.sampling import Frozen
from holocine_core.script.camera_words import Angle, Movement, Size
from holocine_core.script.prompt import COUNT, CUT, GLOBAL, MARKERS, PER_SHOT, mentions, parse_raw
from holocine_core.script.screenplay import (
    Frames,
    Scene,
    Screenplay,
    Seconds,
    Seed,
    Shot,
    Text,
)
from holocine_core.script.shot_length import length_of, with_length
from holocine_core.script.shot_names import shot_name
from holocine_core.script.timeline import FrameSpan, Moved, Timeline

NONE = "none"
"""Takes a shot's size, angle or movement away."""
Off: TypeAlias = Literal["none"]
CAMERA = ("size", "angle", "movement")
"""What of a shot tells how it is filmed; each is left as it was where an edit has it not."""


class Reshoot(Frozen):
    """One shot made anew while all others stay."""

    kind: Literal["reshoot"] = "reshoot"
    scene: str
    shot: Annotated[int, Field(ge=1)]
    """As people count it, from 1."""
    prompt: Text | None = None
    """What it shows now; as before where absent."""
    size: Size | Off | None = None
    """Its shot size now; as before where absent, like all that follow."""
    angle: Angle | Off | None = None
    movement: Movement | Off | None = None
    seconds: Seconds | None = None
    """How long it is now, as it was asked for; all other shots keep their lengths."""
    frames: Frames | None = None
    """Likewise in frames; instead of `seconds`."""
    seed: Seed

    @model_validator(mode="after")
    def _one_length(self) -> Reshoot:
        if self.seconds is not None and self.frames is not None:
            raise ValueError("a shot takes `seconds` or `frames`, not both; drop one")
        return self

    def length(self, timeline: Timeline) -> Moved | None:
        """The shot's length in frames, as asked for and as the grid gives it; None where it stays.

        Args:
            timeline: Of its scene as it was.
        """
        return length_of(self, self.shot - 1, timeline)


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


def edited(screenplay: Screenplay, edit: Reshoot | Extend, timeline: Timeline) -> Screenplay:
    """The screenplay that a fresh film of the edited one would have.

    Args:
        screenplay: As before.
        edit: Of one of its scenes and shots.
        timeline: Of that scene so far: shots that stay keep their frames, however they were asked
            for.

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
        changed = _refilmed(_retold(scene, edit.shot - 1, edit.prompt), edit)
        if (length := edit.length(timeline)) is not None:
            changed = with_length(changed, edit.shot - 1, length.got, timeline)
    else:
        changed = _longer(scene, edit.shots, timeline.shot_spans)
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


def _refilmed(scene: Scene, edit: Reshoot) -> Scene:
    """A scene with a shot of another size, angle or movement."""
    given = {name: word for name in CAMERA if (word := getattr(edit, name)) is not None}
    if not given:
        return scene
    if scene.prompt is not None:
        what = " or ".join(given)
        raise ValueError(f"a raw scene's shots have no {what}: say it in the shot's text")
    shots = list(scene.shots or ())
    now = {name: None if word == NONE else word for name, word in given.items()}
    shots[edit.shot - 1] = shots[edit.shot - 1].model_copy(update=now)
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
            now = "".join(f", {word}" for word in _camera_told(edit))
            name = shot_name(edit.scene, edit.shot, scenes)
            words.append(f"shot {name} anew{shown}{now}, seed {edit.seed}")
        else:
            count = len(edit.shots)
            words.append(f"{edit.scene} goes on by {count} shot{'s' * (count > 1)}")
    return "; ".join(words) or "as rendered"


def latest_told(edits: Sequence[Reshoot | Extend], scenes: int) -> str:
    """The last of a film's edits as people read it, and how many came before; see :func:`told`."""
    others = len(edits) - 1
    after = f", after {others} other edit{'s' * (others > 1)}" if others > 0 else ""
    return told(edits[-1:], scenes) + after


def _camera_told(edit: Reshoot) -> Iterator[str]:
    """How a shot is filmed now and how long it is, of what an edit changes."""
    for name in CAMERA:
        word = getattr(edit, name)
        if word is not None:
            yield f"no {name}" if word == NONE else f"{word}{' angle' * (name == 'angle')}"
    if edit.seconds is not None:
        yield f"{edit.seconds:g} s"
    if edit.frames is not None:
        yield f"{edit.frames} frame{'s' * (edit.frames > 1)}"


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
