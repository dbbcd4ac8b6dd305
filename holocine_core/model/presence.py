"""Which models are here, and what lacks of the others. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from holocine_core.errors import InputError, Problem
from holocine_core.model.added import Added, added_models
from holocine_core.model.components import LocatedModel
from holocine_core.model.home import models_folder
from holocine_core.model.locate import find_model, is_added
from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.model.stock import stock_wan

Presence = Literal["here", "not here", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """A model of the table, or a folder, as it is on this machine."""

    located: LocatedModel
    added: str = ""
    """The name that a user gave to it; empty where it has none."""
    fault: Problem | None = None
    """Why its files are of no use."""

    @property
    def name(self) -> str:
        """What it goes by."""
        return self.added or self.spec.name

    @property
    def hint(self) -> str:
        """What mends it; empty where nothing is to mend."""
        if self.fault is not None:
            return self.fault.hint
        return self.located.missing[0].hint if self.located.missing else ""

    @property
    def spec(self) -> ModelSpec:
        return self.located.spec

    @property
    def bytes(self) -> int:
        """To download, or to load where nothing is downloaded."""
        spec = self.spec
        if spec.sources:
            return sum(source.bytes for source in spec.sources)
        weights = spec.weight_bytes
        return sum(weights.values()) + (spec.experts - 1) * weights.get("transformer", 0)

    @property
    def presence(self) -> Presence:
        if self.fault is not None:
            return "incomplete"
        if not self.located.missing:
            return "here"
        return "incomplete" if self.located.components else "not here"

    @property
    def where(self) -> str:
        """Where it lies, would lie, or what it lacks."""
        if self.fault is not None:
            return self.fault.message
        if self.presence == "here":
            return "ships with holocine" if self.spec.embedded else f"in {self.located.folder}"
        if self.presence == "not here":
            return f"would lie in {self.located.folder}"
        return f"lacks {', '.join(sorted({file.part for file in self.located.missing}))}"


def model_state(name: str, models_dir: Path | None = None) -> ModelState:
    """One model, by its name or folder.

    Raises:
        InputError: There is no such model.
    """
    located = find_model(name, models_dir)
    return ModelState(located=located, added=name if is_added(name, models_dir) else "")


def model_states(models_dir: Path | None = None) -> tuple[ModelState, ...]:
    """All models of the table, and those that have a name of the user's."""
    added = added_models(models_folder(models_dir))
    table = (_state(name, MODELS[name], models_dir) for name in MODELS)
    own = (_state(one.name, _unknown(one), models_dir) for one in added.values())
    return (*table, *own)


def _state(name: str, spec: ModelSpec, models_dir: Path | None) -> ModelState:
    """One model, also where its files are of no use: the others are listed all the same."""
    try:
        return model_state(name, models_dir)
    except InputError as refused:
        fault = Problem(refused.message, refused.where, refused.hint)
        empty = LocatedModel(spec=spec, folder=models_folder(models_dir), components={})
        return ModelState(located=empty, added="" if name in MODELS else name, fault=fault)


def _unknown(one: Added) -> ModelSpec:
    return replace(stock_wan(), name=one.name, summary=f"the model in {one.folder}")
