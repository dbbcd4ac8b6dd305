"""A validated screenplay as a person would write it."""

from __future__ import annotations

from typing import Any

from holocine_core.script.screenplay import Screenplay
from holocine_core.script.yaml_source import yaml_of


def screenplay_yaml(screenplay: Screenplay) -> str:
    """YAML: defaults left out, a lone scene written flat."""
    data: dict[str, Any] = screenplay.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    # `characters` at the top is the film's, so a scene that lists its own keeps `scenes:`.
    if len(data["scenes"]) == 1 and "characters" not in data["scenes"][0]:
        data |= data.pop("scenes")[0]
    return yaml_of(data, width=100)
