"""Which models are here, and what lacks of the others. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from holocine_core.model.components import LocatedModel
from holocine_core.model.locate import find_model
from holocine_core.model.spec import MODELS, ModelSpec

Presence = Literal["here", "not here", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """A model of the table, or a folder, as it is on this machine."""

    located: LocatedModel

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
        if not self.located.missing:
            return "here"
        return "incomplete" if self.located.components else "not here"

    @property
    def where(self) -> str:
        """Where it lies, would lie, or what it lacks."""
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
    return ModelState(located=find_model(name, models_dir))


def model_states(models_dir: Path | None = None) -> tuple[ModelState, ...]:
    """All models of the table."""
    return tuple(model_state(name, models_dir) for name in MODELS)
