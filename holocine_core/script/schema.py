"""JSON Schema of a screenplay file, so that editors complete and check it."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from holocine_core import sampling
from holocine_core.script import screenplay
from holocine_core.script.screenplay import SCENE_KEYS, Screenplay
from holocine_core.script.timing import CUT_FORMS


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a screenplay file, for editors."""
    document = Screenplay.model_json_schema(by_alias=True)
    _describe(document)
    shorthand = {"Shot": "prompt", "TransitionTo": "kind", "Sound": "file", "Music": "file"}
    shorthand |= {"Lora": "file", "Card": "text"}
    for name, key in shorthand.items():
        whole = document["$defs"][name]
        plain = dict(whole["properties"][key])
        document["$defs"][name] = {
            "anyOf": [{**plain, "title": f"{name} as text"}, whole],
            "description": whole.get("description", ""),
        }
    scene = document["$defs"]["Scene"]
    scene["properties"]["cuts"]["anyOf"][0]["items"] = _CUT
    flat = [key for key in scene["properties"] if key in SCENE_KEYS and key != "seed"]
    document["properties"] |= {key: scene["properties"][key] for key in flat}
    document["properties"]["characters"]["propertyNames"] = {"pattern": _NAME}
    document["properties"]["characters"]["additionalProperties"]["pattern"] = r"\S"
    document.pop("required", None)
    scene |= _one_of_shots_and_prompt("characters")
    document["oneOf"] = [
        {"required": ["scenes"], "not": {"anyOf": [{"required": [key]} for key in flat]}},
        {"not": {"required": ["scenes"]}, **_one_of_shots_and_prompt()},
    ]
    document["$defs"]["Shot"]["anyOf"][1]["not"] = {"required": ["seconds", "frames"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "holocine screenplay",
        **{key: value for key, value in document.items() if key != "title"},
    }


_CUT = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "pattern": "|".join(each.pattern for each in CUT_FORMS)},
    ]
}
_NAME = r"^[A-Za-z_\u00aa-\uffff][A-Za-z0-9_\u00aa-\uffff]*$"
"""Near enough: what Python calls an identifier has no short pattern."""


def _one_of_shots_and_prompt(*others: str) -> dict[str, Any]:
    """What a scene says once: its shots or a raw prompt, its length in frames or in seconds."""
    beside_prompt = ("shots", "global", *others)
    both = [("seconds", "frames"), *(("prompt", key) for key in beside_prompt)]
    return {
        "anyOf": [{"required": ["shots"]}, {"required": ["prompt"]}],
        "allOf": [{"not": {"required": list(pair)}} for pair in both],
    }


def _describe(document: dict[str, Any]) -> None:
    """Put the text below each field into the schema.

    pydantic can do so itself, but reads the source whenever the models are imported.
    """
    for module, names in ((sampling, {"Profile": "Adjusted"}), (screenplay, {})):
        for node in ast.parse(inspect.getsource(module)).body:
            if not isinstance(node, ast.ClassDef):
                continue
            name = names.get(node.name, node.name)
            whole = document if name == Screenplay.__name__ else document["$defs"].get(name)
            if whole is not None:
                _describe_fields(whole["properties"], node)


def _describe_fields(properties: dict[str, Any], node: ast.ClassDef) -> None:
    for field, text in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and (key := field.target.id.removesuffix("_")) in properties
        ):
            properties[key]["description"] = inspect.cleandoc(str(text.value.value))
