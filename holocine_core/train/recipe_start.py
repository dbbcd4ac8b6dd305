"""Where a run's weights come from: a model that is there, or a new one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_serializer, field_validator, model_validator

from holocine_core.sampling import Frozen, Profile, ProfileName
from holocine_core.script.screenplay import Text
from holocine_core.train.places import by_name

Count = Annotated[int, Field(ge=1)]


class Card(Frozen):
    """What a new model says about itself (holocine.json)."""

    name: Text
    """Short, as `holocine models list` shows it."""
    summary: Text
    """One sentence."""
    licence: Text
    """Of the weights."""
    note: str = ""
    """What users must know before trusting a film of this model."""
    fps: Annotated[int, Field(ge=1, le=60)] = 15
    """Frames per second of its films."""
    max_frames: Count = 181
    """Longest scene it was trained on, in frames."""
    text_tokens: Annotated[int, Field(ge=16, le=512)] = 512
    """Longest prompt in tokens."""
    text_padding: bool = False
    """Whether shots also attend to the zero rows that fill a prompt up to `text_tokens`, as Wan's
    do. A small model trained with them learns to look there and not at the text."""
    guide_summaries: bool = True
    """Whether the branch that guidance leads away from sees other shots' summary tokens too."""
    profiles: dict[ProfileName, Profile]
    """draft, standard and final."""

    @field_validator("profiles")
    @classmethod
    def _fractions(cls, profiles: dict[ProfileName, Profile]) -> dict[ProfileName, Profile]:
        return {name: profile.in_floats() for name, profile in profiles.items()}

    @field_serializer("profiles")
    def _without_neutral_eta(self, profiles: dict[ProfileName, Profile]) -> dict[str, Any]:
        """Runs are told apart by their recipe: one without `eta` is what it was before."""
        return {name: profile.record() for name, profile in profiles.items()}


class New(Frozen):
    """A transformer drawn at random, beside a finished codec and text encoder."""

    codec: Text
    """Folder of the codec: config.json and its weights; or the name of a model."""
    text: Text
    """Folder that holds tokenizer/ and text_encoder/; or the name of a model."""
    heads: Count
    """Attention heads; the transformer is as wide as all of them."""
    head_width: Count = 64
    """Width of one head."""
    layers: Count
    """Blocks."""
    ffn: Count
    """Inner width of the feed-forward layers."""
    frequencies: Count = 128
    """Width of the sinusoidal time embedding."""
    patch: Count = 2
    """Rows and columns of latents in one token."""
    places: bool = False
    """Whether tokens are told where in the picture they stand (see model/nano_net/positions.py)."""
    card: Card

    @field_validator("codec")
    @classmethod
    def _codec(cls, codec: str) -> str:
        return by_name(codec, "vae")

    @field_validator("text")
    @classmethod
    def _text(cls, text: str) -> str:
        return by_name(text)


class Start(Frozen):
    """Where the weights come from: `folder` or `new`."""

    folder: Text | None = None
    """A model in diffusers' pipeline layout, or a name of `holocine models list`."""
    new: New | None = None
    """A transformer from nothing."""

    @field_validator("folder")
    @classmethod
    def _folder(cls, folder: str | None) -> str | None:
        return None if folder is None else by_name(folder)

    @model_validator(mode="after")
    def _one_start(self) -> Start:
        if (self.folder is None) == (self.new is None):
            raise ValueError("a model starts from `folder` or from `new`; give one of them")
        return self
