"""What a caller asks for beside the screenplay: one value for planning, filming and editing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from holocine_core.errors import InputError, Problem
from holocine_core.sampling import PROFILE_NAMES, OwnProfile, profile_hint, profile_name_fault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from holocine_core.model.components import LocatedModel
    from holocine_core.model.lora.file import LoraFile

WORK = ".holocine"
"""Name of the folder of work folders beside a film."""


SETTINGS = ("steps", "guidance", "size")
"""Settings of a profile that a call may ask for by themselves."""
PREVIEW = re.compile(r"\.preview(-[0-9]+)?$")
"""How the name of a draft ends, before its suffix."""


def bare_stem(path: Path) -> str:
    """A file's name without its suffix, and ``stdin`` of ``<stdin>``."""
    return path.stem.strip("<>") or path.stem


def stem_of(path: Path) -> str:
    """A file's name without its suffix, as the name of a folder: that of ``...yaml`` would be the
    folder above."""
    return path.stem if path.stem.strip(".") else path.name


def setting_hint(detail: ErrorDetails) -> str:
    """What pydantic finds wrong with a setting of a profile, as a remedy."""
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ").partition("; ")[2]
    if detail["type"] == "string_pattern_mismatch":
        return "write width x height in pixels: 832x480"
    return detail["msg"].replace("Input should be", "it must be")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What holds where neither a call nor the screenplay says it."""

    profile: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """None leaves the word to the screenplay, or to the film that is edited."""

    out: Path | None = None
    """The film to write; ``<screenplay>.mp4`` in the current folder, or the film that is edited,
    where None."""
    work: Path | None = None
    """Folder of the film's takes; ``.holocine/<screenplay>`` beside the film where None."""
    profile: str | None = None
    """``draft``, ``standard`` or ``final``, or a name in ``profiles``."""
    profiles: Mapping[str, OwnProfile] = field(default_factory=dict)
    """The user's own profiles by name: the call may ask for one, and so may the screenplay."""
    steps: int | None = None
    """Denoising steps, 1 to 200; goes before every profile's, as ``guidance`` and ``size`` do."""
    guidance: float | None = None
    """Pull of the prompt, 1 to 30."""
    size: str | None = None
    """``832x480``: width and height of the picture as it is generated, also of a draft's."""
    model: str | None = None
    """A model's name or folder."""
    expert_high: Path | None = None
    """The file of the model's high-noise expert, where it is another than the model's own."""
    expert_low: Path | None = None
    """The file of its low-noise expert."""
    resolved: Mapping[str, str] = field(default_factory=dict)
    """Which files of the model's folder a film that is edited was made with, by part."""
    located: LocatedModel | None = None
    """Its files, where the caller knows them: nothing of that name is looked for then."""
    seed: int | None = None
    """Of the scenes that have none of their own, 0 to 2**63 - 1."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    gpus: int = 1
    """How many of them make the film together."""
    memory: str = "auto"
    """Placement of the networks: ``auto``, or a strategy of ``model.placement``."""
    models_dir: Path | None = None
    """Where downloaded models lie; the user's cache where None."""
    loras: tuple[LoraFile, ...] = ()
    """Laid over the model beside the screenplay's. A film that is edited knows its LoRAs' names and
    hashes, not where they lie: they are given again."""
    draft: int = 1
    """Which of several drafts: each has seeds of its own, one higher than the one before."""
    from_draft: int | None = None
    """The draft to make the film from."""
    given: bytes | None = field(default=None, repr=False)
    """What the file that is named holds, where it lies nowhere, such as a screenplay from stdin:
    its path is a name for messages then, in the folder of its pictures and sounds."""
    outside: bool = False
    """Whether pictures and sounds may lie outside the screenplay's folder."""
    anew: bool = False
    """Whether what was made or begun under earlier settings of the model does not count; but the
    draft that a film is made from does."""
    fallback: Fallback = Fallback()
    """A configuration's profile and model: the screenplay's go before them. A film that is edited
    has its own."""
    settled: frozenset[str] = frozenset()
    """Fields that were asked for although they are as usual: no configuration changes them."""
    told_by: Mapping[str, str] = field(default_factory=dict)
    """By field, the file's line or the variable that said it, where a configuration did."""

    def __post_init__(self) -> None:
        """Scripts that nobody type-checks name files by texts; what can not be is refused here."""
        for name in ("out", "work", "models_dir", "expert_high", "expert_low"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, Path(given))
        self._require_profiles()
        self._require_settings()
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InputError(f"{self.seed} is no seed", hint="a seed is 0 to 9223372036854775807")
        for name, number in (("draft", self.draft), ("from_draft", self.from_draft)):
            if number is not None and number < 1:
                raise InputError(f"there is no draft {number}", hint=f"`{name}` counts from 1")

    def _require_profiles(self) -> None:
        for name in self.profiles:
            if fault := profile_name_fault(name):
                raise InputError(fault)
        if self.profile is not None and self.profile not in (*PROFILE_NAMES, *self.profiles):
            raise InputError(
                f"there is no profile '{self.profile}'",
                hint=profile_hint(self.profile, self.profiles),
            )

    def _require_settings(self) -> None:
        try:
            read = OwnProfile(**self.settings)
        except ValidationError as error:
            problems = [
                Problem(
                    f"{detail['input']!r} is no `{detail['loc'][0]}`", hint=setting_hint(detail)
                )
                for detail in error.errors()
            ]
            raise InputError.of(problems) from None
        object.__setattr__(self, "guidance", read.changes().get("guidance"))  # A float from now on.

    def beside(self, screenplay: Mapping[str, Any]) -> Request:
        """With its fallback where neither it nor the screenplay says anything.

        Args:
            screenplay: The file's data.
        """
        given = {
            name: value
            for name in ("profile", "model")
            if (value := getattr(self.fallback, name)) is not None
            and getattr(self, name) is None
            and name not in screenplay
        }
        idle = {"profile", "model"} - given.keys()
        told = {name: place for name, place in self.told_by.items() if name not in idle}
        return replace(self, **given, fallback=Fallback(), told_by=told)

    @property
    def settings(self) -> dict[str, Any]:
        """The sampling settings that are asked for by themselves, by name, as profiles have them;
        ``size`` as text."""
        given = {name: getattr(self, name) for name in SETTINGS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def outright(self) -> dict[str, Path]:
        """Files that were named, by the part of the model."""
        named = {"transformer": self.expert_high, "transformer_2": self.expert_low}
        return {part: path for part, path in named.items() if path is not None}

    def film(self, screenplay: Path) -> Path:
        """Where a screenplay's film goes."""
        if self.out is not None:
            return self.out
        return Path(f"{self.stem(screenplay)}.mp4")

    def stem(self, screenplay: Path) -> str:
        """What files are called that are named after a screenplay."""
        return screenplay.stem if self.given is None else bare_stem(screenplay)

    def named(self, screenplay: Path) -> Path:
        """What the film is named after where nothing else is said: the screenplay's file; where it
        lies in none, the film, and for its drafts the film that they are drafts of."""
        if self.given is None:
            return screenplay
        film = self.film(screenplay)
        return film.with_stem(PREVIEW.sub("", film.stem) or film.stem)

    def work_folder(self, screenplay: Path) -> Path:
        """Where its takes are kept."""
        if self.work is not None:
            return self.work
        return self.film(screenplay).parent / WORK / stem_of(self.named(screenplay))
