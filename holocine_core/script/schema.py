"""JSON Schema of a screenplay file, so that editors complete and check it."""

from __future__ import annotations

from typing import Any

from holocine_core.script.screenplay import SCENE_KEYS, Screenplay


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a screenplay file, for editors."""
    document = Screenplay.model_json_schema(by_alias=True)
    shorthand = {"Shot": "prompt", "TransitionTo": "kind", "Sound": "file", "Lora": "file"}
    for name, key in shorthand.items():
        whole = document["$defs"][name]
        plain = dict(whole["properties"][key])
        document["$defs"][name] = {
            "anyOf": [{**plain, "title": f"{name} as text"}, whole],
            "description": whole.get("description", ""),
        }
    scene = document["$defs"]["Scene"]["properties"]
    document["properties"] |= {
        key: value for key, value in scene.items() if key in SCENE_KEYS and key != "seed"
    }
    document.pop("required", None)
    document["anyOf"] = [{"required": [key]} for key in ("scenes", "shots", "prompt")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "holocine screenplay",
        **{key: value for key, value in document.items() if key != "title"},
    }
