"""JSON Schema of a screenplay file, so that editors complete and check it."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from holocine_core.script import screenplay
from holocine_core.script.screenplay import SCENE_KEYS, Screenplay


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a screenplay file, for editors."""
    document = Screenplay.model_json_schema(by_alias=True)
    _describe(document)
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


def _describe(document: dict[str, Any]) -> None:
    """Put the text below each field into the schema.

    pydantic can do so itself, but reads the source whenever the models are imported.
    """
    for node in ast.parse(inspect.getsource(screenplay)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        whole = document if node.name == Screenplay.__name__ else document["$defs"].get(node.name)
        if whole is None:
            continue
        properties = whole["properties"]
        for field, text in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                key = field.target.id.removesuffix("_")
                properties[key]["description"] = inspect.cleandoc(str(text.value.value))
