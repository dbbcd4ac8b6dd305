"""How takes are denoised: one declaration for cards, recipes, screenplays and plans; and the shift
of the schedule with its inverse. No torch here.

A new setting is a field of :class:`Profile`, its use, and its line in docs/screenplay.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
    model_validator,
)

if TYPE_CHECKING:
    from torch import Tensor

Attention = Literal["sparse", "full"]
Sampler = Literal["euler", "unipc", "sde"]
ProfileName = Literal["draft", "standard", "final"]
PROFILE_NAMES: tuple[ProfileName, ...] = get_args(ProfileName)
PROFILE_WORD = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""What a profile may be called."""
PIXELS = (16, 8192)
"""Shortest and longest side of a picture in pixels: what every codec can hold."""
PIXELS_WORDS = f"each side has {PIXELS[0]} to {PIXELS[1]} pixels"
SIZE_WORDS = "write WIDTHxHEIGHT in pixels, with an x between"
"""How a size is written; which is best is a matter of the model."""


def _in_pixels(size: str) -> str:
    if not all(PIXELS[0] <= int(side) <= PIXELS[1] for side in size.split("x")):
        raise ValueError(f"`size` is '{size}'; {PIXELS_WORDS}")
    return size


FrameSize = Annotated[
    str,
    Field(pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$", examples=["832x480"]),
    AfterValidator(_in_pixels),
]
"""Width x height in pixels."""


def _as_given(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    check(value)
    return value


AS_GIVEN = WrapValidator(_as_given)
"""Whole numbers stay whole: a fingerprint tells 5 from 5.0, and cards have both."""


class Frozen(BaseModel):
    """A value whose keys are known, and nothing is coerced."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


CacheKind = Literal["first-block", "mag", "taylor"]


class Cache(Frozen):
    """How steps reuse what earlier ones computed."""

    kind: CacheKind
    """first-block skips all but the first block where that changed little; mag where the blocks'
    sum is told to have; taylor predicts what attention gives."""
    threshold: Annotated[float, Field(ge=0, le=10), AS_GIVEN] | None = None
    """Change below which first-block and mag reuse; 0 computes every step."""
    interval: Annotated[int, Field(ge=1, le=50)] | None = None
    """Of so many steps taylor computes one; 1 computes every step."""
    ratios: Annotated[tuple[float, ...], Field(strict=False, min_length=1)] | None = None
    """Of mag: by step, the size of what the blocks add to that of the step before, as measured."""
    ratios_2: Annotated[tuple[float, ...], Field(strict=False, min_length=1)] | None = None
    """The same of the low-noise expert."""

    @model_validator(mode="after")
    def _settings_are_of_the_kind(self) -> Cache:
        wanted = {"interval"} if self.kind == "taylor" else {"threshold"}
        wanted |= {"ratios"} if self.kind == "mag" else set()
        allowed = wanted | ({"ratios_2"} if self.kind == "mag" else set())
        given = {name for name, value in self if name != "kind" and value is not None}
        if lacking := sorted(wanted - given):
            raise ValueError(f"a cache of kind {self.kind} needs `{lacking[0]}`")
        if beside := sorted(given - allowed):
            raise ValueError(f"`{beside[0]}` does not belong to a cache of kind {self.kind}")
        return self

    @property
    def is_on(self) -> bool:
        """Whether any step may be reused."""
        return self.interval != 1 if self.kind == "taylor" else bool(self.threshold)

    def record(self) -> dict[str, Any]:
        """As cards, fingerprints and films hold it."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self
            if value is not None
        }


class Profile(Frozen):
    """The sampling settings that a profile stands for."""

    width: Annotated[int, Field(ge=1)]
    """In pixels."""
    height: Annotated[int, Field(ge=1)]
    """In pixels."""
    steps: Annotated[int, Field(ge=1, le=200)]
    """Denoising steps; the time grows linearly with them."""
    guidance: Annotated[float, Field(ge=1, le=30), AS_GIVEN]
    """Pull of the prompt; 1 switches guidance off and halves the cost."""
    guidance_stop: Annotated[float, Field(gt=0, le=1), AS_GIVEN] = 1.0
    """Share of the steps after which guidance stops; each of the rest costs half."""
    shift: Annotated[float, Field(gt=0, le=50), AS_GIVEN]
    """Timestep shift: higher spends more steps on layout, fewer on detail."""
    sampler: Sampler = "euler"
    """euler is the release's; unipc needs fewer steps; sde draws noise anew at every step."""
    eta: Annotated[float, Field(ge=0, le=1), AS_GIVEN] | None = None
    """Share of a step's noise that sde draws anew: 1 all of it, 0 none, which is euler."""

    cache: Cache | None = None
    """How steps reuse what earlier ones computed: faster, and another picture; none if left out."""

    @model_validator(mode="after")
    def _eta_is_of_sde(self) -> Profile:
        if self.eta is not None and self.sampler != "sde":
            raise ValueError(f"`eta` belongs to `sampler: sde`, not to {self.sampler}; drop it")
        return self

    def record(self) -> dict[str, Any]:
        """As cards, recipes, fingerprints and films hold it. What a sampler has no part in is left
        out, so that settings that come later change no key of a film that has none of them."""
        return {
            name: value.record() if isinstance(value, Cache) else value
            for name, value in self
            if value is not None
        }

    def in_floats(self) -> Profile:
        """With fractions as floats, as recipes have always been read."""
        given = {name: getattr(self, name) for name in FRACTIONS}
        floats = {name: None if value is None else float(value) for name, value in given.items()}
        return self.model_copy(update=floats)


class Sampling(Profile):
    """How a take is denoised."""

    text: Literal["scene", "per-shot"]
    """One encoding of the scene's whole prompt, or one for each shot."""
    attention: Attention
    """Self-attention between shots."""

    @property
    def guided_steps(self) -> int:
        """Steps, from the first on, that also run the network without the prompt."""
        return max(1, round(self.guidance_stop * self.steps)) if self.guidance > 1 else 0


_BOUNDS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def recorded(given: Mapping[str, Any]) -> Sampling:
    """How a film says that it was sampled, which may lie outside of what can be asked for today.

    Raises:
        ValidationError: A setting is unknown, or of another type.
    """
    try:
        return Sampling(**given)
    except ValidationError as error:
        if any(detail["type"] not in _BOUNDS for detail in error.errors()):
            raise
        return Sampling.model_construct(**dict(given))


FRACTIONS = frozenset({"guidance", "guidance_stop", "shift", "eta"})
"""Settings that need not be whole numbers."""
SIDES = frozenset({"width", "height"})


def adjustments() -> Any:
    """A model whose fields are those of :class:`Profile` but the size, each of which may be left
    out: what a screenplay changes."""
    fields: dict[str, Any] = {}
    for name, field in Profile.model_fields.items():
        if name not in SIDES:
            kind: Any = field.annotation
            for bound in field.metadata:  # A screenplay's numbers have always been floats.
                kind = kind if bound is AS_GIVEN else Annotated[kind, bound]
            fields[name] = (kind | None, None)
    return create_model("Adjustments", __base__=Frozen, **fields)


if TYPE_CHECKING:
    _Changes = Frozen
else:
    _Changes = adjustments()


class OwnProfile(_Changes):
    """A user's own profile: one of the three with changes, called by a name of its own."""

    base: ProfileName = "standard"
    """What it is a kind of: what is left out is as the model and the screenplay have it there."""
    size: FrameSize | None = None
    """Width x height, as it is generated, also of a draft."""

    def changes(self) -> dict[str, Any]:
        """Its settings by name, as :class:`Profile` has them; ``size`` as text. What is left out is
        not among them."""
        return {name: value for name, value in self if name != "base" and value is not None}

    def record(self) -> dict[str, Any]:
        """As films and other processes get it; back by ``OwnProfile.model_validate``."""
        changes = self.changes()
        cache = changes.get("cache")
        return {
            "base": self.base,
            **changes,
            **({"cache": cache.record()} if isinstance(cache, Cache) else {}),
        }


def profile_name_fault(name: str) -> str:
    """Why a user's own profile can not be called so; empty where it can."""
    if name.casefold() in PROFILE_NAMES:
        return f"'{name}' is every model's own profile: call yours otherwise"
    if not re.fullmatch(PROFILE_WORD, name):
        return f"'{name}' is no name of a profile: letters, digits, - and _ only, 64 at most"
    return ""


def profile_hint(name: str, own: Iterable[str]) -> str:
    """What to say beside an unknown profile's name.

    Args:
        name: As given.
        own: The user's own profiles.
    """
    known = [*PROFILE_NAMES, *own]
    near = difflib.get_close_matches(name, known, n=1)
    told = f"one of {', '.join(known)}"
    return f"did you mean '{near[0]}'? It is {told}" if near else f"it is {told}"


Level = TypeVar("Level", float, "Tensor")
"""A noise level, 0 to 1, or many."""


def shifted(even: Level, shift: float) -> Level:
    """The sigma of a place in an even schedule, 0 to 1 (Esser et al., arXiv 2403.03206, eq. 23).

    Args:
        even: 1 at the start of the sampling, 0 at its end.
        shift: 1 changes nothing; a higher one spends more steps at high noise.
    """
    return shift * even / (1 + (shift - 1) * even)


def unshifted(sigma: Level, shift: float) -> Level:
    """The place in an even schedule that :func:`shifted` makes ``sigma`` of."""
    return sigma / (shift - (shift - 1) * sigma)
