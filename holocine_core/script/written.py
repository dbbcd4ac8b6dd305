"""A validated screenplay as a person would write it."""

from __future__ import annotations

from typing import Any

from holocine_core.script.screenplay import Screenplay
from holocine_core.script.yaml_source import yaml_of

CHOICES = ("model", "profile")
"""What a project may set where a screenplay says nothing: a default that is said is no default."""


def screenplay_yaml(screenplay: Screenplay, *, choices: bool = False) -> str:
    """YAML: defaults left out, a lone scene written flat.

    Args:
        screenplay: To write.
        choices: Keep those of :data:`CHOICES` that it says, also where they are defaults.
    """
    data: dict[str, Any] = screenplay.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if choices:
        said = [name for name in CHOICES if name in screenplay.model_fields_set]
        data = {name: getattr(screenplay, name) for name in said} | data
    # `characters` at the top is the film's, so a scene that lists its own keeps `scenes:`.
    if len(data["scenes"]) == 1 and "characters" not in data["scenes"][0]:
        data |= data.pop("scenes")[0]
    return yaml_of(data, width=100)
