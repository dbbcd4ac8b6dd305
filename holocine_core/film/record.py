"""What a film and its sidecar say, read as what it must be: each field of its kind, in its bounds.

Films travel, and whatever edits tags may have changed theirs. Fields that a later version adds are
let through; those that films of before had not may be missing.

May import: script. No torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from holocine_core.errors import InputError
from holocine_core.sampling import FrameSize, OwnProfile
from holocine_core.script.edits import read_edits
from holocine_core.script.screenplay import Seed
from holocine_core.script.yaml_source import short
from holocine_core.store.records import read_record

OWN = "own_profile"
"""Name of the part that tells of a user's own profile."""
_CHANGED = "its tags were changed: take the file that holocine rendered, or render it anew"


class _Told(BaseModel):
    """A mapping of ours that a later version may have added to."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


def _rate(text: str) -> str:
    if len(text) > 40:
        raise ValueError("a rate has no such length")
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError("must be a rate such as 15 or 30000/1001") from None
    if not 0 < rate <= 1000:
        raise ValueError("must be a rate above 0, 1000 at most")
    return text


Rate = Annotated[str, AfterValidator(_rate)]
Frames = Annotated[int, Field(ge=0, le=10_000_000)]
Number = Annotated[float, Field(ge=-1e9, le=1e9)]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
"""Becomes a file's name."""
Whole = Annotated[int, Field(ge=0, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=100_000)]


class _Length(_Told):
    got: Annotated[int, Field(ge=1, le=10_000_000)]


class _Cut(_Told):
    got: Frames


class _Passing(_Told):
    kind: str
    frames: Frames


class _Sampled(_Told):
    width: Count
    height: Count
    steps: Count
    guidance: Number
    shift: Number
    sampler: str = "euler"
    attention: str
    eta: Number | None = None


class _Draft(_Told):
    fingerprint: Key
    sampling: _Sampled


class _Lora(_Told):
    file: str
    weight: Number
    expert: str


class _ShotLora(_Lora):
    shots: list[Whole]


class _Shot(_Told):
    prompt: str
    begins: Annotated[str, Field(alias="in")]
    ends: Annotated[str, Field(alias="out")]
    seed: Seed | None = None


class _Take(_Told):
    scene: str
    frames: _Length
    cuts: list[_Cut]
    seed: Seed
    sampling: _Sampled
    prompt: str
    transition: _Passing
    fingerprint: Key
    draft: _Draft | None = None
    lora: list[_ShotLora] = []
    shots: Annotated[list[_Shot], Field(min_length=1)]

    @model_validator(mode="after")
    def _cuts_part_shots(self) -> _Take:
        cuts = [0, *(cut.got for cut in self.cuts), self.frames.got]
        if any(after <= before for before, after in pairwise(cuts)):
            raise ValueError("its cuts do not follow each other inside its frames")
        if len(self.shots) != len(self.cuts) + 1:
            raise ValueError(f"{len(self.shots)} shots do not go with {len(self.cuts)} cuts")
        return self


class _Model(_Told):
    name: str
    licence: str
    files: dict[str, str]
    resolved: dict[str, str] = {}


class _Card(_Told):
    text: str
    frames: Annotated[int, Field(ge=1, le=100_000)]


class _Options(_Told):
    profile: str | None = None
    model: str | None = None
    seed: Seed | None = None
    steps: Count | None = None
    guidance: Number | None = None
    size: FrameSize | None = None
    draft: Annotated[int, Field(ge=1)] = 1
    from_draft: Annotated[int | None, Field(alias="from-draft", ge=1)] = None
    expert_high: Annotated[str | None, Field(alias="expert-high")] = None
    expert_low: Annotated[str | None, Field(alias="expert-low")] = None


class _Provenance(_Told):
    # Not stricter: a film of a later version is read as far as it is understood.
    title: str
    screenplay: str
    profile: str
    own_profile: dict[str, Any] | None = None
    fps: Rate
    model: _Model
    lora: list[_Lora] = []
    options: _Options = _Options()
    edits: list[dict[str, Any]] = []
    cards: dict[Literal["opening", "closing"], _Card] = {}
    takes: Annotated[list[_Take], Field(min_length=1)]
    versions: dict[str, str] = {}


class _Sidecar(_Told):
    """All may be missing: a sidecar that lacks something is that of an earlier version."""

    key: str = ""
    bytes: Annotated[int, Field(ge=0)] = 0
    sha256: str = ""
    work: Annotated[str, Field(min_length=1)] | None = None
    screenplay_file: Annotated[str, Field(min_length=1)] | None = None


def read_provenance(text: str, film: Path) -> dict[str, Any]:
    """A film's provenance, out of the text of its tag.

    Raises:
        InputError: It is no provenance; with what is wrong.
    """
    try:
        document = json.loads(text)
        # Neither halves of characters nor numbers that JSON has not: nobody could write it again.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise _damaged(film, f"it is no JSON: {short(str(error))}") from None
    return checked_provenance(document, film)


def checked_provenance(document: Any, where: Path, hint: str = _CHANGED) -> dict[str, Any]:
    """A provenance, from a film, its sidecar or the record of a version.

    Args:
        document: What is said.
        where: It was found.
        hint: What to do where it is none.

    Raises:
        InputError: It is none; with what is wrong.
    """
    try:
        _Provenance.model_validate(document)
    except ValidationError as error:
        raise _damaged(where, _first(error), hint) from None
    try:
        read_edits(document.get("edits", []))
    except ValidationError:
        raise InputError(
            "the film carries edits that this holocine does not know",
            where=str(where),
            hint="it was made by a newer version: update holocine",
        ) from None
    return {"lora": [], "versions": {}, **document}


def own_profiles(made: Mapping[str, Any]) -> dict[str, OwnProfile]:
    """The user's own profile that a film was made by, by its name; none where it was the model's.

    Args:
        made: The film's provenance.

    Raises:
        InputError: It is one that this holocine does not understand.
    """
    told = made.get(OWN)
    if told is None:
        return {}
    try:
        return {made["profile"]: OwnProfile.model_validate(told)}
    except ValidationError as error:
        raise InputError(
            f"the film's profile '{made['profile']}' is not understood: {_first(error)}",
            hint="it was made by a newer version: update holocine",
        ) from None


def read_sidecar(path: Path) -> dict[str, Any]:
    """What the sidecar of a film says; nothing where there is none.

    Raises:
        InputError: It is there and is no sidecar; with what is wrong.
    """
    try:
        found = read_record(path) or {}
        _Sidecar.model_validate(found)
    except (ValidationError, InputError, RecursionError) as error:
        reason = _first(error) if isinstance(error, ValidationError) else short(str(error))
        raise InputError(
            f"the film's sidecar is damaged: {reason}",
            where=str(path),
            hint="render the screenplay again: that writes it anew; or name the film's work folder "
            "with --work",
        ) from None
    return found


def _damaged(where: Path, reason: str, hint: str = _CHANGED) -> InputError:
    return InputError(f"the film's provenance is damaged: {reason}", where=str(where), hint=hint)


def _first(error: ValidationError) -> str:
    """What is wrong with the first field that something is wrong with."""
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in detail["loc"]) or "the whole"
    reason = detail["msg"].removeprefix("Value error, ")
    return f"`{short(place)}`: {reason[:1].lower()}{short(reason[1:])}"
