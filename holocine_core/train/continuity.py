"""Whether a run goes on under the recipe that it was begun with."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from holocine_core.errors import InputError
from holocine_core.train.recipe import Phase, Recipe

FREE = frozenset(
    {"out", "films", "held_out", "checkpoints", "tensorboard", "tracker", "cache", "ulysses"}
)
"""Keys of a recipe that may change between two calls: they do not move the weights."""
FILMED = "model.new.card.profiles"
"""How a new model's films are sampled does not move its weights either."""
TUNED = frozenset({"optimizer.lr", "optimizer.clip"})
"""Keys that may change although they do: what a run that went wrong needs. The change is told, and
kept beside the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The checkpoint with the lowest held-out loss.

    Attributes:
        step: After which it was kept.
        loss: Its held-out loss.
        told_by: What that was measured on; losses on other samples are no higher or lower.
    """

    step: int
    loss: float
    told_by: list[Any]


def measured_on(recipe: Recipe, phase: Phase) -> list[Any]:
    """What a phase's held-out loss is measured on, as JSON."""
    held_out = recipe.held_out
    keys = {"size"} if phase.data is not None else {"frames", "shots", "world", "size"}
    of_phase = phase.model_dump(mode="json", include=keys)
    return [held_out.data, held_out.scenes, held_out.bins, of_phase]


def tuned_since(
    recipe: Recipe, start: Mapping[str, str], metadata: Mapping[str, str], path: Path
) -> list[str]:
    """What was tuned since a checkpoint was kept.

    Args:
        recipe: As it is now.
        start: What the run starts from, as far as it is known: parts of the model and folders of
            samples -> its hash.
        metadata: What the checkpoint says of itself.
        path: Where it is.

    Raises:
        InputError: It was made by another recipe, or from something else; names what differs.
    """
    mine = json.loads(recipe.model_dump_json())
    made_by = _filled(metadata.get("recipe", "{}"))
    differing = [
        (name, f"{name} ({_short(old)} -> {_short(new)})")
        for key in sorted(mine.keys() | made_by.keys())
        if key not in FREE
        for name, old, new in _differences(key, made_by.get(key), mine.get(key))
        if not name.startswith(FILMED)
    ]
    refused = sorted(told for name, told in differing if name not in TUNED)
    if refused:
        raise InputError(
            f"this run was begun with another recipe: {', '.join(refused)} differ",
            where=str(path),
            hint="put them back to go on, or give the changed recipe its own `out:`",
        )
    began = json.loads(metadata.get("start", "{}"))
    changed = [part for part in began if start.get(part, began[part]) != began[part]]
    if changed:
        raise InputError(
            f"what this run began from has changed: {', '.join(sorted(changed))}",
            where=str(path),
            hint="put it back to go on, or give the run its own `out:` to begin from it",
        )
    return [told for _, told in differing]


def _filled(text: str) -> dict[str, Any]:
    """A recipe as an earlier version may have written it, with the defaults of later keys."""
    tree = json.loads(text)
    for phase in tree.get("phases", ()):
        if phase.get("data") is not None:
            phase.pop("world", None)  # It stood there for nothing.
    text = json.dumps(tree)
    # Keys that are no more are left as they are, and so count as differing.
    with contextlib.suppress(ValidationError):
        text = Recipe.model_validate_json(text).model_dump_json()
    filled: dict[str, Any] = json.loads(text)
    return filled


def _differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Dotted name of each difference, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{key}.{i}", before, after)
    elif old != new:
        yield key, old, new


def _short(value: Any) -> str:
    return "a list" if isinstance(value, list) else "other" if isinstance(value, dict) else value
