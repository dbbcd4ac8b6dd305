"""The screenplay's validated form: frozen pydantic models, unknown keys refused, nothing coerced.

What only the whole file can tell (names, timing, tokens) is checked by ``script.reader`` and
``holocine_core.plan``, which know where everything stands in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from holocine_core.sampling import (
    PROFILE_NAMES,
    PROFILE_WORD,
    Attention,
    FrameSize,
    Frozen,
    adjustments,
)
from holocine_core.script.camera_words import Abbreviation, Angle, Movement, Size, size_of
from holocine_core.script.rates import DeliveredRate, FilmRate
from holocine_core.script.seconds import WITH_UNIT

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(gt=0, le=3600), WITH_UNIT]
ShotSize = Annotated[Size, BeforeValidator(size_of, json_schema_input_type=Size | Abbreviation)]
Frames = Annotated[int, Field(ge=1, le=100_000)]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


ProfileWord = Annotated[
    str,
    Field(
        pattern=PROFILE_WORD,
        json_schema_extra={"anyOf": [{"enum": list(PROFILE_NAMES)}, {"type": "string"}]},
    ),
]
"""Which there are is known where the film is planned."""
LORA_LIMIT = 10
"""Most that a LoRA's change is multiplied by, either way: few-step LoRAs ask for up to 6."""


class Lora(Frozen):
    """A LoRA file laid over the model."""

    file: Text
    """Path, relative to the screenplay."""
    weight: Annotated[float, Field(ge=-LORA_LIMIT, le=LORA_LIMIT)] = 1.0
    expert: Literal["both", "high", "low"] | None = None
    """Which of the two experts it is for; as the file says where nothing stands here."""

    @model_validator(mode="before")
    @classmethod
    def _path_is_a_file(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class Shot(Frozen):
    """One shot: what is seen, how long, and how it is filmed."""

    prompt: Text
    """What this shot shows. Characters are written as {name}."""
    seconds: Seconds | None = None
    """Length in seconds."""
    frames: Frames | None = None
    """Length in frames; instead of `seconds`."""
    size: ShotSize | None = None
    """Shot size; goes before the prompt."""
    angle: Angle | None = None
    """Camera angle; goes before the prompt."""
    movement: Movement | None = None
    """Camera movement; goes before the prompt."""
    image: Text | None = None
    """A picture that the shot's first frame shows; a path, relative to the screenplay."""
    # Behind a validator that runs before, pydantic sees JSON's lists as Python's.
    lora: Annotated[tuple[Lora, ...], Field(strict=False)] = ()
    """LoRA files laid over the model for this shot alone, beside the film's."""

    @model_validator(mode="before")
    @classmethod
    def _plain_text_is_a_prompt(cls, value: Any) -> Any:
        return {"prompt": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_length(self) -> Shot:
        if self.seconds is not None and self.frames is not None:
            raise ValueError("a shot takes `seconds` or `frames`, not both; drop one")
        return self


class TransitionTo(Frozen):
    """How a scene passes into the next one."""

    kind: Literal["cut", "fade", "crossfade"] = "cut"
    """cut; fade (through black, keeps the length); crossfade (scenes overlap)."""
    seconds: Annotated[float, Field(ge=0, le=30), WITH_UNIT] = 0.5
    """Length of a fade or crossfade."""

    @model_validator(mode="before")
    @classmethod
    def _name_is_a_kind(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value


class Sound(Frozen):
    """A sound file under a scene: starts with the scene and ends with it at the latest."""

    file: Text
    """Path, relative to the screenplay."""
    offset: Annotated[float, Field(ge=0, le=36000), WITH_UNIT] = 0.0
    """Seconds of the file that are skipped."""
    gain: Annotated[float, Field(ge=-60, le=24)] = 0.0
    """Loudness change in dB."""
    fade_in: Annotated[float, Field(ge=0, le=60), WITH_UNIT] = 0.0
    """Seconds."""
    fade_out: Annotated[float, Field(ge=0, le=60), WITH_UNIT] = 0.0
    """Seconds."""

    @model_validator(mode="before")
    @classmethod
    def _path_is_a_file(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class Music(Sound):
    """A sound file under the whole film: starts with it and ends with it at the latest."""

    duck: Annotated[float, Field(ge=0, le=60)] = 0.0
    """How many dB softer it is while a scene's own sound is heard."""


class Scene(Frozen):
    """What one diffusion pass makes: a global prompt and its shots."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] | None = None
    """Short name, unique in the film; scene-1, scene-2 ... where absent."""
    global_: Annotated[str, Field(alias="global")] = ""
    """Setting, light, mood: what holds for all of the scene's shots."""
    characters: tuple[str, ...] | None = None
    """Names of the characters in this scene, in order; found in the prompts where absent."""
    frames: Frames | None = None
    """Length of the scene in frames; moved to the nearest 4t+1."""
    seconds: Seconds | None = None
    """Length of the scene in seconds; instead of `frames`."""
    cuts: tuple[int | str, ...] | None = None
    """Where each shot but the first begins: a frame number (37), seconds ("5.0s") or a timecode
    ("00:00:08.20"). Instead of lengths on the shots; evenly spaced where both are absent."""
    shots: Annotated[tuple[Shot, ...], Field(min_length=1)] | None = None
    """The shots, in order; a plain text is a shot's prompt."""
    prompt: Text | None = None
    """HoloCine's raw form, `[global caption] ... [per shot caption] ... [shot cut] ...`, instead of
    `global` and `shots`."""
    seed: Seed | None = None
    """This scene's own seed; the film's where absent."""
    keyframes: dict[str, Text] = {}  # noqa: RUF012 - pydantic copies it
    """Time -> picture that is shown there: a frame number (37), seconds ("5.0s") or a timecode, and
    a path, relative to the screenplay."""
    transition: TransitionTo = TransitionTo()
    """How this scene passes into the next one."""
    sound: Sound | None = None
    """A sound file under this scene."""

    @model_validator(mode="after")
    def _whole(self) -> Scene:
        if self.prompt is None and self.shots is None:
            raise ValueError("a scene needs shots; add `shots:` (or HoloCine's raw `prompt:`)")
        if self.prompt is not None and (self.shots is not None or self.global_):
            raise ValueError(
                "a raw `prompt` stands beside `global` or `shots`; drop them, it holds them all"
            )
        if self.prompt is not None and self.characters is not None:
            raise ValueError(
                "`characters` stands beside a raw `prompt`; drop it, the prompt holds their looks"
            )
        if self.seconds is not None and self.frames is not None:
            raise ValueError("a scene takes `seconds` or `frames`, not both; drop one")
        lengths = [s for s in self.shots or () if s.seconds is not None or s.frames is not None]
        if self.cuts is not None and lengths:
            raise ValueError(
                "a scene takes `cuts` or lengths on its shots, not both; drop one kind"
            )
        return self


Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#f4efe4"])]
"""Red, green and blue, as in HTML."""


class Card(Frozen):
    """A card of text before the film or behind it."""

    text: Text
    """Large, in the middle; line breaks are kept."""
    under: str = ""
    """Smaller, below."""
    seconds: Annotated[float, Field(ge=0.2, le=60), WITH_UNIT] = 2.0
    """How long it stands; it comes out of black and goes into it."""
    ink: Colour = "#f4efe4"
    """Colour of the letters."""
    paper: Colour = "#16130f"
    """Colour behind them."""

    @model_validator(mode="before")
    @classmethod
    def _plain_text_is_a_card(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @field_validator("text", "under")
    @classmethod
    def _blocks_end_in_a_line_break(cls, value: str) -> str:
        """YAML's ``|`` ends in one, which is no empty line of the card's."""
        return value.strip()


class Cards(Frozen):
    """Cards of text around the film."""

    opening: Card | None = None
    """Before the first scene."""
    closing: Card | None = None
    """Behind the last one."""


if TYPE_CHECKING:
    _Adjustments = Frozen
else:
    _Adjustments = adjustments()


class Adjusted(_Adjustments):
    """Changes to one profile; what is left out stays the model's own."""

    size: FrameSize | None = None
    """Width x height for this profile alone."""
    lora: tuple[Lora, ...] = ()
    """LoRA files for this profile alone, beside the film's: those that film in few steps."""


class Profiles(Frozen):
    """Changes to the model's quality profiles."""

    draft: Adjusted = Adjusted()
    standard: Adjusted = Adjusted()
    final: Adjusted = Adjusted()


class Deliver(Frozen):
    """The form the finished film is handed on in."""

    fps: DeliveredRate | None = None
    """Frame rate; editing programs want 24, 25 or 30, or NTSC's 23.976, 29.97 or 59.94, which are
    exactly 24000/1001, 30000/1001 and 60000/1001."""
    size: FrameSize | None = None
    motion: Literal["plain", "interpolate"] = "plain"
    """plain repeats frames; interpolate makes new ones between them, never across a cut."""
    fit: Literal["pad", "crop"] = "pad"
    """How another shape is filled: black bars, or the edges cut off."""
    loudness: Annotated[float, Field(ge=-40, le=-5)] | None = None
    """Integrated loudness of the sound in LUFS (EBU R 128): -23 for broadcasting, -14 for the web;
    as it is mixed where absent."""


class Video(Frozen):
    """Encoding of the film."""

    codec: Literal["h264", "h265", "av1", "prores"] = "h264"
    quality: Annotated[int, Field(ge=0, le=63)] | None = None
    """Constant rate factor: lower is better and larger; the codec's usual one where absent."""


class Screenplay(Frozen):
    """A film: one or more scenes and the settings they share."""

    title: str | None = None
    model: Text = "nano"
    """nano, holocine-14b-sparse, holocine-14b-full, or a folder."""
    profile: ProfileWord = "standard"
    """Quality: draft, standard or final; or a profile of the user's own, by its name."""
    profiles: Profiles = Profiles()
    """Changes to the profiles' steps, size, guidance, shift, sampler, eta and LoRAs."""
    fps: FilmRate | None = None
    """Frames per second of the model's film; its own where absent (15). NTSC's are written as in
    `deliver`."""
    size: FrameSize | None = None
    """Frame size of standard and final; drafts keep its shape, smaller."""
    seed: Seed = 0
    """Same seed, same machine, same settings: the same film."""
    style: str = ""
    """Look of the whole film; begins every scene's global caption."""
    negative: str = ""
    """What the film should not show."""
    text: Literal["scene", "per-shot"] = "scene"
    """scene: one encoding of the whole prompt, as HoloCine does. per-shot: each shot's window
    (global caption and its own text) is encoded by itself, for scenes whose text is too long."""
    attention: Attention | None = None
    """Self-attention between shots; what the model was trained with where absent."""
    strict: bool = False
    """Refuse cuts and lengths that would have to move to the frame grid."""
    characters: dict[str, Text] = {}  # noqa: RUF012 - likewise
    """Name -> look. Written as {name} in prompts."""
    scenes: Annotated[tuple[Scene, ...], Field(min_length=1)]
    """The scenes, in order."""
    music: Music | None = None
    """A sound file under the whole film."""
    cards: Cards = Cards()
    """Cards of text before the film and behind it; they make it longer."""
    slate: bool = False
    """Write scene, shot, seed and time into the picture of drafts."""
    deliver: Deliver = Deliver()
    video: Video = Video()
    lora: tuple[Lora, ...] = ()
    """LoRA files laid over the model."""

    @field_validator("characters")
    @classmethod
    def _names(cls, characters: dict[str, str]) -> dict[str, str]:
        for name in characters:
            if not name.isidentifier():
                raise ValueError(f"'{name}' is no name; use letters, digits and _ only")
        return characters

    def scene_ids(self) -> tuple[str, ...]:
        """The id of every scene, given or by position."""
        return tuple(self.scene_id(index) for index in range(len(self.scenes)))

    def scene_id(self, index: int) -> str:
        """The id of one scene, counted from 0."""
        return self.scenes[index].id or f"scene-{index + 1}"


SCENE_KEYS = frozenset(
    field.alias or name for name, field in Scene.model_fields.items() if name not in {"characters"}
)
"""Keys of a scene that a one-scene film may write at its top level."""
